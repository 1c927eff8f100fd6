//! NumPy's file format for arrays, version 1.0, as far as rows of `f32` need it.
//!
//! Described in `numpy.lib.format`: a magic string, the length of a header, the header as a Python
//! literal padded with spaces, then the values.

use anyhow::{Result, ensure};

/// Bytes before the values: a multiple of 64, with room for any shape.
const PREFIX: usize = 128;
const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";

/// The bytes of a file with an array `[rows, N]`.
pub fn encode<const N: usize>(rows: &[[f32; N]]) -> Vec<u8> {
    let mut bytes = prefix(rows.len(), N);
    bytes.extend(rows.as_flattened().iter().flat_map(|x| x.to_le_bytes()));
    bytes
}

/// The rows of a file that [`encode`] made. Other layouts, which the format allows, are refused.
///
/// # Errors
///
/// If the bytes are no such file.
pub fn decode<const N: usize>(bytes: &[u8]) -> Result<Vec<[f32; N]>> {
    let (words, rest) = bytes.get(PREFIX..).unwrap_or_default().as_chunks();
    let values: Vec<f32> = words.iter().map(|word| f32::from_le_bytes(*word)).collect();
    let (rows, odd) = values.as_chunks::<N>();
    ensure!(
        bytes.starts_with(&prefix(rows.len(), N)) && odd.is_empty() && rest.is_empty(),
        "it is not an array of rows of {N} numbers of four bytes"
    );
    Ok(rows.to_vec())
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
        let rows = [[0.1, -0.0, f32::MIN_POSITIVE], [f32::INFINITY, 1e38, 3.0]];
        for rows in [&rows[..], &[]] {
            let bytes = encode(rows);
            assert_eq!(bytes.len(), 128 + 12 * rows.len());
            assert_eq!(decode::<3>(&bytes).unwrap(), rows);
        }
        let nan = decode::<1>(&encode(&[[f32::NAN]])).unwrap();
        assert!(nan[0][0].is_nan());
    }

    #[test]
    fn the_header_is_that_of_numpy() {
        // As `np.save` of NumPy 2.4 writes `np.zeros((10000, 10), np.float32)`.
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (10000, 10), }";
        let bytes = encode(&vec![[0.0_f32; 10]; 10_000]);
        assert_eq!(bytes[..10], *b"\x93NUMPY\x01\x00\x76\x00");
        assert_eq!(bytes[10..10 + header.len()], *header.as_bytes());
        assert!(bytes[10 + header.len()..127].iter().all(|b| *b == b' '));
        assert_eq!(bytes[127], b'\n');
    }

    #[test]
    fn anything_else_is_refused() {
        let good = encode(&[[1.0, 2.0], [3.0, 4.0]]);
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
            assert!(decode::<2>(bytes).is_err());
        }
        assert!(decode::<4>(&good).is_err());
    }
}
