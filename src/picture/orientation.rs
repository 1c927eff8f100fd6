//! The one thing that matters of what a file says about its picture: which way is up.

/// Tag of the orientation (EXIF 2.32, section 4.6.4).
const ORIENTATION: u16 = 0x0112;
/// Size of an entry of a directory: tag, type, count, value.
const ENTRY: usize = 12;
/// The orientation in XMP (XMP specification, part 2, section 2.3).
const IN_XMP: &[u8] = b"tiff:Orientation";

/// The orientation, 1 to 8, that EXIF data state in their first directory, as an integer of any
/// type; none if they state none or are not of that form.
pub(super) fn of_exif(exif: &[u8]) -> Option<u8> {
    let tiff = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    let value = u8::try_from(number(tiff, ORIENTATION)?).ok()?;
    (1..=8).contains(&value).then_some(value)
}

/// The orientation, 1 to 8, that XMP data state, as an attribute or as an element.
pub(super) fn of_xmp(xmp: &[u8]) -> Option<u8> {
    let names = xmp.windows(IN_XMP.len()).enumerate();
    let mut after_names = names.filter_map(|(at, name)| {
        let after = name == IN_XMP;
        after.then(|| xmp[at + IN_XMP.len()..].trim_ascii_start())
    });
    after_names.find_map(|after| {
        let value = after.strip_prefix(b"=").or(after.strip_prefix(b">"))?;
        let value = value.trim_ascii_start();
        let quoted = value.strip_prefix(b"\"").or(value.strip_prefix(b"'"));
        match quoted.unwrap_or(value) {
            [digit @ b'1'..=b'8', end, ..] if !end.is_ascii_digit() => Some(digit - b'0'),
            _ => None,
        }
    })
}

/// The first value of this tag in the first directory of a TIFF structure; none if it is no integer.
pub(super) fn number(tiff: &[u8], tag: u16) -> Option<u32> {
    let big_endian = match tiff.get(..4)? {
        b"MM\0*" => true,
        b"II*\0" => false,
        _ => return None,
    };
    let read = |at: usize, size: usize| {
        let bytes = tiff.get(at..at.checked_add(size)?)?;
        let join = |number: u32, &byte: &u8| number << 8 | u32::from(byte);
        Some(match big_endian {
            true => bytes.iter().fold(0, join),
            false => bytes.iter().rev().fold(0, join),
        })
    };
    let directory = usize::try_from(read(4, 4)?).ok()?;
    let entries = usize::try_from(read(directory, 2)?).ok()?;
    let entry = (0..entries)
        .map_while(|index| directory.checked_add(2 + index * ENTRY))
        .find(|&at| read(at, 2) == Some(tag.into()))?;
    let size: usize = match read(entry + 2, 2)? {
        1 | 6 => 1, // BYTE and SBYTE
        3 | 8 => 2, // SHORT and SSHORT
        4 | 9 => 4, // LONG and SLONG
        _ => return None,
    };
    // What does not fit into the entry lies elsewhere.
    let count = usize::try_from(read(entry + 4, 4)?).ok()?;
    let at = match size.checked_mul(count)? {
        1..=4 => entry + 8,
        0 => return None,
        _ => usize::try_from(read(entry + 8, 4)?).ok()?,
    };
    read(at, size)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of two entries, of which the second is the orientation.
    fn tiff(big_endian: bool, kind: u32, value: u32) -> Vec<u8> {
        let number = |value: u32, size: usize| {
            let mut bytes = value.to_be_bytes()[4 - size..].to_vec();
            if !big_endian {
                bytes.reverse();
            }
            bytes
        };
        let mut tiff = if big_endian { b"MM" } else { b"II" }.to_vec();
        tiff.extend([number(42, 2), number(8, 4), number(2, 2)].concat());
        for (tag, kind, value) in [(0x010f, 3, 3), (0x0112, kind, value)] {
            tiff.extend([number(tag, 2), number(kind, 2), number(1, 4)].concat());
            let size = [1, 1, 1, 2, 4, 8, 1, 1, 2, 4][kind as usize];
            let value = number(value, size.min(4));
            tiff.extend(value.into_iter().chain([0; 4]).take(4));
        }
        tiff
    }

    #[test]
    fn the_orientation_is_read_in_both_byte_orders_and_of_every_type() {
        for big_endian in [true, false] {
            for kind in [1, 3, 4, 6, 8, 9] {
                let tiff = tiff(big_endian, kind, 6);
                assert_eq!(of_exif(&tiff), Some(6), "type {kind}");
                assert_eq!(of_exif(&[b"Exif\0\0", &tiff[..]].concat()), Some(6));
            }
            // Text, a fraction.
            for kind in [2, 5] {
                assert_eq!(of_exif(&tiff(big_endian, kind, 6)), None, "type {kind}");
            }
        }
    }

    #[test]
    fn of_several_values_the_first_counts() {
        let mut file = tiff(true, 3, 6);
        let count = file.len() - 5;
        file[count] = 2;
        assert_eq!(of_exif(&file), Some(6));
        // Three no longer fit, and stand where the value points to.
        file[count] = 3;
        let end = file.len() as u8;
        file.splice(count + 1.., [0, 0, 0, end, 0, 8, 0, 1, 0, 1]);
        assert_eq!(of_exif(&file), Some(8));
        file[count] = 0;
        assert_eq!(of_exif(&file), None);
    }

    #[test]
    fn whatever_is_no_orientation_is_none() {
        for value in [0, 9, 0x0600, 0x0001_0006, u32::MAX] {
            assert_eq!(of_exif(&tiff(true, 4, value)), None);
        }
        let whole = tiff(false, 3, 8);
        let value_ends = whole.len() - 2;
        for end in 0..value_ends {
            assert_eq!(of_exif(&whole[..end]), None, "cut off after {end}");
        }
        // A directory, and a value, beyond the end, as far as an offset goes.
        let mut far = whole.clone();
        far[4..8].fill(0xff);
        assert_eq!(of_exif(&far), None);
        let mut far = whole;
        let count = far.len() - 8;
        far[count..].fill(0xff);
        assert_eq!(of_exif(&far), None);
    }

    #[test]
    fn xmp_states_it_as_an_attribute_or_an_element() {
        for (xmp, orientation) in [
            ("<rdf:Description tiff:Orientation=\"6\" a=\"b\"/>", Some(6)),
            ("<rdf:Description tiff:Orientation = '8'/>", Some(8)),
            ("<tiff:Orientation>3</tiff:Orientation>", Some(3)),
            ("<tiff:Orientation>\n 5 </tiff:Orientation>", Some(5)),
            ("<tiff:Orientation/><tiff:Orientation>2<", Some(2)),
            ("<tiff:Orientation>0</tiff:Orientation>", None),
            ("<tiff:Orientation>16</tiff:Orientation>", None),
            ("tiff:Orientation=\"6", None),
            ("tiff:Orientation", None),
            ("", None),
        ] {
            assert_eq!(of_xmp(xmp.as_bytes()), orientation, "{xmp}");
        }
    }
}
