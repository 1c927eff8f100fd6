//! The active channels of every window, and the sum of their weighted patches.

use super::Plan;
use crate::ops::conv_relu_pool::cpu::active_list::ActiveList;
use crate::ops::scratch::LINE;
use crate::ops::simd::Vector;

/// Lists the active channels of every window by position, with their gradients and the offsets of
/// their weights, and where the list of each window and position ends, after a leading zero.
///
/// # Safety
/// As for [`Vector`]; the lists have the lengths that the plan says.
#[inline(always)]
pub unsafe fn list_channels<V: Vector>(
    plan: &Plan,
    [grads, argmax]: [&[f32]; 2],
    [gradients, offsets, ends]: [&mut [f32]; 3],
) {
    ends[0] = 0.0;
    // SAFETY: the caller promises the instruction set and the plan's lengths: whole vectors of
    // channels per window, and lists for all of them and a vector more.
    unsafe {
        let mut list = ActiveList::new(gradients.as_mut_ptr(), offsets.as_mut_ptr().cast());
        let weights = plan.channel_weights();
        let lanes: [u32; LINE] = std::array::from_fn(|lane| (lane * weights) as u32);
        let lanes = V::index_load(lanes.as_ptr());
        for window in 0..plan.shape.windows() {
            for position in 0..4 {
                for channel in (0..plan.out_channels).step_by(V::LANES) {
                    let at = window * plan.out_channels + channel;
                    let index = V::index_load(argmax.as_ptr().add(at).cast());
                    let grad = V::load(grads.as_ptr().add(at));
                    let chosen = V::index_equal(index, V::index_splat(position));
                    let base = V::index_splat((channel * weights) as u32);
                    list.push(chosen, grad, V::index_add(base, lanes));
                }
                ends[window * 4 + position as usize + 1] = f32::from_bits(list.len() as u32);
            }
        }
    }
}

/// The active channels of all windows of an image.
pub struct Lists<'a> {
    pub plan: &'a Plan<'a>,
    pub gradients: &'a [f32],
    pub offsets: &'a [f32],
    pub ends: &'a [f32],
}

impl Lists<'_> {
    /// Adds all weighted patches to the pixel-major image, `ROWS` rows of the windows' pixels and
    /// `VECTORS` vectors of channels at a time.
    ///
    /// # Safety
    /// As for [`Vector`].
    #[inline(always)]
    pub unsafe fn scatter<V: Vector, const K: usize, const ROWS: usize, const VECTORS: usize>(
        &self,
        packed: &[f32],
        pixels: &mut [f32],
    ) {
        let Plan {
            shape, in_channels, ..
        } = *self.plan;
        let row_stride = shape.padded_width() * in_channels;
        let block = VECTORS * V::LANES;
        let blocks = packed.chunks_exact(shape.out_channels * K * K * block);
        for (b, weights) in blocks.enumerate() {
            for first_row in (0..K + 1).step_by(ROWS) {
                for row in 0..shape.output_height() {
                    let at = (2 * row + first_row) * row_stride + b * block;
                    // SAFETY: the caller promises the instruction set; these `ROWS` rows are among
                    // the `K + 1` of this row of windows, and blocks divide the channels.
                    unsafe {
                        let pixels = pixels.as_mut_ptr().add(at);
                        self.add_row::<V, K, ROWS, VECTORS>(row, first_row, weights, pixels);
                    }
                }
            }
        }
    }

    /// Adds the entries of a row of windows to `ROWS` rows of pixels. From one window to the next,
    /// the sums move two pixels to the left: two are finished, two new ones are loaded.
    #[inline(always)]
    unsafe fn add_row<V: Vector, const K: usize, const ROWS: usize, const VECTORS: usize>(
        &self,
        window_row: usize,
        first_row: usize,
        weights: &[f32],
        pixels: *mut f32,
    ) {
        let Plan {
            shape, in_channels, ..
        } = *self.plan;
        let row_stride = shape.padded_width() * in_channels;
        // SAFETY: the caller promises the instruction set and `ROWS` rows from `pixels` on, each of
        // 2 · (output width) + `K` − 1 pixels at least, which bounds `x`.
        unsafe {
            let pixel = |row: usize, x: usize, v: usize| {
                pixels.add(row * row_stride + x * in_channels + v * V::LANES)
            };
            let mut sums = [[[V::splat(0.0); VECTORS]; 6]; ROWS];
            for row in 0..ROWS {
                for x in 0..K - 1 {
                    for v in 0..VECTORS {
                        sums[row][x][v] = V::load(pixel(row, x, v));
                    }
                }
            }
            for column in 0..shape.output_width() {
                for row in 0..ROWS {
                    for x in K - 1..K + 1 {
                        for v in 0..VECTORS {
                            sums[row][x][v] = V::load(pixel(row, 2 * column + x, v));
                        }
                    }
                }
                let window = window_row * shape.output_width() + column;
                self.add_window::<V, K, ROWS, VECTORS>(window, first_row, weights, &mut sums);
                for row in 0..ROWS {
                    for x in 0..2 {
                        for v in 0..VECTORS {
                            sums[row][x][v].store(pixel(row, 2 * column + x, v));
                        }
                    }
                    for x in 0..K - 1 {
                        sums[row][x] = sums[row][x + 2];
                    }
                }
            }
            for row in 0..ROWS {
                for x in 0..K - 1 {
                    for v in 0..VECTORS {
                        sums[row][x][v].store(pixel(row, 2 * shape.output_width() + x, v));
                    }
                }
            }
        }
    }

    /// Adds the entries of one window.
    #[inline(always)]
    unsafe fn add_window<V: Vector, const K: usize, const ROWS: usize, const VECTORS: usize>(
        &self,
        window: usize,
        first_row: usize,
        weights: &[f32],
        sums: &mut [[[V; VECTORS]; 6]; ROWS],
    ) {
        let block = VECTORS * V::LANES;
        let bounds = &self.ends[4 * window..4 * window + 5];
        for position in 0..4 {
            let (below, right) = (position / 2, position % 2);
            let start = bounds[position].to_bits() as usize;
            let mut end = bounds[position + 1].to_bits() as usize;
            // The rows of the kernel that meet these rows of pixels: all of them, or one or none.
            let (mut ky, mut rows, mut first_sum) = (0, K, below);
            if ROWS == 1 {
                (ky, rows, first_sum) = (first_row.wrapping_sub(below), 1, 0);
                if ky >= K {
                    end = start;
                }
            }
            for entry in start..end {
                // SAFETY: the caller promises the instruction set; entries are within `ends`,
                // offsets are active channels' `K` rows of `K` blocks, `ky + row` and `x` below `K`.
                unsafe {
                    let gradient = V::splat(*self.gradients.get_unchecked(entry));
                    let offset = self.offsets.get_unchecked(entry).to_bits() as usize;
                    let weights = weights.as_ptr().add(offset + ky * K * block);
                    for row in 0..rows {
                        for x in 0..K {
                            for v in 0..VECTORS {
                                let tap =
                                    V::load(weights.add((row * K + x) * block + v * V::LANES));
                                let sum = &mut sums[first_sum + row][x + right][v];
                                *sum = gradient.mul_add(tap, *sum);
                            }
                        }
                    }
                }
            }
        }
    }
}
