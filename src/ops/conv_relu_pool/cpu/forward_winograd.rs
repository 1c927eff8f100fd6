//! Forward by Winograd's minimal filtering, for 3×3 kernels with many input channels.
//!
//! F(m, 3) gives m adjacent outputs of a three-tap filter for m + 2 multiplications instead of 3m;
//! nested over rows and columns, F(4×4, 3×3) takes 36 instead of 144 multiplications per pair of
//! channels for four pooling windows, F(2×2, 3×3) 16 instead of 36 for one. A tile consists of
//! whole pooling windows, so bias, ReLU and pool happen in registers where it is transformed back,
//! and the full-size convolution output never exists.
//!
//! An image is covered by tiles of 4 × 4 outputs; an odd last row or column of windows gets tiles of
//! 2 × 4, 4 × 2 and 2 × 2, so nothing is computed in vain. 14 × 14 takes 484 multiplications per
//! pair of channels, against 576 with 4 × 4 alone, 784 with 2 × 2 alone and 1764 directly.
//!
//! For one kind of tile at a time, `GROUP` tiles of a chunk of images are
//! 1. transformed from the pixel-major images, a vector of channels at a time, to
//!    `[element of the tile][tile][Cin]`;
//! 2. multiplied, per element, with the transformed weights `[element][Cin][Cout]`: small matrix
//!    products in registers, for one block of output channels;
//! 3. transformed back, pooled, and staged window-major, to be brought to NCHW at the end.
//!
//! For 32→64 channels at 14 × 14, two thirds of the time are spent in the products, at the machine's
//! peak; F(2×2, 3×3) alone needs 1.6 times as many.
//!
//! **Rounding.** The error is below 1e-6 · max|x| · Σ|w|, with the maximum over the image and the sum
//! over the weights of the output channel; with inputs of one scale below 1e-6 · Σ|w·x|. (Direct
//! summation stays below half of that: see [`transforms`].) A value that is not finite, anywhere in
//! a tile, spoils the whole tile, so every window whose values are not all finite is computed again
//! directly.

mod tiles;
mod transforms;
mod weights;

use super::layout::{self, filled_up, scatter_columns, write_pooled};
use crate::ops::conv_relu_pool::BlockShape;
use crate::ops::scratch::{self, LINE, cut, padded};
use crate::ops::simd::{Isa, Kernel, Vector};
use rayon::prelude::*;
use tiles::Tiles;
use weights::TransformWeights;

/// Images per unit of parallel work.
const CHUNK: usize = 4;

/// Tiles that go through the three steps together: as many as the products take at once. Up to 48
/// were no faster.
const GROUP: usize = 12;

/// Elements of the largest tile.
const ELEMENTS: usize = 36;

/// Outputs per tile, in rows and columns.
const KINDS: [[usize; 2]; 4] = [[4, 4], [4, 2], [2, 4], [2, 2]];

/// Tiles of one kind in an image, in rows and columns.
fn tiles(shape: &BlockShape, kind: [usize; 2]) -> [usize; 2] {
    let count = |outputs, windows: usize| {
        if outputs == 4 {
            windows / 2
        } else {
            windows % 2
        }
    };
    [
        count(kind[0], shape.pooled_height()),
        count(kind[1], shape.pooled_width()),
    ]
}

/// Sizes of a call. Strides between the elements of a tile are a cache line longer than needed: as
/// powers of two they would put all elements into the same few sets of the caches.
struct Plan<'a> {
    shape: &'a BlockShape,
    /// Channels, filled up to whole cache lines.
    in_channels: usize,
    out_channels: usize,
    /// Vectors per block of output channels.
    vectors: usize,
    /// Output channels per block.
    block: usize,
}

impl<'a> Plan<'a> {
    fn new(isa: Isa, shape: &'a BlockShape) -> Self {
        let out_channels = padded(shape.out_channels);
        let vectors = if (out_channels / isa.lanes()).is_multiple_of(2) {
            2
        } else {
            1
        };
        let (in_channels, block) = (padded(shape.in_channels), vectors * isa.lanes());
        Self {
            shape,
            in_channels,
            out_channels,
            vectors,
            block,
        }
    }

    /// From one element's matrix of a block's weights to the next.
    fn weight_stride(&self) -> usize {
        self.shape.in_channels * self.block + LINE
    }

    /// Where the matrix of a block and element begins in the transformed weights of a kind.
    fn weight_matrix(&self, [rows, columns]: [usize; 2], block: usize, element: usize) -> usize {
        (block * (rows + 2) * (columns + 2) + element) * self.weight_stride()
    }

    /// Values of the transformed weights of a kind: none if there are no such tiles.
    fn weights(&self, kind: [usize; 2]) -> usize {
        let used = tiles(self.shape, kind).iter().all(|count| *count > 0);
        if used {
            self.weight_matrix(kind, self.out_channels / self.block, 0)
        } else {
            0
        }
    }

    fn tiles_in_stride(&self) -> usize {
        GROUP * self.in_channels + LINE
    }

    fn tiles_out_stride(&self) -> usize {
        GROUP * self.block + LINE
    }

    /// Values of a window-major image.
    fn window_image(&self) -> usize {
        self.shape.window_image(self.out_channels)
    }

