//! Forward, directly: every window's four sums in registers, over all channels and taps.
//!
//! One step takes `WINDOWS` pooling windows and `VECTORS` vectors of output channels: for each input
//! channel and tap it loads the weights of these channels once and multiplies them with the
//! `4 · WINDOWS` input values, broadcast from the padded planes, so `4 · WINDOWS · VECTORS`
//! accumulators stay in registers and a weight is loaded once for `4 · WINDOWS` multiply-adds. The
//! full-size convolution output never exists: bias, ReLU and pool follow in registers.
//!
//! Weights are transposed once per call to `[Cin · k · k][Cout]`. Results are staged window-major
//! and brought to NCHW image by image.
//!
//! With 32 channels and a 5×5 kernel this runs at 235 of 236 GFLOP/s per core. With one channel,
//! half of the time goes into the pool and the way to NCHW. Unrolling the loops over the taps
//! made that case 12 % slower.

mod windows;

use super::layout::{self, pad_planes, transpose_weights, write_pooled};
use crate::ops::conv_relu_pool::BlockShape;
use crate::ops::scratch::{self, LINE, cut, padded};
use crate::ops::simd::{Isa, Kernel, Vector};
use rayon::prelude::*;
use windows::Windows;

/// Images per unit of parallel work.
const CHUNK: usize = 4;

/// Sizes of a call.
struct Plan<'a> {
    shape: &'a BlockShape,
    /// Channels, filled up to whole cache lines.
    out_channels: usize,
    /// Weights per output channel.
    patch: usize,
}

impl Plan<'_> {
    /// Values of the padded planes of an image.
    fn planes(&self) -> usize {
        self.shape.in_channels * self.shape.padded_plane()
    }

    fn window_image(&self) -> usize {
        self.shape.window_image(self.out_channels)
    }

    /// For the pooled values of an image.
    fn stage(&self) -> usize {
        layout::stage(self.out_channels, self.shape.windows())
    }

    /// For the weights with their output channels filled up.
    fn weights(&self) -> usize {
        layout::stage(self.out_channels, self.patch)
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
    let out_channels = padded(shape.out_channels);
    let plan = &Plan {
        shape,
        out_channels,
        patch: shape.in_channels * shape.taps(),
    };
    let shared = 2 * plan.weights() + out_channels * (LINE + 1);
    scratch::with(&scratch::SHARED, shared, |mut buffer| {
        let padded_bias = cut(&mut buffer, out_channels);
        padded_bias.fill(0.0);
        padded_bias[..bias.len()].copy_from_slice(bias);
        let rows = cut(&mut buffer, plan.weights());
        isa.run(TransposeWeights {
            plan,
            weight,
            rows,
            weights: &mut *buffer,
        });

        let (weights, bias) = (&*buffer, &*padded_bias);
        let patches = &shape.patch_offsets();
        let windows = &shape.window_offsets(out_channels);
        let local = plan.planes() + 2 * plan.window_image() + plan.stage();
        output
            .par_chunks_mut(CHUNK * shape.output_image())
            .zip(argmax.par_chunks_mut(CHUNK * shape.output_image()))
            .zip(input.par_chunks(CHUNK * shape.input_image()))
            .for_each(|((output, argmax), input)| {
                scratch::with(&scratch::LOCAL, local, |buffer| {
                    let offsets = [&patches[..], &windows[..]];
                    isa.run(Chunk {
                        plan,
                        offsets,
                        weights,
                        bias,
                        input,
                        output,
                        argmax,
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

impl Kernel for TransposeWeights<'_> {
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
    /// Where the windows' patches and their results are.
    offsets: [&'a [u32]; 2],
    /// `[Cin · k · k][Cout]`.
    weights: &'a [f32],
    bias: &'a [f32],
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
            weights,
            bias,
            mut buffer,
            ..
        } = self;
        let [patches, window_offsets] = self.offsets;
        let shape = plan.shape;
        let planes = cut(&mut buffer, plan.planes());
        let values = cut(&mut buffer, plan.window_image());
        let argmax = cut(&mut buffer, plan.window_image());
        let stage = cut(&mut buffer, plan.stage());
        planes.fill(0.0);

        let images = self.input.chunks_exact(shape.input_image());
        let outputs = self.output.chunks_exact_mut(shape.output_image());
        let output_argmax = self.argmax.chunks_exact_mut(shape.output_image());
        for (image, to) in images.zip(outputs.zip(output_argmax)) {
            pad_planes(shape, image, planes);
            let even = (plan.out_channels / V::LANES).is_multiple_of(2);
            // SAFETY: the caller promises the instruction set; the buffers are cut as `Plan` says,
            // rows of `weights` are `out_channels`, `even` where an arm takes two vectors.
            unsafe {
                let mut windows = Windows {
                    plan,
                    patches,
                    planes,
                    weights,
                    bias,
                    values,
                    argmax,
                };
                match (even, V::ACCUMULATORS) {
                    (true, 24..) => windows.all::<V, 3, 2>(),
                    (true, _) => windows.all::<V, 1, 2>(),
                    (_, 24..) => windows.all::<V, 6, 1>(),
                    (_, 12..) => windows.all::<V, 3, 1>(),
                    _ => windows.all::<V, 1, 1>(),
                }
                write_pooled::<V>(shape, [values, argmax], window_offsets, stage, to);
            }
        }
    }
}
