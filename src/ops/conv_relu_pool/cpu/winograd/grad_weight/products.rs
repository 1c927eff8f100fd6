//! The transforms of tiles, and the sums of their products.

use super::{ELEMENTS, GROUP, Plan};
use crate::ops::conv_relu_pool::cpu::winograd::{tiles::transform_input, transforms};
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
            let from = pixels.as_ptr().add(4 * (row * width + column) * channels);
            let to = self.inputs.as_mut_ptr().add(self.tiles * channels);
            for channel in (0..channels).step_by(V::LANES) {
                let steps = [width * channels, channels];
                let to = to.add(channel);
                transform_input::<V, 4, 4>(from.add(channel), steps, to, plan.inputs_stride());
            }
            let (channels, width) = (plan.block, plan.row(0));
            let from = gradients
                .as_ptr()
                .add(4 * (row * width + column) * channels);
            let to = self.gradients.as_mut_ptr().add(self.tiles * channels);
            for channel in (0..channels).step_by(V::LANES) {
                let steps = [width * channels, channels];
                let to = to.add(channel);
                transform_gradient::<V>(from.add(channel), steps, to, plan.gradients_stride());
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
                let sums = self.sums.as_ptr().add(at);
                let mut half = [[V::splat(0.0); 6]; 3];
                for x in 0..6 {
                    let mut column = [V::splat(0.0); 6];
                    for y in 0..6 {
                        column[y] = V::load(sums.add((y * 6 + x) * self.plan.sums_stride()));
                    }
                    let column = transforms::weights_transposed::<V>(column);
                    for y in 0..3 {
                        half[y][x] = column[y];
                    }
                }
                for y in 0..3 {
                    let taps = transforms::weights_transposed::<V>(half[y]);
                    for x in 0..3 {
                        taps[x].store(rows.as_mut_ptr().add((y * 3 + x) * matrix + at));
                    }
                }
            }
        }
    }
}

/// `A · g · Aᵀ` of a tile of 4 × 4 gradients, for a vector of channels, `steps` from a row and a column
/// to the next.
#[inline(always)]
unsafe fn transform_gradient<V: Vector>(
    from: *const f32,
    steps: [usize; 2],
    to: *mut f32,
    stride: usize,
) {
    // SAFETY: the caller promises the instruction set, the tile and room for its elements.
    unsafe {
        let mut rows = [[V::splat(0.0); 4]; 6];
        for x in 0..4 {
            let mut column = [V::splat(0.0); 4];
            for y in 0..4 {
                column[y] = V::load(from.add(y * steps[0] + x * steps[1]));
            }
            let column = transforms::output_transposed::<V>(column);
            for y in 0..6 {
                rows[y][x] = column[y];
            }
        }
        for y in 0..6 {
            let row = transforms::output_transposed::<V>(rows[y]);
            for x in 0..6 {
                row[x].store(to.add((y * 6 + x) * stride));
            }
        }
    }
}
