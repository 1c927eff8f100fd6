//! A convolution by Winograd's minimal filtering, for 3×3 kernels with many input channels.
//!
//! F(m, 3) gives m adjacent outputs of a three-tap filter for m + 2 multiplications instead of 3m;
//! nested over rows and columns, F(4×4, 3×3) takes 36 instead of 144 multiplications per pair of
//! channels for four blocks of 2×2 outputs, F(2×2, 3×3) 16 instead of 36 for one. A tile consists of
//! whole blocks, the windows of the pool where there is one, so bias, ReLU and pool happen in registers
//! where it is transformed back, and the full-size convolution output never exists.
//!
//! An image is covered by tiles of 4 × 4 outputs; an odd last row or column of blocks gets tiles of
//! 2 × 4, 4 × 2 and 2 × 2, so nothing is computed in vain. 14 × 14 takes 484 multiplications per
//! pair of channels, against 576 with 4 × 4 alone, 784 with 2 × 2 alone and 1764 directly.
//!
//! For one kind of tile at a time, `GROUP` tiles of a chunk of images are
//! 1. transformed from the pixel-major images, a vector of channels at a time, to
//!    `[element of the tile][tile][Cin]`;
//! 2. multiplied, per element, with the transformed weights `[element][Cin][Cout]`: small matrix
//!    products in registers, for one block of output channels;
//! 3. transformed back, to ReLU and pool, and staged window-major, to be brought to NCHW at the end.
//!
//! For 32→64 channels at 14 × 14, two thirds of the time are spent in the products, at the machine's
//! peak; F(2×2, 3×3) alone needs 1.6 times as many.
//!
//! **Rounding.** The error is below 1e-6 · max|x| · Σ|w|, with the maximum over the image and the sum
//! over the weights of the output channel; with inputs of one scale below 1e-6 · Σ|w·x|. (Direct
//! summation stays below half of that: see [`transforms`].) A value that is not finite, anywhere in
//! a tile, spoils the whole tile, so every block whose values are not all finite is computed again
//! directly.

pub mod grad_weight;
mod outputs;
mod tiles;
mod transforms;
mod weights;

use super::convolution::{Filters, Images, write_masked};
use super::layout::{self, filled_up, scatter_columns, write_outputs};
use crate::ops::conv_relu_pool::BlockShape;
use crate::ops::scratch::{self, LINE, cut, padded};
use crate::ops::simd::{Isa, Vector, WithSimd};
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
    let count = |outputs, blocks: usize| {
        if outputs == 4 { blocks / 2 } else { blocks % 2 }
    };
    let [down, across] = shape.blocks();
    [count(kind[0], down), count(kind[1], across)]
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
    /// See [`BlockShape::block_steps`].
    block_steps: [usize; 2],
    relu: bool,
}

impl<'a> Plan<'a> {
    fn new(isa: Isa, shape: &'a BlockShape, relu: bool) -> Self {
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
            block_steps: shape.block_steps(out_channels),
            relu,
        }
    }

    /// From one element's matrix of a block's weights to the next.
    fn weight_stride(&self) -> usize {
        self.shape.in_channels * self.block + LINE
    }

    /// Values of a block's transformed weights of a kind: none if there are no such tiles.
    fn kind_weights(&self, kind: [usize; 2]) -> usize {
        let used = tiles(self.shape, kind).iter().all(|count| *count > 0);
        if used {
            (kind[0] + 2) * (kind[1] + 2) * self.weight_stride()
        } else {
            0
        }
    }

    /// Values of a block's transformed weights of all kinds.
    fn block_weights(&self) -> usize {
        KINDS.iter().map(|kind| self.kind_weights(*kind)).sum()
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

    /// Of its argmax.
    fn window_argmax(&self) -> usize {
        self.shape.window_argmax(self.out_channels)
    }

    /// Length of the buffer for a chunk of `images`.
    fn scratch(&self, images: usize) -> usize {
        images
            * (self.shape.pixel_image(self.in_channels)
                + self.window_image()
                + self.window_argmax())
            + ELEMENTS * (self.tiles_in_stride() + self.tiles_out_stride())
            + self.stage()
    }

    /// For an input image as well as the outputs of an image.
    fn stage(&self) -> usize {
        let input = layout::stage(self.in_channels, self.shape.input_plane());
        input.max(layout::stage(self.out_channels, self.shape.windows()))
    }
}

