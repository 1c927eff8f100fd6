//! Scaling by the mean over areas.

use std::ops::Range;

/// Rows of values.
pub(super) struct Plane {
    pub width: usize,
    pub height: usize,
    /// `width × height` values, row by row.
    pub values: Vec<f64>,
}

/// Columns and rows.
pub(super) type Area = (Range<usize>, Range<usize>);

/// Scales an area of rows of `stride` values, inside of which it lies, to `width × height`.
///
/// Each value is the mean over its share of the area. A share is never narrower than one pixel, so
/// that enlarging interpolates linearly.
pub(super) fn resample<T: Copy + Into<f64>>(
    values: &[T],
    stride: usize,
    (columns, rows): Area,
    width: usize,
    height: usize,
) -> Plane {
    // First along the rows, then along the columns.
    let mut narrow = Vec::with_capacity(rows.len() * width);
    for y in rows.clone() {
        let row = &values[y * stride..][columns.clone()];
        narrow.extend((0..width).map(|x| mean(x, width, row.len(), |at| row[at].into())));
    }
    let mut scaled = Vec::with_capacity(width * height);
    for y in 0..height {
        scaled.extend((0..width).map(|x| mean(y, height, rows.len(), |at| narrow[at * width + x])));
    }
    Plane {
        width,
        height,
        values: scaled,
    }
}

/// The mean over share `index` of `count` equal shares of `len` pixels.
fn mean(index: usize, count: usize, len: usize, value: impl Fn(usize) -> f64) -> f64 {
    let share = len as f64 / count as f64;
    let middle = (index as f64 + 0.5) * share;
    let half = share.max(1.0) / 2.0;
    let (start, end) = ((middle - half).max(0.0), (middle + half).min(len as f64));
    let (mut sum, mut weights) = (0.0, 0.0);
    for at in start as usize..(end.ceil() as usize).min(len) {
        let weight = end.min((at + 1) as f64) - start.max(at as f64);
        sum += weight * value(at);
        weights += weight;
    }
    sum / weights
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_row(values: &[f64], expected: &[f64]) {
        let area = (0..values.len(), 0..1);
        let scaled = resample(values, values.len(), area, expected.len(), 1).values;
        let near = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-12;
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
        let plane: Vec<u8> = (0..12).collect();
        let cut = resample(&plane, 4, (1..3, 1..3), 2, 2);
        assert_eq!(cut.values, [5.0, 6.0, 9.0, 10.0]);
        assert_eq!(resample(&plane, 4, (0..4, 0..3), 1, 1).values, [5.5]);
    }
}
