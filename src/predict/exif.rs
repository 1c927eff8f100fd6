//! The one thing that matters of a picture's EXIF data: which way is up.

/// Tag of the orientation (EXIF 2.32, section 4.6.4).
const ORIENTATION: u16 = 0x0112;
/// Size of an entry of a directory: tag, type, count, value.
const ENTRY: usize = 12;

/// The orientation, 1 to 8, that a TIFF structure states in its first directory; none if it states
/// none or is not of that form.
pub(super) fn orientation(tiff: &[u8]) -> Option<u16> {
    let big_endian = match tiff.get(..4)? {
        b"MM\0*" => true,
        b"II*\0" => false,
        _ => return None,
    };
    let u16_at = |at: usize| {
        let bytes = tiff.get(at..)?.first_chunk()?;
        Some(match big_endian {
            true => u16::from_be_bytes(*bytes),
            false => u16::from_le_bytes(*bytes),
        })
    };
    let bytes = tiff.get(4..)?.first_chunk()?;
    let directory = usize::try_from(match big_endian {
        true => u32::from_be_bytes(*bytes),
        false => u32::from_le_bytes(*bytes),
    })
    .ok()?;
    let entries = usize::from(u16_at(directory)?);
    let entry = (0..entries)
        .map_while(|index| directory.checked_add(2 + index * ENTRY))
        .find(|&at| u16_at(at) == Some(ORIENTATION))?;
    // The value is a 16-bit number at the beginning of its field, in either byte order.
    u16_at(entry + 8).filter(|value| (1..=8).contains(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of two entries, of which the second is the orientation.
    fn tiff(big_endian: bool, value: u16) -> Vec<u8> {
        let number = |value: u32, size: usize| {
            let mut bytes = value.to_be_bytes()[4 - size..].to_vec();
            if !big_endian {
                bytes.reverse();
            }
            bytes
        };
        let mut tiff = if big_endian { b"MM" } else { b"II" }.to_vec();
        tiff.extend([number(42, 2), number(8, 4), number(2, 2)].concat());
        for (tag, value) in [(0x010f, 3), (ORIENTATION, value)] {
            tiff.extend([number(tag.into(), 2), number(3, 2), number(1, 4)].concat());
            tiff.extend([number(value.into(), 2), vec![0, 0]].concat());
        }
        tiff
    }

    #[test]
    fn the_orientation_is_read_in_both_byte_orders() {
        for big_endian in [true, false] {
            assert_eq!(orientation(&tiff(big_endian, 6)), Some(6));
        }
    }

    #[test]
    fn whatever_is_no_orientation_is_none() {
        for value in [0, 9, u16::MAX] {
            assert_eq!(orientation(&tiff(true, value)), None);
        }
        let whole = tiff(false, 8);
        let value_ends = whole.len() - 2;
        for end in 0..value_ends {
            assert_eq!(orientation(&whole[..end]), None, "cut off after {end}");
        }
        // A directory beyond the end, as far as an offset goes.
        let mut far = whole;
        far[4..8].fill(0xff);
        assert_eq!(orientation(&far), None);
    }
}
