//! Gradients of weights and bias of a block without a pool by F(3×3, 4×4), where too many outputs are active
//! for lists: what `winograd.rs` is for the forward pass.
//!
//! The transformed convolution is `Aᵀ · (G·w·Gᵀ ⊙ Bᵀ·d·B) · A` for a tile `d` of the input, linear in the
//! weights `w`. So the weights' gradient is `Gᵀ · (A·g·Aᵀ ⊙ Bᵀ·d·B) · G` summed over all tiles, where `g` are
//! the gradients of a tile's outputs that the ReLU lets through: the same matrices, transposed. The sum
//! is taken before `G`, for each of the tile's 36 elements as a product of matrices: 36 multiplications
//! of each tile for each pair of channels instead of 144.
//!
//! Tiles are 4 × 4 outputs; the last ones may reach beyond the image, where gradients are 0. A unit of
//! parallel work are some images and a block of output channels. `GROUP` tiles at a time are transformed,
//! `[element][tile][Cin]` and `[element][tile][channel of the block]`, and multiplied.
//!
//! **Rounding.** The error of a pair of channels is a few millionths of the largest `|d| · |g|` of each tile,
//! summed: a value out of all scale blurs the nine taps of its channels, whether or not an active output sees
//! it. One that is not finite, or that a transform makes so, spoils results that do not depend on it,
//! as 0 · ∞ is no number: the caller then takes the lists.

mod products;

use std::mem::MaybeUninit;
use std::ops::Range;

use crate::ops::conv_relu_pool::cpu::convolution::write_masked;
use crate::ops::conv_relu_pool::cpu::grad_weight::patches::Patches;
use crate::ops::conv_relu_pool::cpu::layout::{self, filled_up, scatter_columns};
use crate::ops::conv_relu_pool::{BlockShape, INACTIVE};
use crate::ops::scratch::{self, LINE, cut, padded};
use crate::ops::simd::{Isa, Vector, WithSimd};
use products::Products;
use rayon::prelude::*;

/// Images per unit of parallel work, at least.
const CHUNK: usize = 8;

/// Their tiles, at least: of fewer the sums' transform would be a large part.
const CHUNK_TILES: usize = 64;

/// Partial sums that are kept of each block of output channels, at most.
const MAX_CHUNKS: usize = 32;

/// Output channels per unit of parallel work, at most.
const BLOCK: usize = 64;

/// Tiles that are multiplied together.
const GROUP: usize = 32;

/// Elements of a tile.
const ELEMENTS: usize = 36;

/// What the transforms of a tile cost for each channel, in multiplications of its elements.
const TRANSFORM: usize = 128;

/// Whether this is faster than lists of the active outputs, as measured with batch 128 and half of the outputs
/// active on two threads of AVX2, lists against this: 53 and 27 ms for 64→64 channels at 28 × 28, 47 and 31 for
/// 128→128 at 14 × 14, 15 and 10 for 32→32 at 28 × 28, 3.8 and 3.1 for 16→16, 3.0 and 3.1 for 8→8. The lists' time
/// is in proportion to their length, of which every eighth image is a sample.
pub fn is_faster(shape: &BlockShape, argmax: &[u8]) -> bool {
    if shape.pool != 1 || shape.kernel != 3 {
        return false;
    }
    let images = argmax.par_chunks(shape.output_image()).step_by(8);
    let looked_at = images.len();
    let active: usize = images
        .map(|image| image.iter().filter(|index| **index < INACTIVE).count())
        .sum();
    let (inputs, outputs) = (padded(shape.in_channels), padded(shape.out_channels));
    let tiles = looked_at * shape.height.div_ceil(4) * shape.width.div_ceil(4);
    let products = ELEMENTS * shape.in_channels * outputs;
    active * Patches::new(shape).len() > tiles * (products + TRANSFORM * (inputs + outputs))
}

/// Sizes of a call.
struct Plan<'a> {
    shape: &'a BlockShape,
    /// Tiles of an image, down and across.
    tiles: [usize; 2],
    /// Input channels, filled up to whole cache lines.
    in_channels: usize,
    /// Output channels of a block, whole cache lines too.
    block: usize,
    /// Where the pixels and the gradients go in an image.
    pixel_offsets: Vec<u32>,
    gradient_offsets: Vec<u32>,
}

impl<'a> Plan<'a> {
    fn new(shape: &'a BlockShape) -> Self {
        let tiles = [shape.height.div_ceil(4), shape.width.div_ceil(4)];
        let in_channels = padded(shape.in_channels);
        let blocks = shape.out_channels.div_ceil(BLOCK);
        let block = padded(shape.out_channels.div_ceil(blocks));
        let mut plan = Self {
            shape,
            tiles,
            in_channels,
            block,
            pixel_offsets: Vec::new(),
            gradient_offsets: Vec::new(),
        };
        plan.pixel_offsets = plan.offsets(1, in_channels);
        plan.gradient_offsets = plan.offsets(0, block);
        plan
    }

