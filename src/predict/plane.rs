//! Pictures in grey, and parts of them.

use std::borrow::Cow;
use std::ops::Range;

/// A picture in grey.
pub(super) struct Luma<'a> {
    pub width: usize,
    pub height: usize,
    /// `height × width` bytes, row by row.
    pub values: Cow<'a, [u8]>,
}

/// Rows of values.
pub(super) struct Plane {
    pub width: usize,
    pub height: usize,
    /// `height × width` values, row by row.
    pub values: Vec<f64>,
}

/// Columns and rows.
pub(super) type Area = (Range<usize>, Range<usize>);
