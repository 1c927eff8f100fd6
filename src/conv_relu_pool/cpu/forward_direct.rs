//! Forward, directly: every window's four sums in registers, over all channels and taps.
//!
//! One step takes `WINDOWS` pooling windows and `VECTORS` vectors of output channels: for each input
//! channel and tap it loads the weights of these channels once and multiplies them with the
//! `4 · WINDOWS` input values, broadcast from the padded planes, so `4 · WINDOWS · VECTORS`
//! accumulators stay in registers and a weight is loaded once for `4 · WINDOWS` multiply-adds. The
//! full-size convolution output never exists: bias, ReLU and pool follow in registers.
//!
//! Weights are repacked once per call to `[block of output channels][Cin][k·k][VECTORS · LANES]`.
//! Results are staged as `[windows][output channels]` and transposed to NCHW per image.

use super::layout::{pad_planes, transpose};
use super::pool::relu_max_pool;
use super::scratch::{self, cut, padded};
use super::simd::{Isa, Kernel, Vector};
use crate::conv_relu_pool::BlockShape;
use rayon::prelude::*;

/// Images per unit of parallel work.
const CHUNK: usize = 4;

/// Vectors of output channels per step.
const VECTORS: usize = 2;

pub fn forward(
    isa: Isa,
    shape: &BlockShape,
    input: &[f32],
    weight: &[f32],
    bias: &[f32],
    output: &mut [f32],
    codes: &mut [u8],
) {
    let block = VECTORS * isa.lanes();
    let out_channels = shape
        .out_channels
        .next_multiple_of(block.max(scratch::LINE));
    let patch = shape.in_channels * shape.taps();
    scratch::with(
        &scratch::SHARED,
        padded(out_channels * (patch + 1)),
        |mut shared| {
            let packed_bias = cut(&mut shared, padded(out_channels));
            packed_bias.fill(0.0);
            packed_bias[..bias.len()].copy_from_slice(bias);
            let packed = shared;
            packed.fill(0.0);
            for (o, kernel) in weight.chunks_exact(patch).enumerate() {
                let column = &mut packed[o / block * patch * block + o % block..];
                for (to, from) in column.iter_mut().step_by(block).zip(kernel) {
                    *to = *from;
                }
            }
            let (packed, packed_bias) = (&*packed, &*packed_bias);
            let local = shape.in_channels * shape.padded_plane()
                + 3 * padded(shape.windows()) * out_channels;
            output
                .par_chunks_mut(CHUNK * shape.output_image())
                .zip(codes.par_chunks_mut(CHUNK * shape.output_image()))
                .zip(input.par_chunks(CHUNK * shape.input_image()))
                .for_each(|((output, codes), input)| {
                    scratch::with(&scratch::LOCAL, local, |buffer| {
                        isa.run(Chunk {
                            shape,
                            input,
                            packed,
                            packed_bias,
                            output,
                            codes,
                            buffer,
                        });
                    });
                });
        },
    );
}

/// The images of one unit of parallel work.
struct Chunk<'a> {
    shape: &'a BlockShape,
    input: &'a [f32],
    packed: &'a [f32],
    packed_bias: &'a [f32],
    output: &'a mut [f32],
    codes: &'a mut [u8],
    buffer: &'a mut [f32],
}

