//! The transforms of tiles, and the sums of their products.

use super::{ELEMENTS, GROUP, Plan};
use crate::ops::conv_relu_pool::cpu::winograd::transforms::{
    Input, OutputTransposed, WeightsTransposed, nested,
};
use crate::ops::simd::Vector;

/// Transformed tiles, and the sums of their products.
pub struct Products<'a> {
    pub plan: &'a Plan<'a>,
    /// `[element][tile][Cin]`.
    pub inputs: &'a mut [f32],
    /// `[element][tile][channel of the block]`.
    pub gradients: &'a mut [f32],
    /// `[element][Cin][channel of the block]`.
    pub sums: &'a mut [f32],
    /// How many tiles wait to be multiplied.
    pub tiles: usize,
}

impl Products<'_> {
    /// Transforms a tile, and multiplies when a group of them is full.
    #[inline(always)]
    pub unsafe fn push<V: Vector>(
        &mut self,
        pixels: &[f32],
        gradients: &[f32],
        [row, column]: [usize; 2],
    ) {
        let plan = self.plan;
        // SAFETY: the caller promises the instruction set and a tile of the images; fewer than
        // `GROUP` tiles wait.
        unsafe {
            let (channels, width) = (plan.in_channels, plan.row(1));
            let steps = [width * channels, channels];
            let from = pixels
                .as_ptr()
                .add(4 * (row * steps[0] + column * channels));
            let to = self.inputs.as_mut_ptr().add(self.tiles * channels);
            for channel in (0..channels).step_by(V::LANES) {
                let (from, to) = (from.add(channel), to.add(channel));
                nested::<V, Input<4>, Input<4>>(from, steps, to, plan.inputs_stride());
            }
            let (channels, width) = (plan.block, plan.row(0));
            let steps = [width * channels, channels];
            let from = gradients
                .as_ptr()
                .add(4 * (row * steps[0] + column * channels));
            let to = self.gradients.as_mut_ptr().add(self.tiles * channels);
            for channel in (0..channels).step_by(V::LANES) {
                let (from, to) = (from.add(channel), to.add(channel));
                let stride = plan.gradients_stride();
                nested::<V, OutputTransposed, OutputTransposed>(from, steps, to, stride);
            }
            self.tiles += 1;
            if self.tiles == GROUP {
                self.multiply::<V>();
            }
        }
    }

    /// Adds the products of the tiles that wait, for each element.
    #[inline(always)]
    pub unsafe fn multiply<V: Vector>(&mut self) {
        let plan = self.plan;
        for element in 0..ELEMENTS {
            // SAFETY: the caller promises the instruction set; the buffers hold all elements.
            unsafe {
                let inputs = self.inputs.as_ptr().add(element * plan.inputs_stride());
                let gradients = self
                    .gradients
                    .as_ptr()
                    .add(element * plan.gradients_stride());
                let sums = self.sums.as_mut_ptr().add(element * plan.sums_stride());
                let mut o = 0;
                while o < plan.block {
                    let (g, out) = (gradients.add(o), sums.add(o));
                    if o + 2 * V::LANES <= plan.block {
                        self.columns::<V, 2>(inputs, g, out);
                        o += 2 * V::LANES;
                    } else {
                        self.columns::<V, 1>(inputs, g, out);
                        o += V::LANES;
                    }
                }
            }
        }
        self.tiles = 0;
    }

    #[inline(always)]
    unsafe fn columns<V: Vector, const VECTORS: usize>(
        &self,
        inputs: *const f32,
        gradients: *const f32,
        sums: *mut f32,
    ) {
        let plan = self.plan;
        let mut c = 0;
        // The channels that only fill up the last cache line may be left out, or not.
        while c < plan.shape.in_channels {
            // SAFETY: as the caller promises.
            unsafe {
                let (a, out) = (inputs.add(c), sums.add(c * plan.block));
                let left = plan.in_channels - c;
                c += match V::ACCUMULATORS {
                    24.. if left >= 12 => self.add_products::<V, 12, VECTORS>(a, gradients, out),
                    12.. if left >= 6 => self.add_products::<V, 6, VECTORS>(a, gradients, out),
                    12.. if left >= 4 => self.add_products::<V, 4, VECTORS>(a, gradients, out),
                    _ => self.add_products::<V, 2, VECTORS>(a, gradients, out),
                };
            }
        }
    }

    /// Adds the products of `ROWS` input channels with `VECTORS` vectors of output channels; returns
    /// `ROWS`.
    #[inline(always)]
    unsafe fn add_products<V: Vector, const ROWS: usize, const VECTORS: usize>(
        &self,
        inputs: *const f32,
        gradients: *const f32,
        out: *mut f32,
    ) -> usize {
        let plan = self.plan;
        // SAFETY: the caller promises the instruction set and so many channels in all three.
        unsafe {
            let mut sums = [[V::splat(0.0); VECTORS]; ROWS];
            for tile in 0..self.tiles {
                let g = gradients.add(tile * plan.block);
                let x = inputs.add(tile * plan.in_channels);
                let mut columns = [V::splat(0.0); VECTORS];
                for v in 0..VECTORS {
                    columns[v] = V::load(g.add(v * V::LANES));
                }
                for row in 0..ROWS {
                    let x = V::splat(*x.add(row));
                    for v in 0..VECTORS {
                        sums[row][v] = x.mul_add(columns[v], sums[row][v]);
                    }
                }
            }
            for row in 0..ROWS {
                for v in 0..VECTORS {
                    let out = out.add(row * plan.block + v * V::LANES);
                    V::load(out).add(sums[row][v]).store(out);
                }
            }
        }
        ROWS
    }

    /// `Gᵀ · m · G` of the sums, to `[tap][Cin][channel of the block]`.
    #[inline(always)]
    pub unsafe fn transform_back<V: Vector>(&self, rows: &mut [f32]) {
        let matrix = self.plan.in_channels * self.plan.block;
        for at in (0..matrix).step_by(V::LANES) {
            // SAFETY: the caller promises the instruction set; vectors divide a matrix, of which
            // `sums` holds one for each element and `rows` one for each tap.
            unsafe {
                let (sums, stride) = (self.sums.as_ptr().add(at), self.plan.sums_stride());
                let steps = [6 * stride, stride];
                let taps = rows.as_mut_ptr().add(at);
                nested::<V, WeightsTransposed, WeightsTransposed>(sums, steps, taps, matrix);
            }
        }
    }
}
