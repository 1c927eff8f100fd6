//! NumPy's file format for arrays, version 1.0, as far as a matrix of `f32` needs it.
//!
//! Described in `numpy.lib.format`: a magic string, the length of a header, the header as a Python
//! literal padded with spaces, then the values.

use crate::Result;
use crate::error::ensure;
use crate::model::Probabilities;

/// Bytes before the values: a multiple of 64, with room for any shape.
const PREFIX: usize = 128;
const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";

/// The bytes of a file with an array `[images, classes]`.
pub fn encode(probabilities: &Probabilities) -> Vec<u8> {
    let mut bytes = prefix(probabilities.len(), probabilities.classes());
    bytes.extend(probabilities.values().iter().flat_map(|x| x.to_le_bytes()));
    bytes
}

/// What [`encode`] made a file of. Other layouts, which the format allows, are refused.
///
/// # Errors
///
/// If the bytes are no such file, or its rows are not of so many classes.
pub fn decode(bytes: &[u8], classes: usize) -> Result<Probabilities> {
    let (words, rest) = bytes.get(PREFIX..).unwrap_or_default().as_chunks();
    let values: Vec<f32> = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
    let rows = values.len().checked_div(classes).unwrap_or(0);
    let whole = rows * classes == values.len() && rest.is_empty();
    ensure!(
        classes > 0 && whole && bytes.starts_with(&prefix(rows, classes)),
        "it is not an array of rows of {classes} numbers of four bytes"
    );
    Ok(Probabilities::new(classes, values))
}

/// All that stands before the values.
fn prefix(rows: usize, columns: usize) -> Vec<u8> {
    let header =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    let length = PREFIX - MAGIC.len() - 2;
    let mut bytes = MAGIC.to_vec();
    bytes.extend((length as u16).to_le_bytes());
    bytes.extend(format!("{header:<width$}\n", width = length - 1).bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_bit_for_bit() {
        let values = vec![0.1, -0.0, f32::MIN_POSITIVE, f32::INFINITY, 1e38, 3.0];
        for values in [values, Vec::new()] {
            let rows = Probabilities::new(3, values);
            let bytes = encode(&rows);
            assert_eq!(bytes.len(), 128 + 12 * rows.len());
            assert_eq!(decode(&bytes, 3).unwrap(), rows);
        }
        let nan = decode(&encode(&Probabilities::new(1, vec![f32::NAN])), 1).unwrap();
        assert!(nan.row(0)[0].is_nan());
    }

    #[test]
    fn the_header_is_that_of_numpy() {
        // As `np.save` of NumPy 2.4 writes `np.zeros((10000, 10), np.float32)`.
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (10000, 10), }";
        let bytes = encode(&Probabilities::new(10, vec![0.0; 100_000]));
        assert_eq!(bytes[..10], *b"\x93NUMPY\x01\x00\x76\x00");
        assert_eq!(bytes[10..10 + header.len()], *header.as_bytes());
        assert!(bytes[10 + header.len()..127].iter().all(|b| *b == b' '));
        assert_eq!(bytes[127], b'\n');
    }

    #[test]
    fn anything_else_is_refused() {
        let good = encode(&Probabilities::new(2, vec![1.0, 2.0, 3.0, 4.0]));
        let mut other_order = good.clone();
        other_order[45] = b'T';
        let cases = [
            &[][..],
            &good[..127],
            &good[..good.len() - 1],
            &good[..good.len() - 4],
            &[good.as_slice(), &[0; 8]].concat(),
            &other_order,
        ];
        for bytes in cases {
            assert!(decode(bytes, 2).is_err());
        }
        for other in [0, 1, 3, 4] {
            assert!(decode(&good, other).is_err(), "{other}");
        }
    }
}
