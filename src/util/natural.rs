//! The order in which people number and name things: 1, 2, 10, and `a` beside `A`.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::iter::Peekable;
use std::path::Path;
use std::str::Chars;

/// Compares names: numbers in them by their value, letters first whatever their case. Names that only
/// differ in what that leaves out are told apart by their bytes.
pub fn compare(a: &OsStr, b: &OsStr) -> Ordering {
    // Most are the folders that two paths share.
    if a == b {
        return Ordering::Equal;
    }
    let words = compare_words(&a.to_string_lossy(), &b.to_string_lossy());
    words.then_with(|| a.as_encoded_bytes().cmp(b.as_encoded_bytes()))
}

/// Compares paths name by name, so that what lies in one folder stays together.
pub fn compare_paths(a: &Path, b: &Path) -> Ordering {
    let (mut a, mut b) = (a.iter(), b.iter());
    loop {
        let order = match (a.next(), b.next()) {
            (Some(a), Some(b)) => compare(a, b),
            (None, None) => return Ordering::Equal,
            (a, b) => a.is_some().cmp(&b.is_some()),
        };
        if order.is_ne() {
            return order;
        }
    }
}

fn compare_words(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.chars().peekable(), b.chars().peekable());
    loop {
        let (Some(&first_a), Some(&first_b)) = (a.peek(), b.peek()) else {
            return a.peek().is_some().cmp(&b.peek().is_some());
        };
        let order = match first_a.is_ascii_digit() && first_b.is_ascii_digit() {
            true => {
                let (a, b) = (number(&mut a), number(&mut b));
                // Without leading zeros, more digits are a larger number.
                a.len().cmp(&b.len()).then_with(|| a.cmp(&b))
            }
            false => {
                a.next();
                b.next();
                first_a.to_lowercase().cmp(first_b.to_lowercase())
            }
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// Takes the digits that are next, without leading zeros.
fn number(text: &mut Peekable<Chars<'_>>) -> String {
    let mut digits = String::new();
    while let Some(digit) = text.next_if(char::is_ascii_digit) {
        if !digits.is_empty() || digit != '0' {
            digits.push(digit);
        }
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_the_order_of_people() {
        let expected = [
            "",
            "-1",
            "0",
            "00",
            "01",
            "1",
            "1a",
            "2",
            "10",
            "99999999999999999999",
            "100000000000000000000",
            "A",
            "a",
            "A 1",
            "a1",
            "a2",
            "a10b",
            "B",
            "b",
            "É",
            "é",
            "日本",
        ]
        .map(OsStr::new);
        let mut names = expected;
        names.reverse();
        names.sort_by(|a, b| compare(a, b));
        assert_eq!(names, expected);
    }

    #[test]
    fn paths_are_compared_name_by_name() {
        let expected = ["a", "a/2", "a/10", "a/10/b", "a b/1", "a-b", "b"].map(Path::new);
        let mut paths = expected;
        paths.reverse();
        paths.sort_by(|a, b| compare_paths(a, b));
        assert_eq!(paths, expected);
    }
}
