//! Gradient of the input where there is a pool, from the active windows only.
//!
//! For each image, gradients and argmax are brought to window-major order. The active channels of a
//! window are compressed into a list, those that chose window position 0 first, then 1, 2 and 3,
//! with the offsets of their weights. Every entry adds its weights, scaled by its gradient, to the
//! patch at its position in a pixel-major gradient image, which is brought to NCHW at the end.
//!
//! All entries of a window together touch `(k + 1)²` pixels. For one block of input channels,
//! `ROWS` rows of these pixels are kept in registers while the window's list is walked: all of them
//! where there are enough registers, so that the list is walked once per block, else one by one, so
//! that the weights used, one kernel row at a time, stay in the first-level cache. From one window to
//! the next only two columns of pixels change (2 % faster than to load and store all of them with
//! AVX-512, 12 % with AVX2).

mod lists;

use std::mem::MaybeUninit;

use super::INACTIVE;
use super::layout::{self, filled_up, gather_image, scatter_columns};
use crate::ops::conv_relu_pool::BlockShape;
use crate::ops::scratch::{self, LINE, cut, padded};
use crate::ops::simd::{Isa, Vector, WithSimd};
use lists::{Lists, list_channels};
use rayon::prelude::*;

/// Images per unit of parallel work.
const CHUNK: usize = 4;

/// Sizes of a call.
struct Plan<'a> {
    shape: &'a BlockShape,
    /// Channels, filled up to whole cache lines.
    in_channels: usize,
    out_channels: usize,
    /// Vectors per block of input channels.
    vectors: usize,
    /// Input channels per block.
    block: usize,
    /// Whether all pixels of a window fit the registers.
    whole_patch: bool,
}

impl<'a> Plan<'a> {
    fn new(isa: Isa, shape: &'a BlockShape) -> Self {
        let in_channels = padded(shape.in_channels);
        let whole_patch = isa.accumulators() >= (shape.kernel + 1) * (shape.kernel + 1);
        let even = (in_channels / isa.lanes()).is_multiple_of(2);
        let vectors = if even && !whole_patch { 2 } else { 1 };
        Self {
            shape,
            in_channels,
            out_channels: padded(shape.out_channels),
            vectors,
            block: vectors * isa.lanes(),
            whole_patch,
        }
    }

    /// From one output channel's weights to the next.
    fn channel_weights(&self) -> usize {
        self.shape.taps() * self.block
    }

    /// Entries of a list, at most, and a vector more.
    fn list(&self) -> usize {
        self.window_image() + LINE
    }

    fn window_image(&self) -> usize {
        self.shape.window_image(self.out_channels)
    }

    /// For the pooled values of an image.
    fn output_stage(&self) -> usize {
        layout::stage(self.out_channels, self.shape.windows())
    }

    /// For an input image.
    fn input_stage(&self) -> usize {
        layout::stage(self.in_channels, self.shape.input_plane())
    }

    /// Length of the buffer for a chunk.
    fn scratch(&self) -> usize {
        self.shape.pixel_image(self.in_channels)
            + self.input_stage()
            + 2 * (self.output_stage() + self.window_image() + self.list())
            + padded(4 * self.shape.windows() + 1)
    }
}

pub fn grad_input(
    isa: Isa,
    shape: &BlockShape,
    weight: &[f32],
    argmax: &[u8],
    grad_output: &[f32],
    grad_input: &mut [MaybeUninit<f32>],
) {
    let plan = &Plan::new(isa, shape);
    let pixels = &shape.pixel_offsets(plan.in_channels);
    let windows = &shape.window_offsets(plan.out_channels);
    let weights = shape.out_channels * plan.in_channels * shape.taps();
    scratch::with(&scratch::SHARED, weights, |packed| {
        pack_weights(plan, weight, packed);
        let packed = &*packed;
        grad_input
            .par_chunks_mut(CHUNK * shape.input_image())
            .zip(argmax.par_chunks(CHUNK * shape.output_image()))
            .zip(grad_output.par_chunks(CHUNK * shape.output_image()))
            .for_each(|((grad_input, argmax), grad_output)| {
                scratch::with(&scratch::LOCAL, plan.scratch(), |buffer| {
                    let offsets = [&pixels[..], &windows[..]];
                    isa.run(Chunk {
                        plan,
                        offsets,
                        packed,
                        argmax,
                        grad_output,
                        grad_input,
                        buffer,
                    });
                });
            });
    });
}

