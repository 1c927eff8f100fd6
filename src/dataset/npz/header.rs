//! The header of a NumPy array.

/// What a header says.
#[derive(Debug, PartialEq, Eq)]
pub struct Header {
    /// The type of the values as NumPy writes it: `|u1`, `<i8`.
    pub descr: String,
    /// Whether the first axis varies fastest, not the last one.
    pub fortran_order: bool,
    /// The length along each axis.
    pub shape: Vec<usize>,
}

impl Header {
    /// Reads `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`, in any order; none if it is
    /// anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        let mut rest = text.trim().strip_prefix('{')?.trim_start();
        while !rest.starts_with('}') {
            let (key, after) = quoted(rest)?;
            let value = after.trim_start().strip_prefix(':')?.trim_start();
            let (replaced, after) = match key {
                "descr" => {
                    let (value, after) = quoted(value)?;
                    (descr.replace(value.to_owned()).is_some(), after)
                }
                "fortran_order" => {
                    let (value, after) = boolean(value)?;
                    (fortran_order.replace(value).is_some(), after)
                }
                "shape" => {
                    let (value, after) = tuple(value)?;
                    (shape.replace(value).is_some(), after)
                }
                _ => return None,
            };
            if replaced {
                return None;
            }
            let after = after.trim_start();
            rest = match after.strip_prefix(',') {
                Some(after) => after.trim_start(),
                None if after.starts_with('}') => after,
                None => return None,
            };
        }
        (rest == "}").then_some(())?;
        Some(Self {
            descr: descr?,
            fortran_order: fortran_order?,
            shape: shape?,
        })
    }
}

/// A string without escapes, and what follows it.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let quote = text.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let (value, rest) = text[1..].split_once(quote)?;
    (!value.contains('\\')).then_some((value, rest))
}

fn boolean(text: &str) -> Option<(bool, &str)> {
    let words = [("True", true), ("False", false)];
    let mut values = words.into_iter();
    values.find_map(|(word, value)| Some((value, text.strip_prefix(word)?)))
}

/// Numbers in parentheses, and what follows them.
fn tuple(text: &str) -> Option<(Vec<usize>, &str)> {
    let (inside, rest) = text.strip_prefix('(')?.split_once(')')?;
    let inside = inside.trim();
    let numbers = inside.strip_suffix(',').unwrap_or(inside);
    if numbers.is_empty() {
        return inside.is_empty().then(|| (Vec::new(), rest));
    }
    let number = |text: &str| {
        let digits = text.trim();
        let all = digits.bytes().all(|c| c.is_ascii_digit());
        all.then(|| digits.parse().ok()).flatten()
    };
    Some((numbers.split(',').map(number).collect::<Option<_>>()?, rest))
}

/// The type of an array's values.
#[derive(Clone, Copy)]
pub struct Dtype {
    /// `u` of unsigned, `i` of signed numbers, `b` of truth values, `f` of floating point.
    pub kind: char,
    /// Bytes of a value.
    pub bytes: usize,
    big_endian: bool,
}

impl Dtype {
    /// Understands `<i4`; none of what is no single number.
    pub fn parse(descr: &str) -> Option<Self> {
        let order = descr.chars().next().filter(|c| "<>|=".contains(*c))?;
        let kind = descr.chars().nth(1)?;
        Some(Self {
            kind,
            bytes: descr.get(2..)?.parse().ok()?,
            big_endian: order == '>',
        })
    }

    /// Whether the values are whole numbers that [`integer`](Self::integer) understands.
    pub fn is_integer(&self) -> bool {
        let bytes: &[usize] = match self.kind {
            'u' | 'i' => &[1, 2, 4, 8],
            'b' => &[1],
            _ => &[],
        };
        bytes.contains(&self.bytes)
    }

    /// The value of up to eight bytes.
    pub fn integer(&self, bytes: &[u8]) -> i128 {
        let fold = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        let value = match self.big_endian {
            true => bytes.iter().fold(0, fold),
            false => bytes.iter().rev().fold(0, fold),
        };
        let unused = 64 - 8 * bytes.len() as u32;
        match self.kind {
            'i' => i128::from((value << unused) as i64 >> unused),
            _ => i128::from(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_in_any_order_and_spacing() {
        let header = |descr: &str, fortran_order, shape: &[usize]| Header {
            descr: descr.to_owned(),
            fortran_order,
            shape: shape.to_owned(),
        };
        for (text, expected) in [
            (
                "{'descr': '|u1', 'fortran_order': False, 'shape': (60000, 28, 28), }   \n",
                header("|u1", false, &[60000, 28, 28]),
            ),
            (
                "{\"shape\":(7,),\"fortran_order\":True,\"descr\":\"<i8\"}",
                header("<i8", true, &[7]),
            ),
            (
                "{ 'fortran_order' : False , 'descr' : '>u2' , 'shape' : ( 3 , 1 ) }",
                header(">u2", false, &[3, 1]),
            ),
            (
                "{'descr': '|b1', 'fortran_order': False, 'shape': ()}",
                header("|b1", false, &[]),
            ),
        ] {
            assert_eq!(Header::parse(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_header_is_refused() {
        for text in [
            "",
            "{}",
            "{'descr': '|u1', 'fortran_order': False}",
            "{'descr': '|u1', 'fortran_order': False, 'shape': (1,)",
            "{'descr': '|u1', 'fortran_order': False, 'shape': (1,)} {}",
            "{'descr': '|u1', 'fortran_order': False, 'shape': (1,), 'more': 1}",
            "{'descr': '|u1', 'descr': '|u1', 'fortran_order': False, 'shape': (1,)}",
            "{'descr': '|u1' 'fortran_order': False, 'shape': (1,)}",
            "{'descr': [('a', '<i4')], 'fortran_order': False, 'shape': (1,)}",
            "{'descr': '|u1', 'fortran_order': 0, 'shape': (1,)}",
            "{'descr': '|u1', 'fortran_order': False, 'shape': (-1,)}",
            "{'descr': '|u1', 'fortran_order': False, 'shape': (+1,)}",
            "{'descr': '|u1', 'fortran_order': False, 'shape': (1,,2)}",
            "{'descr': '|u1', 'fortran_order': False, 'shape': (,)}",
            "{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999,)}",
            "{'descr': 'é', 'fortran_order': False, 'shape': 1}",
        ] {
            assert_eq!(Header::parse(text), None, "{text}");
        }
    }
}