pub fn convolution(isa: Isa, shape: &BlockShape, filters: Filters, images: Images) {
    let plan = &Plan::new(isa, shape, filters.bias.is_some());
    let block_weights = plan.block_weights();
    let transformed = plan.out_channels / plan.block * block_weights;
    let shared = plan.out_channels + transformed;
    scratch::with(&scratch::SHARED, shared, |mut transformed| {
        let bias = filters.filled_bias(cut(&mut transformed, plan.out_channels));
        let filter = shape.in_channels * 9;
        transformed
            .par_chunks_mut(block_weights)
            .zip(filters.weight.par_chunks(plan.block * filter))
            .for_each(|(transformed, weight)| {
                scratch::with(&scratch::LOCAL, TransformWeights::scratch(plan), |buffer| {
                    isa.run(TransformWeights {
                        plan,
                        weight,
                        transformed,
                        buffer,
                    });
                });
            });

        let transformed = &*transformed;
        let pixels = &shape.pixel_offsets(plan.in_channels);
        let windows = &shape.window_offsets(plan.out_channels);
        let chunk = CHUNK.min(shape.batch);
        let chunks: Vec<Images> = images.chunks(shape, chunk).collect();
        chunks.into_par_iter().for_each(|images| {
            scratch::with(&scratch::LOCAL, plan.scratch(chunk), |buffer| {
                isa.run(Chunk {
                    plan,
                    offsets: [pixels, windows],
                    weights: [filters.weight, transformed, bias],
                    images,
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
    images: Images<'a>,
    buffer: &'a mut [f32],
}

impl WithSimd for Chunk<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self {
            plan,
            images,
            mut buffer,
            ..
        } = self;
        let [pixel_offsets, window_offsets] = self.offsets;
        let [weight, transformed, bias] = self.weights;
        let shape = plan.shape;
        let count = images.input.len() / shape.input_image();
        let pixel_image = shape.pixel_image(plan.in_channels);
        let pixels = cut(&mut buffer, count * pixel_image);
        let values = cut(&mut buffer, count * plan.window_image());
        let argmax = cut(&mut buffer, count * plan.window_argmax());
        let stage = cut(&mut buffer, plan.stage());
        let tiles_in = cut(&mut buffer, ELEMENTS * plan.tiles_in_stride());
        let tiles_out = cut(&mut buffer, ELEMENTS * plan.tiles_out_stride());

        pixels.fill(0.0);
        stage.fill(0.0);
        let images: Vec<Images> = images.chunks(shape, 1).collect();
        // SAFETY: the caller promises the instruction set; the buffers are cut as `Plan` says,
        // `offsets` made for these numbers of channels, and the weights of a kind begin at `before`.
        unsafe {
            for (image, pixels) in images.iter().zip(pixels.chunks_exact_mut(pixel_image)) {
                let matrix = [plan.in_channels, shape.input_plane()];
                let values = match image.mask {
                    None => filled_up(image.input, matrix, stage),
                    Some(mask) => {
                        write_masked(image.input, mask, stage);
                        &*stage
                    }
                };
                scatter_columns::<V>(values, matrix, pixels, pixel_offsets);
            }
            let mut before = 0;
            for kind in KINDS {
                let weights = plan.kind_weights(kind);
                let mut tiles = Tiles {
                    plan,
                    pixels,
                    weight,
                    transformed: &transformed[before..],
                    bias,
                    values,
                    argmax,
                    tiles_in,
                    tiles_out,
                };
                before += weights;
                match kind {
                    _ if weights == 0 => {}
                    [4, 4] => tiles.run::<V, 4, 4>(count),
                    [4, _] => tiles.run::<V, 4, 2>(count),
                    [_, 4] => tiles.run::<V, 2, 4>(count),
                    _ => tiles.run::<V, 2, 2>(count),
                }
            }
            for (i, image) in images.into_iter().enumerate() {
                let values = &values[i * plan.window_image()..][..plan.window_image()];
                let argmax = &argmax[i * plan.window_argmax()..][..plan.window_argmax()];
                let to = (image.output, image.argmax);
                write_outputs::<V>(shape, [values, argmax], window_offsets, stage, to);
            }
        }
    }
}
