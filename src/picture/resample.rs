//! Scaling by the mean over areas.
//!
//! Box filters of libraries take or leave whole pixels, so that of 100 pixels scaled to 64 some are made
//! of two and others of one; here each pixel counts by the share of it that lies in the area.

use std::ops::Range;

/// Scales an area (columns and rows) of a picture of `width` columns to `new_width × new_height` pixels.
///
/// Each pixel is the mean over its share of the area. A share is never narrower than one pixel, so
/// that enlarging interpolates linearly. Nothing outside of the area counts.
pub(crate) fn resample<T: Copy + Into<f32>, const CHANNELS: usize>(
    pixels: &[[T; CHANNELS]],
    width: usize,
    [columns, rows]: &[Range<f64>; 2],
    new_width: usize,
    new_height: usize,
) -> Vec<[f32; CHANNELS]> {
    let columns = shares(columns, new_width);
    // First along the columns, a row at a time: most of the work is done on values side by side.
    let mut sums = vec![0.0; width * CHANNELS];
    let mut scaled = Vec::with_capacity(new_width * new_height);
    for share in shares(rows, new_height) {
        sums.fill(0.0);
        for (weight, row) in share
            .weights
            .iter()
            .zip(pixels[share.first * width..].chunks_exact(width))
        {
            for (sum, &value) in sums.iter_mut().zip(row.as_flattened()) {
                *sum += weight * value.into();
            }
        }
        let (sums, _) = sums.as_chunks::<CHANNELS>();
        scaled.extend(columns.iter().map(|share| share.of(sums)));
    }
    scaled
}

/// The pixels along a line that make a new one, and how much of each.
struct Share {
    first: usize,
    /// Their sum is 1.
    weights: Vec<f32>,
}

impl Share {
    fn of<const CHANNELS: usize>(&self, line: &[[f32; CHANNELS]]) -> [f32; CHANNELS] {
        let mut sums = [0.0; CHANNELS];
        for (weight, pixel) in self.weights.iter().zip(&line[self.first..]) {
            for (sum, value) in sums.iter_mut().zip(pixel) {
                *sum += weight * value;
            }
        }
        sums
    }
}

/// `count` equal shares of a part of a line.
fn shares(span: &Range<f64>, count: usize) -> Vec<Share> {
    let length = (span.end - span.start) / count as f64;
    let half = length.max(1.0) / 2.0;
    let share = |index: usize| {
        let middle = span.start + (index as f64 + 0.5) * length;
        let start = (middle - half).max(span.start);
        let end = (middle + half).min(span.end);
        let pixels = start as usize..end.ceil() as usize;
        let covered = |pixel: usize| end.min((pixel + 1) as f64) - start.max(pixel as f64);
        Share {
            first: pixels.start,
            weights: pixels
                .map(|pixel| (covered(pixel) / (end - start)) as f32)
                .collect(),
        }
    };
    (0..count).map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_row(values: &[f32], expected: &[f32]) {
        let (pixels, _) = values.as_chunks::<1>();
        let area = [0.0..values.len() as f64, 0.0..1.0];
        let scaled = resample(pixels, values.len(), &area, expected.len(), 1).into_flattened();
        let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-5;
        assert!(scaled.iter().zip(expected).all(near), "{scaled:?}");
    }

    #[test]
    fn shrinking_takes_the_mean_of_whole_and_broken_pixels() {
        assert_row(&[1.0, 3.0, 5.0, 9.0], &[2.0, 7.0]);
        // Three pixels in two shares: each has the middle one by half.
        assert_row(&[0.0, 3.0, 9.0], &[1.0, 7.0]);
    }

    #[test]
    fn enlarging_interpolates() {
        assert_row(&[0.0, 4.0], &[0.0, 1.0, 3.0, 4.0]);
        assert_row(&[7.0], &[7.0; 3]);
    }

    #[test]
    fn an_area_is_cut_out() {
        let pixels: Vec<[u8; 1]> = (0..12).map(|value| [value]).collect();
        let cut = |columns, rows, width, height| {
            resample(&pixels, 4, &[columns, rows], width, height).into_flattened()
        };
        assert_eq!(cut(1.0..3.0, 1.0..3.0, 2, 2), [5.0, 6.0, 9.0, 10.0]);
        assert_eq!(cut(0.0..4.0, 0.0..3.0, 1, 1), [5.5]);
        // Half of the second column and the first half of the third.
        assert_eq!(cut(1.5..2.5, 0.0..1.0, 1, 1), [1.5]);
    }
}
