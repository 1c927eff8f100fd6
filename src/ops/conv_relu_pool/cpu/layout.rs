//! Sizes, and the way between NCHW and the layouts the kernels work in.
//!
//! A *padded plane* is one channel of one image with its border of zeros, `k/2` on each side, and one
//! more row or column of zeros where that makes the image's height or width even: then each 2×2 block
//! of outputs sees a whole patch. A *pixel-major* image is `[padded row][padded column][channels]`
//! (NHWC), the channels filled up to whole cache lines with zeros: the patch under the convolution
//! kernel is then `k` runs of `k · channels` adjacent values. A *window-major* image is
//! `[windows][channels]`, filled up likewise; without a pool it holds the four outputs of each block as
//! pixels, `[2 · blocks down][2 · blocks across][channels]`.

use std::mem::MaybeUninit;

use crate::ops::conv_relu_pool::{BlockShape, INACTIVE};
use crate::ops::scratch::{LINE, padded};
use crate::ops::simd::Vector;

impl BlockShape {
    /// Values of one channel of the input.
    pub(super) fn input_plane(&self) -> usize {
        self.height * self.width
    }

    /// Values of one input image.
    pub(super) fn input_image(&self) -> usize {
        self.in_channels * self.input_plane()
    }

    /// Values of one output image.
    pub(super) fn output_image(&self) -> usize {
        self.out_channels * self.windows()
    }

    /// Pooling windows per channel: its outputs.
    pub(super) fn windows(&self) -> usize {
        self.output_height() * self.output_width()
    }

    /// Columns of a padded plane.
    pub(super) fn padded_width(&self) -> usize {
        self.width.next_multiple_of(2) + self.kernel - 1
    }

    /// Values of a padded plane, filled up to whole cache lines.
    pub(super) fn padded_plane(&self) -> usize {
        let rows = self.height.next_multiple_of(2) + self.kernel - 1;
        padded(rows * self.padded_width())
    }

    /// Values of a pixel-major image of `channels`, with one pixel more for what goes nowhere.
    pub(super) fn pixel_image(&self, channels: usize) -> usize {
        (self.padded_plane() + 1) * channels
    }

    /// Values of a window-major image of `channels`. With a pool it has one window for every entry of
    /// [`BlockShape::window_offsets`].
    pub(super) fn window_image(&self, channels: usize) -> usize {
        let [down, across] = self.blocks();
        match self.pool {
            1 => 4 * down * across * channels,
            _ => padded(self.windows()) * channels,
        }
    }

    /// Values of the argmax of such an image while it is window-major: without a pool it never is.
    pub(super) fn window_argmax(&self, channels: usize) -> usize {
        match self.pool {
            1 => 0,
            _ => self.window_image(channels),
        }
    }

    /// From a block of a window-major image of `channels` to the one beside it and the one below.
    pub(super) fn block_steps(&self, channels: usize) -> [usize; 2] {
        let [_, across] = self.blocks();
        match self.pool {
            1 => [2 * channels, 4 * across * channels],
            _ => [channels, across * channels],
        }
    }

    /// Whether the gradient of the weights has every patch of an image written out (im2col).
    pub(super) fn writes_patches_out(&self) -> bool {
        self.in_channels < LINE
    }

    /// Values of the weights or of one image in the largest layout that the kernels bring them to,
    /// if `usize` can count them. All offsets that the kernels keep in `u32` are below.
    pub(super) fn largest_layout(&self) -> Option<usize> {
        let padded = |n: usize| n.checked_next_multiple_of(LINE);
        let border = self.kernel - 1;
        let (inputs, outputs) = (padded(self.in_channels)?, padded(self.out_channels)?);
        // Planes of whole tiles, with and without their border; one pixel more for what goes nowhere.
        let whole = |n: usize| n.checked_next_multiple_of(4);
        let (height, width) = (whole(self.height)?, whole(self.width)?);
        let plane = product(&[height.checked_add(border)?, width.checked_add(border)?])?;
        let pixels = product(&[padded(plane)?.checked_add(1)?, inputs])?;
        let [down, across] = self.blocks();
        let windows = match self.pool {
            1 => product(&[height, width])?.checked_add(1)?,
            _ => padded(product(&[down, across])?)?,
        };
        let windows = product(&[windows, outputs])?;
        let weights = product(&[outputs, inputs, self.kernel, self.kernel])?;
        let patches = if self.writes_patches_out() {
            let run = padded(self.in_channels * self.taps() + self.kernel - 2)?;
            product(&[self.height, self.width, run])?
        } else {
            0
        };
        Some(pixels.max(windows).max(weights).max(patches))
    }

