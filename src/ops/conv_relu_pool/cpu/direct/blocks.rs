//! The blocks of one image, computed a few at a time in registers.

use super::Plan;
use crate::ops::conv_relu_pool::cpu::pool::{
    Destination, relu_max_pool, relu_max_pool_scalar, store_block,
};
use crate::ops::scratch::LINE;
use crate::ops::simd::Vector;

/// The blocks of one image.
pub struct Blocks<'a> {
    pub plan: &'a Plan<'a>,
    /// Where each block's patch begins.
    pub patches: &'a [u32],
    pub planes: &'a [f32],
    pub weights: &'a [f32],
    pub bias: &'a [f32],
    /// Results: window-major. Without a pool there is no argmax.
    pub values: &'a mut [f32],
    pub argmax: &'a mut [f32],
}

impl Blocks<'_> {
    /// Computes all blocks, `BLOCKS` at a time. The last group overlaps the one before; where there
    /// are fewer blocks, it repeats the last one.
    ///
    /// # Safety
    /// As for [`Vector`]; the buffers have the sizes that the plan says.
    #[inline(always)]
    pub unsafe fn all<V: Vector, const BLOCKS: usize, const VECTORS: usize>(&mut self) {
        let Plan {
            shape,
            out_channels,
            ..
        } = *self.plan;
        let [down, across] = shape.blocks();
        let blocks = down * across;
        let [right, below] = shape.block_steps(out_channels);
        for channel in (0..out_channels).step_by(VECTORS * V::LANES) {
            for first in (0..blocks).step_by(BLOCKS) {
                let first = first.min(blocks.saturating_sub(BLOCKS));
                let mut patches = [0; BLOCKS];
                for (i, patch) in patches.iter_mut().enumerate() {
                    *patch = self.patches[(first + i).min(blocks - 1)] as usize;
                }
                // SAFETY: the caller promises the instruction set and buffers; the patches are
                // blocks of this image, and vectors divide `out_channels`.
                unsafe {
                    let sums = self.sums::<V, BLOCKS, VECTORS>(patches, channel);
                    for (i, sums) in sums.iter().enumerate() {
                        let block = (first + i).min(blocks - 1);
                        let at = block / across * below + block % across * right + channel;
                        for v in 0..VECTORS {
                            let block = [sums[0][v], sums[1][v], sums[2][v], sums[3][v]];
                            match shape.pool {
                                1 => {
                                    let first = self.values.as_mut_ptr().add(at + v * V::LANES);
                                    let to = Destination {
                                        first,
                                        column_stride: out_channels,
                                        row_stride: below / 2,
                                    };
                                    store_block(block, self.plan.relu, to);
                                }
                                _ => self.pool(block, at + v * V::LANES),
                            }
                        }
                    }
                }
            }
        }
    }

    /// The four sums of each block, for `VECTORS` vectors of output channels.
    #[inline(always)]
    unsafe fn sums<V: Vector, const BLOCKS: usize, const VECTORS: usize>(
        &self,
        patches: [usize; BLOCKS],
        first_channel: usize,
    ) -> [[[V; VECTORS]; 4]; BLOCKS] {
        let Plan {
            shape,
            out_channels,
            ..
        } = *self.plan;
        let width = shape.padded_width();
        // SAFETY: the caller promises the instruction set, patches in the plane, of which `ky`,
        // `kx` and position stay within `k + 1` rows and columns, and a block of channels.
        unsafe {
            let mut sums = [[[V::splat(0.0); VECTORS]; 4]; BLOCKS];
            for block in &mut sums {
                for position in block {
                    for (v, sum) in position.iter_mut().enumerate() {
                        *sum = V::load(self.bias.as_ptr().add(first_channel + v * V::LANES));
                    }
                }
            }
            let mut weights = self.weights.as_ptr().add(first_channel);
            for channel in 0..shape.in_channels {
                for ky in 0..shape.kernel {
                    let row = self
                        .planes
                        .as_ptr()
                        .add(channel * shape.padded_plane() + ky * width);
                    for kx in 0..shape.kernel {
                        let mut w = [V::splat(0.0); VECTORS];
                        for v in 0..VECTORS {
                            w[v] = V::load(weights.add(v * V::LANES));
                        }
                        weights = weights.add(out_channels);
                        for i in 0..BLOCKS {
                            for position in 0..4 {
                                let at = patches[i] + kx + position / 2 * width + position % 2;
                                let x = V::splat(*row.add(at));
                                for v in 0..VECTORS {
                                    sums[i][position][v] = x.mul_add(w[v], sums[i][position][v]);
                                }
                            }
                        }
                    }
                }
            }
            sums
        }
    }

    /// Pools a vector of windows to where it belongs in the window-major image.
    #[inline(always)]
    unsafe fn pool<V: Vector>(&mut self, window: [V; 4], at: usize) {
        // SAFETY: the caller promises the instruction set and a vector of values and argmax at `at`;
        // an array of `LINE` holds any vector.
        unsafe {
            let (value, index) = relu_max_pool(window, 1.0);
            value.store(self.values.as_mut_ptr().add(at));
            V::index_store(index, self.argmax.as_mut_ptr().add(at).cast());
            if !V::all_finite(window) {
                let mut lanes = [[0.0; LINE]; 4];
                for (lanes, position) in lanes.iter_mut().zip(window) {
                    position.store(lanes.as_mut_ptr());
                }
                self.pool_lanes(&lanes, at, V::LANES);
            }
        }
    }

    /// Pools windows one by one, as NaN needs it.
    #[cold]
    #[inline(never)]
    fn pool_lanes(&mut self, window: &[[f32; LINE]; 4], at: usize, lanes: usize) {
        for lane in 0..lanes {
            let (value, index) = relu_max_pool_scalar(window.map(|position| position[lane]));
            self.values[at + lane] = value;
            self.argmax[at + lane] = f32::from_bits(index.into());
        }
    }
}
