//! A convolution, directly: the four sums of every block of 2×2 outputs in registers, over all channels
//! and taps.
//!
//! One step takes `BLOCKS` blocks and `VECTORS` vectors of output channels: for each input
//! channel and tap it loads the weights of these channels once and multiplies them with the
//! `4 · BLOCKS` input values, broadcast from the padded planes, so `4 · BLOCKS · VECTORS`
//! accumulators stay in registers and a weight is loaded once for `4 · BLOCKS` multiply-adds. A block is
//! a window of the pool, where there is one: the full-size convolution output never exists, bias, ReLU
//! and pool follow in registers.
//!
//! Weights are transposed once per call to `[Cin · k · k][Cout]`. Results are staged window-major
//! and brought to NCHW image by image.
//!
//! With 32 channels and a 5×5 kernel this runs at 235 of 236 GFLOP/s per core. With one channel,
//! half of the time goes into the pool and the way to NCHW. Unrolling the loops over the taps
//! made that case 12 % slower.

mod blocks;

use super::convolution::{Filters, Images, write_masked};
use super::layout::{self, pad_planes, transpose_weights, write_outputs};
use crate::ops::conv_relu_pool::BlockShape;
use crate::ops::scratch::{self, LINE, cut, padded};
use crate::ops::simd::{Isa, Vector, WithSimd};
use blocks::Blocks;
use rayon::prelude::*;

/// Images per unit of parallel work.
const CHUNK: usize = 4;

/// Sizes of a call.
struct Plan<'a> {
    shape: &'a BlockShape,
    /// Channels, filled up to whole cache lines.
    out_channels: usize,
    /// Weights per output channel.
    patch: usize,
    relu: bool,
}

impl Plan<'_> {
    /// Values of the padded planes of an image.
    fn planes(&self) -> usize {
        self.shape.in_channels * self.shape.padded_plane()
    }

    fn window_image(&self) -> usize {
        self.shape.window_image(self.out_channels)
    }

    fn window_argmax(&self) -> usize {
        self.shape.window_argmax(self.out_channels)
    }

    /// For the outputs of an image.
    fn stage(&self) -> usize {
        layout::stage(self.out_channels, self.shape.windows())
    }

    /// For the weights with their output channels filled up.
    fn weights(&self) -> usize {
        layout::stage(self.out_channels, self.patch)
    }
}

pub fn convolution(isa: Isa, shape: &BlockShape, filters: Filters, images: Images) {
    let out_channels = padded(shape.out_channels);
    let plan = &Plan {
        shape,
        out_channels,
        patch: shape.in_channels * shape.taps(),
        relu: filters.bias.is_some(),
    };
    let shared = 2 * plan.weights() + out_channels * (LINE + 1);
    scratch::with(&scratch::SHARED, shared, |mut buffer| {
        let bias = filters.filled_bias(cut(&mut buffer, out_channels));
        let rows = cut(&mut buffer, plan.weights());
        isa.run(TransposeWeights {
            plan,
            weight: filters.weight,
            rows,
            weights: &mut *buffer,
        });

        let weights = &*buffer;
        let patches = &shape.patch_offsets();
        let windows = &shape.window_offsets(out_channels);
        let masked = images.mask.map_or(0, |_| padded(shape.input_image()));
        let local =
            masked + plan.planes() + plan.window_image() + plan.window_argmax() + plan.stage();
        let chunks: Vec<Images> = images.chunks(shape, CHUNK).collect();
        chunks.into_par_iter().for_each(|images| {
            scratch::with(&scratch::LOCAL, local, |buffer| {
                isa.run(Chunk {
                    plan,
                    offsets: [patches, windows],
                    weights,
                    bias,
                    images,
                    buffer,
                });
            });
        });
    });
}

/// `[Cout][Cin · k · k]` to `[Cin · k · k][Cout]`.
struct TransposeWeights<'a> {
    plan: &'a Plan<'a>,
    weight: &'a [f32],
    rows: &'a mut [f32],
    weights: &'a mut [f32],
}

impl WithSimd for TransposeWeights<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Plan {
            out_channels,
            patch,
            ..
        } = *self.plan;
        let matrix = [out_channels, patch];
        // SAFETY: the caller promises the instruction set; `transpose_weights` asserts the lengths.
        unsafe { transpose_weights::<V>(self.weight, matrix, self.rows, self.weights) };
    }
}

/// The images of one unit of parallel work.
struct Chunk<'a> {
    plan: &'a Plan<'a>,
    /// Where the blocks' patches and their results are.
    offsets: [&'a [u32]; 2],
    /// `[Cin · k · k][Cout]`.
    weights: &'a [f32],
    bias: &'a [f32],
    images: Images<'a>,
    buffer: &'a mut [f32],
}

impl WithSimd for Chunk<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self {
            plan,
            weights,
            bias,
            images,
            mut buffer,
            ..
        } = self;
        let [patches, window_offsets] = self.offsets;
        let shape = plan.shape;
        let planes = cut(&mut buffer, plan.planes());
        let values = cut(&mut buffer, plan.window_image());
        let argmax = cut(&mut buffer, plan.window_argmax());
        let stage = cut(&mut buffer, plan.stage());
        let masked = buffer;
        planes.fill(0.0);

        for image in images.chunks(shape, 1) {
            match image.mask {
                None => pad_planes(shape, image.input, planes),
                Some(mask) => {
                    write_masked(image.input, mask, masked);
                    pad_planes(shape, masked, planes);
                }
            }
            let even = (plan.out_channels / V::LANES).is_multiple_of(2);
            // SAFETY: the caller promises the instruction set; the buffers are cut as `Plan` says,
            // rows of `weights` are `out_channels`, `even` where an arm takes two vectors.
            unsafe {
                let mut blocks = Blocks {
                    plan,
                    patches,
                    planes,
                    weights,
                    bias,
                    values,
                    argmax,
                };
                match (even, V::ACCUMULATORS) {
                    (true, 24..) => blocks.all::<V, 3, 2>(),
                    (true, _) => blocks.all::<V, 1, 2>(),
                    (_, 24..) => blocks.all::<V, 6, 1>(),
                    (_, 12..) => blocks.all::<V, 3, 1>(),
                    _ => blocks.all::<V, 1, 1>(),
                }
                let to = (image.output, image.argmax);
                write_outputs::<V>(shape, [values, argmax], window_offsets, stage, to);
            }
        }
    }
}