    /// Where every pixel begins in a pixel-major image of `channels`, with as many entries as
    /// [`scatter_columns`] needs.
    pub(super) fn pixel_offsets(&self, channels: usize) -> Vec<u32> {
        let radius = self.kernel / 2;
        let offset = |pixel| {
            let (y, x) = (pixel / self.width, pixel % self.width);
            ((y + radius) * self.padded_width() + x + radius) * channels
        };
        let nowhere = self.padded_plane() * channels;
        let pixels = (0..self.input_plane()).map(offset);
        let offsets = pixels.chain(std::iter::repeat_n(nowhere, LINE));
        offsets.map(|offset| offset as u32).collect()
    }

    /// Where every output begins in a window-major image of `channels`. As many entries more as fill a cache line
    /// lead to some place in it.
    pub(super) fn window_offsets(&self, channels: usize) -> Vec<u32> {
        let [_, row] = self.block_steps(channels);
        let offset = |window| match self.pool {
            1 if window < self.windows() => {
                window / self.width * (row / 2) + window % self.width * channels
            }
            1 => 0,
            _ => window * channels,
        };
        (0..padded(self.windows()))
            .map(|window| offset(window) as u32)
            .collect()
    }

    /// Where the patch under the first output of every block begins in a padded plane.
    pub(super) fn patch_offsets(&self) -> Vec<u32> {
        let [down, across] = self.blocks();
        let offset = |block| {
            let (row, column) = (block / across, block % across);
            (2 * row * self.padded_width() + 2 * column) as u32
        };
        (0..down * across).map(offset).collect()
    }
}

/// The product of all factors if it fits.
pub fn product(factors: &[usize]) -> Option<usize> {
    factors.iter().try_fold(1, |n: usize, x| n.checked_mul(*x))
}

/// Values of a matrix `[rows][columns]` whose rows are filled up, and a cache line more, which
/// [`scatter_columns`] may read and [`gather_columns`] may write.
pub fn stage(rows: usize, columns: usize) -> usize {
    padded(rows * columns) + LINE
}

/// Copies the channels of one image into padded planes, whose borders must be zero already.
pub fn pad_planes(shape: &BlockShape, image: &[f32], planes: &mut [f32]) {
    let radius = shape.kernel / 2;
    let channels = image.chunks_exact(shape.input_plane());
    for (channel, plane) in channels.zip(planes.chunks_exact_mut(shape.padded_plane())) {
        let rows = plane[radius * shape.padded_width()..].chunks_exact_mut(shape.padded_width());
        for (row, padded_row) in channel.chunks_exact(shape.width).zip(rows) {
            padded_row[radius..radius + shape.width].copy_from_slice(row);
        }
    }
}

/// The rows of a matrix with the given stride, as [`Vector::transpose`] wants them.
fn rows(stride: usize) -> [u32; LINE] {
    std::array::from_fn(|row| (row * stride) as u32)
}

/// Where the blocks of columns begin. The last one overlaps the one before; if there are fewer
/// columns than lanes, the only block reaches beyond them.
#[inline(always)]
fn column_block(column: usize, columns: usize, lanes: usize) -> usize {
    column.min(columns.saturating_sub(lanes))
}

/// Whether a dense matrix with these rows and columns, the rows filled up, has exactly `len` values
/// and all vectors of its rows lie inside it.
fn is_whole(len: usize, [rows, columns]: [usize; 2]) -> bool {
    len == rows * columns && columns >= LINE
}

/// An image as [`scatter_columns`] takes it: as it is if it has whole vectors everywhere, else its
/// copy at the beginning of `stage`.
pub fn filled_up<'a>(image: &'a [f32], matrix: [usize; 2], stage: &'a mut [f32]) -> &'a [f32] {
    if is_whole(image.len(), matrix) {
        return image;
    }
    stage[..image.len()].copy_from_slice(image);
    stage
}

/// Writes each column of a dense matrix `[rows][columns]` to its offset.
///
/// # Safety
/// As for [`Vector`]. `rows` is a multiple of a cache line; `src` is [`filled_up`] or followed by a
/// cache line; `offsets` has entries for all columns and at least one vector, with `rows` values each.
#[inline(always)]
pub unsafe fn scatter_columns<V: Vector>(
    src: &[f32],
    [row_count, columns]: [usize; 2],
    dst: &mut [f32],
    offsets: &[u32],
) {
    let src_rows = rows(columns);
    for row in (0..row_count).step_by(V::LANES) {
        for column in (0..columns).step_by(V::LANES) {
            let column = column_block(column, columns, V::LANES);
            // SAFETY: the caller promises the instruction set, a vector in `src` from every block
            // on, and `row_count` values at every offset; `transpose` asserts the offsets' number.
            unsafe {
                let src = src.as_ptr().add(row * columns + column);
                V::transpose(
                    src,
                    &src_rows,
                    dst.as_mut_ptr().add(row),
                    &offsets[column..],
                );
            }
        }
    }
}