impl Kernel for Chunk<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let shape = self.shape;
        let windows = padded(shape.windows());
        let out_channels = self.packed_bias.len();
        let stage = windows * out_channels;
        let mut buffer = self.buffer;
        let planes = cut(&mut buffer, shape.in_channels * shape.padded_plane());
        let values = cut(&mut buffer, stage);
        let codes = cut(&mut buffer, stage);
        let transposed = cut(&mut buffer, stage);
        planes.fill(0.0);

        let images = self.input.chunks_exact(shape.input_image());
        let outputs = self.output.chunks_exact_mut(shape.output_image());
        let output_codes = self.codes.chunks_exact_mut(shape.output_image());
        for ((image, output), output_codes) in images.zip(outputs).zip(output_codes) {
            pad_planes(shape, image, planes);
            // SAFETY: the instruction set is the caller's promise; the buffers have the lengths that
            // the function expects.
            unsafe {
                if V::ACCUMULATORS >= 24 {
                    all_windows::<V, 3>(
                        shape,
                        planes,
                        self.packed,
                        self.packed_bias,
                        values,
                        codes,
                    );
                } else {
                    all_windows::<V, 1>(
                        shape,
                        planes,
                        self.packed,
                        self.packed_bias,
                        values,
                        codes,
                    );
                }
                transpose::<V>(values, windows, out_channels, transposed);
            }
            let rows = transposed.chunks_exact(windows);
            for (to, from) in output.chunks_exact_mut(shape.windows()).zip(rows) {
                to.copy_from_slice(&from[..to.len()]);
            }
            // SAFETY: as above.
            unsafe { transpose::<V>(codes, windows, out_channels, transposed) };
            let rows = transposed.chunks_exact(windows);
            for (to, from) in output_codes.chunks_exact_mut(shape.windows()).zip(rows) {
                for (to, from) in to.iter_mut().zip(from) {
                    *to = from.to_bits() as u8;
                }
            }
        }
    }
}

/// All windows of one image, `WINDOWS` at a time.
#[inline(always)]
unsafe fn all_windows<V: Vector, const WINDOWS: usize>(
    shape: &BlockShape,
    planes: &[f32],
    packed: &[f32],
    bias: &[f32],
    values: &mut [f32],
    codes: &mut [f32],
) {
    let block = VECTORS * V::LANES;
    let patch = shape.in_channels * shape.taps();
    for first in (0..bias.len()).step_by(block) {
        let mut next = 0;
        while next < shape.windows() {
            // The last group overlaps the one before; where there are fewer windows, it repeats the
            // last one.
            let group = next.min(shape.windows().saturating_sub(WINDOWS));
            let mut offsets = [0; WINDOWS];
            for (i, offset) in offsets.iter_mut().enumerate() {
                *offset = shape.patch((group + i).min(shape.windows() - 1), 0);
            }
            unsafe {
                let sums = sums::<V, WINDOWS>(
                    shape,
                    planes.as_ptr(),
                    offsets,
                    packed.as_ptr().add(first * patch),
                    bias.as_ptr().add(first),
                );
                for i in 0..WINDOWS {
                    let window = (group + i).min(shape.windows() - 1);
                    for v in 0..VECTORS {
                        let at = window * bias.len() + first + v * V::LANES;
                        let s = &sums[i];
                        let (value, code) = relu_max_pool([s[0][v], s[1][v], s[2][v], s[3][v]]);
                        value.store(values.as_mut_ptr().add(at));
                        V::index_store(code, codes.as_mut_ptr().add(at).cast());
                    }
                }
            }
            next += WINDOWS;
        }
    }
}

/// The four convolution values of each window, for `VECTORS` vectors of output channels.
#[inline(always)]
unsafe fn sums<V: Vector, const WINDOWS: usize>(
    shape: &BlockShape,
    planes: *const f32,
    offsets: [usize; WINDOWS],
    mut weights: *const f32,
    bias: *const f32,
) -> [[[V; VECTORS]; 4]; WINDOWS] {
    unsafe {
        let mut sums = [[[V::splat(0.0); VECTORS]; 4]; WINDOWS];
        for window in &mut sums {
            for position in window {
                for (v, sum) in position.iter_mut().enumerate() {
                    *sum = V::load(bias.add(v * V::LANES));
                }
            }
        }
        let width = shape.padded_width();
        for channel in 0..shape.in_channels {
            for ky in 0..shape.kernel {
                let row = planes.add(channel * shape.padded_plane() + ky * width);
                for kx in 0..shape.kernel {
                    let mut w = [V::splat(0.0); VECTORS];
                    for (v, w) in w.iter_mut().enumerate() {
                        *w = V::load(weights.add(v * V::LANES));
                    }
                    weights = weights.add(VECTORS * V::LANES);
                    for i in 0..WINDOWS {
                        for position in 0..4 {
                            let at = offsets[i] + kx + position / 2 * width + position % 2;
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