    /// Blocks of output channels.
    fn blocks(&self) -> usize {
        self.shape.out_channels.div_ceil(self.block)
    }

    /// Columns of an image with a border of zeros.
    fn row(&self, border: usize) -> usize {
        4 * self.tiles[1] + 2 * border
    }

    /// Values of a pixel-major image, with one pixel more for what goes nowhere.
    fn image(&self, border: usize, channels: usize) -> usize {
        ((4 * self.tiles[0] + 2 * border) * self.row(border) + 1) * channels
    }

    /// Where every pixel begins in such an image, with as many entries as [`scatter_columns`] needs.
    fn offsets(&self, border: usize, channels: usize) -> Vec<u32> {
        let offset = |pixel| {
            let (y, x) = (pixel / self.shape.width, pixel % self.shape.width);
            ((y + border) * self.row(border) + x + border) * channels
        };
        let nowhere = self.image(border, channels) - channels;
        let pixels = (0..self.shape.input_plane()).map(offset);
        let offsets = pixels.chain(std::iter::repeat_n(nowhere, LINE));
        offsets.map(|offset| offset as u32).collect()
    }

    /// Images per unit of parallel work.
    fn chunk(&self) -> usize {
        let tiles = self.tiles[0] * self.tiles[1];
        let images = CHUNK_TILES.div_ceil(tiles).max(CHUNK);
        images.max(self.shape.batch.div_ceil(MAX_CHUNKS))
    }

    /// From one element of the transformed tiles to the next: a cache line longer than needed, as powers
    /// of two would put all elements into the same few sets of the caches.
    fn inputs_stride(&self) -> usize {
        GROUP * self.in_channels + LINE
    }

    fn gradients_stride(&self) -> usize {
        GROUP * self.block + LINE
    }

    /// From one element of the sums `[Cin][channel of the block]` to the next.
    fn sums_stride(&self) -> usize {
        self.in_channels * self.block + LINE
    }

    /// Values of a unit's results: the gradient `[tap][Cin][channel of the block]`, then that of the bias.
    fn partial(&self) -> usize {
        (9 * self.in_channels + 1) * self.block
    }

    fn stages(&self) -> [usize; 2] {
        let plane = self.shape.input_plane();
        [self.in_channels, self.block].map(|channels| layout::stage(channels, plane))
    }

    /// Length of the buffer of a unit.
    fn scratch(&self) -> usize {
        self.stages().iter().sum::<usize>()
            + self.image(1, self.in_channels)
            + self.image(0, self.block)
            + ELEMENTS * (self.inputs_stride() + self.gradients_stride() + self.sums_stride())
    }

    /// Adds up the units' results, and writes them; whether all are finite.
    fn sum(
        &self,
        partials: &[f32],
        grad_weight: &mut [MaybeUninit<f32>],
        grad_bias: &mut [MaybeUninit<f32>],
    ) -> bool {
        let (rows, filter) = (9 * self.in_channels, 9 * self.shape.in_channels);
        grad_weight
            .par_chunks_mut(LINE * filter)
            .zip(grad_bias.par_chunks_mut(LINE))
            .enumerate()
            .map(|(group, (filters, bias))| {
                // A cache line of channels in the results of its block.
                let (block, first) = (group * LINE / self.block, group * LINE % self.block);
                let parts = partials.chunks_exact(self.partial()).skip(block);
                scratch::with(&scratch::LOCAL, (rows + 1) * LINE, |total| {
                    total.fill(0.0);
                    for part in parts.step_by(self.blocks()) {
                        let part = part.chunks_exact(self.block);
                        for (total, part) in total.chunks_exact_mut(LINE).zip(part) {
                            for (total, part) in total.iter_mut().zip(&part[first..]) {
                                *total += part;
                            }
                        }
                    }
                    bias.write_copy_of_slice(&total[rows * LINE..][..bias.len()]);
                    for (o, filter) in filters.chunks_exact_mut(filter).enumerate() {
                        for (i, weight) in filter.iter_mut().enumerate() {
                            let (c, tap) = (i / 9, i % 9);
                            weight.write(total[(tap * self.in_channels + c) * LINE + o]);
                        }
                    }
                    total.iter().all(|value| value.is_finite())
                })
            })
            .reduce(|| true, |a, b| a & b)
    }
}