/// Brings the weights from `[Cout][taps]` to `[taps][out_channels]`, with zeros for the output
/// channels that only fill up a cache line, by way of `rows`, which is a [`stage`] for them.
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
pub unsafe fn transpose_weights<V: Vector>(
    weight: &[f32],
    [out_channels, taps]: [usize; 2],
    rows: &mut [f32],
    transposed: &mut [f32],
) {
    let offsets: Vec<u32> = (0..taps.max(LINE))
        .map(|tap| (tap * out_channels) as u32)
        .collect();
    assert!(out_channels.is_multiple_of(LINE) && rows.len() >= out_channels * taps + LINE);
    assert!(transposed.len() >= out_channels * offsets.len());
    rows[..weight.len()].copy_from_slice(weight);
    rows[weight.len()..].fill(0.0);
    // SAFETY: the caller promises the instruction set; just asserted: whole cache lines of channels
    // and one behind them, and `out_channels` values at every offset.
    unsafe { scatter_columns::<V>(rows, [out_channels, taps], transposed, &offsets) };
}

/// Collects the columns of a dense matrix `[rows][columns]` from their offsets: the reverse of
/// [`scatter_columns`].
///
/// # Safety
/// As there; a cache line behind `dst` may be written unless the matrix has whole vectors.
#[inline(always)]
pub unsafe fn gather_columns<V: Vector>(
    src: &[f32],
    offsets: &[u32],
    dst: *mut f32,
    [row_count, columns]: [usize; 2],
) {
    let dst_rows = rows(columns);
    for row in (0..row_count).step_by(V::LANES) {
        for column in (0..columns).step_by(V::LANES) {
            let column = column_block(column, columns, V::LANES);
            // SAFETY: the caller promises the instruction set, `row_count` values at every offset,
            // and a vector in `dst` from every block on; `transpose` asserts the offsets' number.
            unsafe {
                let dst = dst.add(row * columns + column);
                V::transpose(src.as_ptr().add(row), &offsets[column..], dst, &dst_rows);
            }
        }
    }
}

/// [`gather_columns`] to an image whose rows may not be filled up, by way of `stage` if need be.
///
/// # Safety
/// As there, with `stage` for `dst`.
#[inline(always)]
pub unsafe fn gather_image<V: Vector>(
    src: &[f32],
    offsets: &[u32],
    stage: &mut [f32],
    matrix: [usize; 2],
    image: &mut [MaybeUninit<f32>],
) {
    // SAFETY: the caller promises all that `gather_columns` wants of `stage`; `image` itself is
    // used only if all vectors lie inside it, as `is_whole` says.
    unsafe {
        if is_whole(image.len(), matrix) {
            gather_columns::<V>(src, offsets, image.as_mut_ptr().cast(), matrix);
        } else {
            gather_columns::<V>(src, offsets, stage.as_mut_ptr(), matrix);
            image.write_copy_of_slice(&stage[..image.len()]);
        }
    }
}

/// Writes the values of a window-major image to an NCHW image, by way of `stage`; and what the gradients need
/// to know of them, where somebody asks: the argmax of the pool, or where the ReLU is active.
///
/// # Safety
/// As for [`gather_columns`], with `stage` for `dst`.
#[inline(always)]
pub unsafe fn write_outputs<V: Vector>(
    shape: &BlockShape,
    [values, argmax]: [&[f32]; 2],
    offsets: &[u32],
    stage: &mut [f32],
    (output, output_argmax): (&mut [MaybeUninit<f32>], Option<&mut [MaybeUninit<u8>]>),
) {
    let matrix = [padded(shape.out_channels), shape.windows()];
    // SAFETY: the caller promises the instruction set and a stage for this matrix with a cache line
    // more; values and argmax are images with `padded(out_channels)` values at every offset.
    unsafe { gather_image::<V>(values, offsets, stage, matrix, output) };
    let Some(output_argmax) = output_argmax else {
        return;
    };
    if shape.pool == 1 {
        for (index, value) in output_argmax.iter_mut().zip(output) {
            // SAFETY: `gather_image` wrote it.
            let value = unsafe { value.assume_init_read() };
            index.write(if value == 0.0 { INACTIVE } else { 0 });
        }
        return;
    }
    // SAFETY: as above.
    unsafe { gather_columns::<V>(argmax, offsets, stage.as_mut_ptr(), matrix) };
    for (index, staged) in output_argmax.iter_mut().zip(stage) {
        index.write(staged.to_bits() as u8);
    }
}
