//! From the products of a tile to its outputs: the output transform, then bias, ReLU and pool.

use super::tiles::{Position, Tiles};
use super::transforms;
use crate::ops::conv_relu_pool::cpu::pool::{
    Destination, relu_max_pool, relu_max_pool_scalar, store_block,
};
use crate::ops::simd::Vector;
use std::ops::Range;

/// Values of a window that differ by less than this factor count as equal.
///
/// Rounding differs between the outputs of a tile, so the four values of a window over a constant
/// region are not exactly equal; this lets the first one win there as with direct summation.
const TIE: f32 = 1.0 - 1.0 / (1 << 18) as f32;

impl Tiles<'_> {
    /// Where a channel's outputs of a block begin in the window-major images.
    #[inline(always)]
    fn place(&self, block: Position, channel: usize) -> usize {
        let [right, below] = self.plan.block_steps;
        block.image * self.plan.window_image() + block.row * below + block.column * right + channel
    }

    /// `Aᵀ · m · A` of a tile for one vector of output channels, then bias, ReLU and pool.
    #[inline(always)]
    pub unsafe fn transform_output<V: Vector, const ROWS: usize, const COLUMNS: usize>(
        &mut self,
        position: Position,
        products: usize,
        channel: usize,
    ) {
        // SAFETY: the caller promises the instruction set, a position in an image, whose blocks
        // have their destinations, and vectors that end with the block and `out_channels`.
        unsafe {
            let zero = V::splat(0.0);
            let products = self.tiles_out.as_ptr().add(products);
            let mut rows = [[zero; 6]; 4];
            for x in 0..COLUMNS + 2 {
                let mut column = [zero; 6];
                for y in 0..ROWS + 2 {
                    let element = y * (COLUMNS + 2) + x;
                    column[y] = V::load(products.add(element * self.plan.tiles_out_stride()));
                }
                let column = transforms::output::<V, ROWS>(column);
                for y in 0..ROWS {
                    rows[y][x] = column[y];
                }
            }
            let bias = V::load(self.bias.as_ptr().add(channel));
            for row in 0..ROWS / 2 {
                let upper = transforms::output::<V, COLUMNS>(rows[2 * row]);
                let lower = transforms::output::<V, COLUMNS>(rows[2 * row + 1]);
                for column in 0..COLUMNS / 2 {
                    let sums = [
                        upper[2 * column].add(bias),
                        upper[2 * column + 1].add(bias),
                        lower[2 * column].add(bias),
                        lower[2 * column + 1].add(bias),
                    ];
                    let block = position.block(row, column);
                    let at = self.place(block, channel);
                    match self.plan.shape.pool {
                        1 => store_block(sums, self.plan.relu, self.destination(at)),
                        _ => self.pool(sums, at),
                    }
                    if !V::all_finite(sums) {
                        self.repair(block, channel..channel + V::LANES);
                    }
                }
            }
        }
    }

    /// Where the outputs of a block without a pool go that begins at `at`.
    #[inline(always)]
    fn destination(&mut self, at: usize) -> Destination {
        let [_, below] = self.plan.block_steps;
        Destination {
            first: self.values[at..].as_mut_ptr(),
            column_stride: self.plan.out_channels,
            row_stride: below / 2,
        }
    }

    /// Pools a vector of windows.
    #[inline(always)]
    unsafe fn pool<V: Vector>(&mut self, window: [V; 4], at: usize) {
        // SAFETY: the caller promises the instruction set and a vector of values and argmax at `at`.
        unsafe {
            let (value, index) = relu_max_pool(window, TIE);
            value.store(self.values.as_mut_ptr().add(at));
            V::index_store(index, self.argmax.as_mut_ptr().add(at).cast());
        }
    }

    /// Computes a block directly for some output channels.
    #[cold]
    #[inline(never)]
    fn repair(&mut self, block: Position, channels: Range<usize>) {
        let filter_len = 9 * self.plan.shape.in_channels;
        let filters = self.weight.chunks_exact(filter_len).enumerate();
        for (channel, filter) in filters.skip(channels.start).take(channels.len()) {
            let sums = self.sums_directly(block, filter, self.bias[channel]);
            let at = self.place(block, channel);
            if self.plan.shape.pool == 1 {
                let to = self.destination(at);
                for (position, sum) in sums.into_iter().enumerate() {
                    let inactive = self.plan.relu && sum <= 0.0;
                    self.values[at + to.offset(position)] = if inactive { 0.0 } else { sum };
                }
            } else {
                let (value, index) = relu_max_pool_scalar(sums);
                self.values[at] = value;
                self.argmax[at] = f32::from_bits(index.into());
            }
        }
    }

    /// The four outputs of a block, by the definition. The border takes part: an infinite weight makes
    /// NaN of its zeros.
    fn sums_directly(&self, block: Position, filter: &[f32], bias: f32) -> [f32; 4] {
        let (shape, channels) = (self.plan.shape, self.plan.in_channels);
        let pixels = &self.pixels[self.corner(block)..];
        let mut sums = [bias; 4];
        for (position, sum) in sums.iter_mut().enumerate() {
            for (channel, kernel) in filter.chunks_exact(9).enumerate() {
                for (tap, weight) in kernel.iter().enumerate() {
                    let (y, x) = (position / 2 + tap / 3, position % 2 + tap % 3);
                    let pixel = y * shape.padded_width() + x;
                    *sum += weight * pixels[pixel * channels + channel];
                }
            }
        }
        sums
    }
}