/// Writes both gradients; whether all their values are finite. If not, they are not what the definition says.
pub fn grad_weight(
    isa: Isa,
    shape: &BlockShape,
    [input, grad_output]: [&[f32]; 2],
    argmax: &[u8],
    grad_weight: &mut [MaybeUninit<f32>],
    grad_bias: &mut [MaybeUninit<f32>],
) -> bool {
    let plan = &Plan::new(shape);
    let partial = plan.partial();
    let blocks = plan.blocks();
    let chunks = shape.batch.div_ceil(plan.chunk());
    scratch::with(&scratch::SHARED, chunks * blocks * partial, |partials| {
        // A chunk's blocks beside each other.
        let units = partials.par_chunks_exact_mut(partial).enumerate();
        units.for_each(|(unit, partial)| {
            let first = unit / blocks * plan.chunk();
            scratch::with(&scratch::LOCAL, plan.scratch(), |buffer| {
                isa.run(Unit {
                    plan,
                    input,
                    argmax,
                    grad_output,
                    images: first..shape.batch.min(first + plan.chunk()),
                    first_channel: unit % blocks * plan.block,
                    partial,
                    buffer,
                });
            });
        });
        plan.sum(partials, grad_weight, grad_bias)
    })
}

/// Some images and a block of output channels.
struct Unit<'a> {
    plan: &'a Plan<'a>,
    input: &'a [f32],
    argmax: &'a [u8],
    grad_output: &'a [f32],
    images: Range<usize>,
    first_channel: usize,
    partial: &'a mut [f32],
    buffer: &'a mut [f32],
}

impl WithSimd for Unit<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self {
            plan, mut buffer, ..
        } = self;
        let shape = plan.shape;
        let [input_stage, gradient_stage] = plan.stages().map(|len| cut(&mut buffer, len));
        let pixels = cut(&mut buffer, plan.image(1, plan.in_channels));
        let gradients = cut(&mut buffer, plan.image(0, plan.block));
        let mut products = Products {
            plan,
            inputs: cut(&mut buffer, ELEMENTS * plan.inputs_stride()),
            gradients: cut(&mut buffer, ELEMENTS * plan.gradients_stride()),
            sums: cut(&mut buffer, ELEMENTS * plan.sums_stride()),
            tiles: 0,
        };
        input_stage.fill(0.0);
        gradient_stage.fill(0.0);
        pixels.fill(0.0);
        gradients.fill(0.0);
        products.sums.fill(0.0);
        let (rows, bias) = self.partial.split_at_mut(9 * plan.in_channels * plan.block);
        bias.fill(0.0);

        let plane = shape.input_plane();
        let channels = plan.block.min(shape.out_channels - self.first_channel);
        for image in self.images {
            let input = &self.input[image * shape.input_image()..][..shape.input_image()];
            let outputs = (image * shape.out_channels + self.first_channel) * plane;
            let grads = &self.grad_output[outputs..][..channels * plane];
            let argmax = &self.argmax[outputs..][..channels * plane];
            // SAFETY: the caller promises the instruction set; stages end with a cache line, and the
            // offsets were made for images of these lengths.
            unsafe {
                let matrix = [plan.in_channels, plane];
                let input = filled_up(input, matrix, input_stage);
                scatter_columns::<V>(input, matrix, pixels, &plan.pixel_offsets);
                write_masked(grads, argmax, gradient_stage);
                let matrix = [plan.block, plane];
                scatter_columns::<V>(gradient_stage, matrix, gradients, &plan.gradient_offsets);
                let nowhere = gradients.len() - plan.block;
                add_pixels::<V>(&gradients[..nowhere], plan.block, bias);
                for row in 0..plan.tiles[0] {
                    for column in 0..plan.tiles[1] {
                        products.push::<V>(pixels, gradients, [row, column]);
                    }
                }
            }
        }
        // SAFETY: as above.
        unsafe {
            if products.tiles > 0 {
                products.multiply::<V>();
            }
            products.transform_back::<V>(rows);
        }
    }
}

/// Adds the sum of an image's pixels to `sums`.
#[inline(always)]
unsafe fn add_pixels<V: Vector>(image: &[f32], channels: usize, sums: &mut [f32]) {
    for channel in (0..channels).step_by(V::LANES) {
        // SAFETY: the caller promises the instruction set and whole vectors of channels in each pixel.
        unsafe {
            let mut sum = V::splat(0.0);
            for pixel in image.chunks_exact(channels) {
                sum = sum.add(V::load(pixel.as_ptr().add(channel)));
            }
            let to = sums.as_mut_ptr().add(channel);
            V::load(to).add(sum).store(to);
        }
    }
}
