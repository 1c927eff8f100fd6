//! Sizes, and the way between NCHW and the layouts the kernels work in.
//!
//! A *padded plane* is one channel of one image with its border of zeros, `k/2` on each side, as
//! `padded_height × padded_width` values, filled up to whole cache lines. A *pixel-major* image is
//! `[padded plane][channels]` (NHWC), the channels filled up to whole cache lines with zeros: the
//! patch under the convolution kernel is then `k` runs of `k · channels` adjacent values.

use super::scratch::{LINE, padded};
use super::simd::Vector;
use crate::conv_relu_pool::BlockShape;

impl BlockShape {
    /// Values of one input image.
    pub(super) fn input_image(&self) -> usize {
        self.in_channels * self.height * self.width
    }

    /// Pooled values of one output image.
    pub(super) fn output_image(&self) -> usize {
        self.out_channels * self.windows()
    }

    /// Pooling windows per channel.
    pub(super) fn windows(&self) -> usize {
        self.pooled_height() * self.pooled_width()
    }

    /// Columns of a padded plane.
    pub(super) fn padded_width(&self) -> usize {
        self.width + self.kernel - 1
    }

    /// Values of a padded plane.
    pub(super) fn padded_plane(&self) -> usize {
        padded((self.height + self.kernel - 1) * self.padded_width())
    }

    /// Where the patch under window position `code` of window `window` begins in a padded plane.
    pub(super) fn patch(&self, window: usize, code: usize) -> usize {
        let (row, column) = (window / self.pooled_width(), window % self.pooled_width());
        (2 * row + code / 2) * self.padded_width() + 2 * column + code % 2
    }
}

/// Copies the channels of one image into padded planes, whose borders must be zero already.
pub fn pad_planes(shape: &BlockShape, image: &[f32], planes: &mut [f32]) {
    let radius = shape.kernel / 2;
    let channels = image.chunks_exact(shape.height * shape.width);
    for (channel, plane) in channels.zip(planes.chunks_exact_mut(shape.padded_plane())) {
        let rows = plane[radius * shape.padded_width()..].chunks_exact_mut(shape.padded_width());
        for (row, padded_row) in channel.chunks_exact(shape.width).zip(rows) {
            padded_row[radius..radius + shape.width].copy_from_slice(row);
        }
    }
}

/// Copies the interior of padded planes into the channels of one image.
pub fn unpad_planes(shape: &BlockShape, planes: &[f32], image: &mut [f32]) {
    let radius = shape.kernel / 2;
    let channels = image.chunks_exact_mut(shape.height * shape.width);
    for (channel, plane) in channels.zip(planes.chunks_exact(shape.padded_plane())) {
        let rows = plane[radius * shape.padded_width()..].chunks_exact(shape.padded_width());
        for (row, padded_row) in channel.chunks_exact_mut(shape.width).zip(rows) {
            row.copy_from_slice(&padded_row[radius..radius + shape.width]);
        }
    }
}

/// Transposes `[rows][columns]` to `[columns][rows]`, both multiples of a cache line's length.
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
pub unsafe fn transpose<V: Vector>(src: &[f32], rows: usize, columns: usize, dst: &mut [f32]) {
    assert!(rows.is_multiple_of(LINE) && columns.is_multiple_of(LINE));
    assert!(src.len() >= rows * columns && dst.len() >= rows * columns);
    for row in (0..rows).step_by(V::LANES) {
        for column in (0..columns).step_by(V::LANES) {
            // SAFETY: the block lies inside both matrices, whose sizes were checked.
            unsafe {
                V::transpose(
                    src.as_ptr().add(row * columns + column),
                    columns,
                    dst.as_mut_ptr().add(column * rows + row),
                    rows,
                );
            }
        }
    }
}