/// Repacks the weights to `[block of input channels][Cout][k][k][channel of the block]`.
fn pack_weights(plan: &Plan, weight: &[f32], packed: &mut [f32]) {
    let taps = plan.shape.taps();
    let blocks = packed.par_chunks_mut(plan.shape.out_channels * plan.channel_weights());
    blocks.enumerate().for_each(|(block, packed)| {
        packed.fill(0.0);
        let first = block * plan.block;
        let filters = weight.chunks_exact(plan.shape.in_channels * taps);
        for (filter, packed) in filters.zip(packed.chunks_exact_mut(plan.channel_weights())) {
            let kernels = filter.chunks_exact(taps).skip(first).take(plan.block);
            for (c, kernel) in kernels.enumerate() {
                let to = packed[c..].iter_mut().step_by(plan.block);
                for (to, tap) in to.zip(kernel) {
                    *to = *tap;
                }
            }
        }
    });
}

/// The images of one unit of parallel work.
struct Chunk<'a> {
    plan: &'a Plan<'a>,
    /// Of pixels and windows.
    offsets: [&'a [u32]; 2],
    packed: &'a [f32],
    argmax: &'a [u8],
    grad_output: &'a [f32],
    grad_input: &'a mut [MaybeUninit<f32>],
    buffer: &'a mut [f32],
}

impl WithSimd for Chunk<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self {
            plan,
            packed,
            mut buffer,
            ..
        } = self;
        let [pixel_offsets, window_offsets] = self.offsets;
        let shape = plan.shape;
        let pixels = cut(&mut buffer, shape.pixel_image(plan.in_channels));
        let stage = cut(&mut buffer, plan.input_stage());
        let staged_grads = cut(&mut buffer, plan.output_stage());
        let staged_argmax = cut(&mut buffer, plan.output_stage());
        let window_grads = cut(&mut buffer, plan.window_image());
        let window_argmax = cut(&mut buffer, plan.window_image());
        let gradients = cut(&mut buffer, plan.list());
        let offsets = cut(&mut buffer, plan.list());
        let ends = cut(&mut buffer, padded(4 * shape.windows() + 1));
        // Channels that only fill up a cache line are inactive for good.
        staged_grads.fill(0.0);
        staged_argmax.fill(f32::from_bits(INACTIVE.into()));

        let images = self.grad_input.chunks_exact_mut(shape.input_image());
        let argmax = self.argmax.chunks_exact(shape.output_image());
        let grads = self.grad_output.chunks_exact(shape.output_image());
        for ((grad_input, argmax), grads) in images.zip(argmax).zip(grads) {
            for (staged, index) in staged_argmax.iter_mut().zip(argmax) {
                *staged = f32::from_bits(u32::from(*index));
            }
            pixels.fill(0.0);
            // SAFETY: the caller promises the instruction set; the buffers are cut as `Plan` says,
            // `offsets` made for these numbers of channels, and each arm has `plan.vectors` vectors.
            unsafe {
                let matrix = [plan.out_channels, shape.windows()];
                let grads = filled_up(grads, matrix, staged_grads);
                scatter_columns::<V>(grads, matrix, window_grads, window_offsets);
                scatter_columns::<V>(staged_argmax, matrix, window_argmax, window_offsets);
                let lists = [&mut *gradients, &mut *offsets, &mut *ends];
                list_channels::<V>(plan, [&*window_grads, &*window_argmax], lists);
                let lists = Lists {
                    plan,
                    gradients,
                    offsets,
                    ends,
                };
                match (shape.kernel, plan.whole_patch, plan.vectors) {
                    (3, true, _) => lists.scatter::<V, 3, 4, 1>(packed, pixels),
                    (3, _, 2) => lists.scatter::<V, 3, 1, 2>(packed, pixels),
                    (3, _, _) => lists.scatter::<V, 3, 1, 1>(packed, pixels),
                    (_, _, 2) => lists.scatter::<V, 5, 1, 2>(packed, pixels),
                    _ => lists.scatter::<V, 5, 1, 1>(packed, pixels),
                }
                let matrix = [plan.in_channels, shape.input_plane()];
                gather_image::<V>(pixels, pixel_offsets, stage, matrix, grad_input);
            }
        }
    }
}