    /// Length of the buffer for a chunk of `images`.
    fn scratch(&self, images: usize) -> usize {
        images * (self.shape.pixel_image(self.in_channels) + 2 * self.window_image())
            + ELEMENTS * (self.tiles_in_stride() + self.tiles_out_stride())
            + self.stage()
    }

    /// For an input image as well as the pooled values of an image.
    fn stage(&self) -> usize {
        let input = layout::stage(self.in_channels, self.shape.input_plane());
        input.max(layout::stage(self.out_channels, self.shape.windows()))
    }
}

pub fn forward(
    isa: Isa,
    shape: &BlockShape,
    input: &[f32],
    weight: &[f32],
    bias: &[f32],
    output: &mut [f32],
    argmax: &mut [u8],
) {
    let plan = &Plan::new(isa, shape);
    let transformed: usize = KINDS.iter().map(|kind| plan.weights(*kind)).sum();
    let shared = transformed + plan.out_channels + TransformWeights::scratch(plan);
    scratch::with(&scratch::SHARED, shared, |mut buffer| {
        let transformed = cut(&mut buffer, transformed);
        let padded_bias = cut(&mut buffer, plan.out_channels);
        padded_bias.fill(0.0);
        padded_bias[..bias.len()].copy_from_slice(bias);
        isa.run(TransformWeights {
            plan,
            weight,
            transformed: &mut *transformed,
            buffer,
        });

        let (transformed, bias) = (&*transformed, &*padded_bias);
        let pixels = &shape.pixel_offsets(plan.in_channels);
        let windows = &shape.window_offsets(plan.out_channels);
        let chunk = CHUNK.min(shape.batch);
        output
            .par_chunks_mut(chunk * shape.output_image())
            .zip(argmax.par_chunks_mut(chunk * shape.output_image()))
            .zip(input.par_chunks(chunk * shape.input_image()))
            .for_each(|((output, argmax), input)| {
                scratch::with(&scratch::LOCAL, plan.scratch(chunk), |buffer| {
                    let offsets = [&pixels[..], &windows[..]];
                    let weights = [weight, transformed, bias];
                    isa.run(Chunk {
                        plan,
                        offsets,
                        weights,
                        input,
                        output,
                        argmax,
                        buffer,
                    });
                });
            });
    });
}

/// The images of one unit of parallel work.
struct Chunk<'a> {
    plan: &'a Plan<'a>,
    /// Of pixels and windows.
    offsets: [&'a [u32]; 2],
    /// The weights as they are, the transformed ones and the bias.
    weights: [&'a [f32]; 3],
    input: &'a [f32],
    output: &'a mut [f32],
    argmax: &'a mut [u8],
    buffer: &'a mut [f32],
}

impl Kernel for Chunk<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self {
            plan,
            input,
            output,
            argmax,
            mut buffer,
            ..
        } = self;
        let [pixel_offsets, window_offsets] = self.offsets;
        let [weight, mut transformed, bias] = self.weights;
        let shape = plan.shape;
        let images = input.len() / shape.input_image();
        let pixel_image = shape.pixel_image(plan.in_channels);
        let pixels = cut(&mut buffer, images * pixel_image);
        let values = cut(&mut buffer, images * plan.window_image());
        let window_argmax = cut(&mut buffer, images * plan.window_image());
        let stage = cut(&mut buffer, plan.stage());
        let tiles_in = cut(&mut buffer, ELEMENTS * plan.tiles_in_stride());
        let tiles_out = cut(&mut buffer, ELEMENTS * plan.tiles_out_stride());

        pixels.fill(0.0);
        stage.fill(0.0);
        // SAFETY: the caller promises the instruction set; the buffers are cut as `Plan` says,
        // `offsets` made for these numbers of channels, and `part` holds its kind's weights.
        unsafe {
            let image_pixels = pixels.chunks_exact_mut(pixel_image);
            for (image, pixels) in input.chunks_exact(shape.input_image()).zip(image_pixels) {
                let matrix = [plan.in_channels, shape.input_plane()];
                let image = filled_up(image, matrix, stage);
                scatter_columns::<V>(image, matrix, pixels, pixel_offsets);
            }
            for kind in KINDS {
                let (part, rest) = transformed.split_at(plan.weights(kind));
                transformed = rest;
                let mut tiles = Tiles {
                    plan,
                    input,
                    pixels,
                    weight,
                    transformed: part,
                    bias,
                    values,
                    argmax: window_argmax,
                    tiles_in,
                    tiles_out,
                };
                match kind {
                    _ if part.is_empty() => {}
                    [4, 4] => tiles.run::<V, 4, 4>(images),
                    [4, _] => tiles.run::<V, 4, 2>(images),
                    [_, 4] => tiles.run::<V, 2, 4>(images),
                    _ => tiles.run::<V, 2, 2>(images),
                }
            }
            let window_images = values
                .chunks_exact(plan.window_image())
                .zip(window_argmax.chunks_exact(plan.window_image()));
            let images = output
                .chunks_exact_mut(shape.output_image())
                .zip(argmax.chunks_exact_mut(shape.output_image()));
            for (to, (values, argmax)) in images.zip(window_images) {
                write_pooled::<V>(shape, [values, argmax], window_offsets, stage, to);
            }
        }
    }
}
