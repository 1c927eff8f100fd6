//! Gradient of the input, from the open windows only.
//!
//! For each image, gradients and codes are brought into the order of windows. The open channels of
//! a window are compressed into a list, those that chose window position 0 first, then 1, 2 and 3,
//! with the offsets of their weights. Every entry adds its weights, scaled by its gradient, to the
//! patch at its position in a pixel-major gradient image.
//!
//! The work is blocked by row `ky` of the convolution kernel and by `VECTORS` vectors of input
//! channels, so that the weights of a block (`[Cout][k][VECTORS · LANES]`) stay in the first-level
//! cache. Positions 0 and 1 meet the same `k + 1` pixels of a row, and 2 and 3 those of the row below:
//! these stay in `(k + 1) · VECTORS` accumulators while the lists are walked.

use super::CLOSED;
use super::layout::{transpose, unpad_planes};
use super::open_list::OpenList;
use super::scratch::{self, LINE, cut, padded};
use super::simd::{Isa, Kernel, Vector};
use crate::conv_relu_pool::BlockShape;
use rayon::prelude::*;

/// Images per unit of parallel work.
const CHUNK: usize = 4;

pub fn grad_input(
    isa: Isa,
    shape: &BlockShape,
    weight: &[f32],
    codes: &[u8],
    grad_output: &[f32],
    grad_input: &mut [f32],
) {
    let (in_channels, out_channels) = (padded(shape.in_channels), padded(shape.out_channels));
    let block = channel_block(in_channels / isa.lanes()) * isa.lanes();
    scratch::with(
        &scratch::SHARED,
        shape.out_channels * in_channels * shape.taps(),
        |packed| {
            pack_weights(shape, weight, block, packed);
            let packed = &*packed;
            let windows = padded(shape.windows());
            let list = windows * out_channels + LINE;
            let local = 2 * in_channels * shape.padded_plane()
                + 4 * windows * out_channels
                + 2 * list
                + padded(4 * windows);
            grad_input
                .par_chunks_mut(CHUNK * shape.input_image())
                .zip(codes.par_chunks(CHUNK * shape.output_image()))
                .zip(grad_output.par_chunks(CHUNK * shape.output_image()))
                .for_each(|((grad_input, codes), grad_output)| {
                    scratch::with(&scratch::LOCAL, local, |buffer| {
                        isa.run(Chunk {
                            shape,
                            packed,
                            codes,
                            grad_output,
                            grad_input,
                            buffer,
                        });
                    });
                });
        },
    );
}

/// Vectors of input channels per block: two where the number is even, else one.
fn channel_block(vectors: usize) -> usize {
    if vectors.is_multiple_of(2) { 2 } else { 1 }
}

/// Repacks the weights to `[block of input channels][ky][Cout][kx][channel of the block]`.
fn pack_weights(shape: &BlockShape, weight: &[f32], block: usize, packed: &mut [f32]) {
    packed.fill(0.0);
    let row = shape.kernel * block;
    for (o, kernels) in weight
        .chunks_exact(shape.in_channels * shape.taps())
        .enumerate()
    {
        for (c, kernel) in kernels.chunks_exact(shape.taps()).enumerate() {
            for (ky, taps) in kernel.chunks_exact(shape.kernel).enumerate() {
                let rows = (c / block * shape.kernel + ky) * shape.out_channels + o;
                for (kx, tap) in taps.iter().enumerate() {
                    packed[rows * row + kx * block + c % block] = *tap;
                }
            }
        }
    }
}

/// The images of one unit of parallel work.
struct Chunk<'a> {
    shape: &'a BlockShape,
    packed: &'a [f32],
    codes: &'a [u8],
    grad_output: &'a [f32],
    grad_input: &'a mut [f32],
    buffer: &'a mut [f32],
}

impl Kernel for Chunk<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let shape = self.shape;
        let (in_channels, out_channels) = (padded(shape.in_channels), padded(shape.out_channels));
        let windows = padded(shape.windows());
        let mut buffer = self.buffer;
        let pixels = cut(&mut buffer, in_channels * shape.padded_plane());
        let planes = cut(&mut buffer, in_channels * shape.padded_plane());
        let staged = cut(&mut buffer, windows * out_channels);
        let staged_codes = cut(&mut buffer, windows * out_channels);
        let window_grads = cut(&mut buffer, windows * out_channels);
        let window_codes = cut(&mut buffer, windows * out_channels);
        let gradients = cut(&mut buffer, windows * out_channels + LINE);
        let offsets = cut(&mut buffer, windows * out_channels + LINE);
        let ends = cut(&mut buffer, padded(4 * windows));
        // Channels and windows that only fill up a cache line are closed for good.
        staged.fill(0.0);
        staged_codes.fill(f32::from_bits(CLOSED.into()));

        let vectors = channel_block(in_channels / V::LANES);
        let images = self.grad_input.chunks_exact_mut(shape.input_image());
        let codes = self.codes.chunks_exact(shape.output_image());
        let grads = self.grad_output.chunks_exact(shape.output_image());
        for ((grad_input, codes), grads) in images.zip(codes).zip(grads) {
            let rows = grads.chunks_exact(shape.windows());
            for (to, from) in staged.chunks_exact_mut(windows).zip(rows) {
                to[..from.len()].copy_from_slice(from);
            }
            let rows = codes.chunks_exact(shape.windows());
            for (to, from) in staged_codes.chunks_exact_mut(windows).zip(rows) {
                for (to, from) in to.iter_mut().zip(from) {
                    *to = f32::from_bits(u32::from(*from));
                }
            }
            // SAFETY: the instruction set is the caller's promise; the buffers are as long as the
            // functions need.
            unsafe {
                transpose::<V>(staged, out_channels, windows, window_grads);
                transpose::<V>(staged_codes, out_channels, windows, window_codes);
                let weights = shape.kernel * vectors * V::LANES;
                list_channels::<V>(
                    shape,
                    [&*window_grads, &*window_codes],
                    weights,
                    [&mut *gradients, &mut *offsets, &mut *ends],
                );
                pixels.fill(0.0);
                let lists = Lists {
                    shape,
                    gradients,
                    offsets,
                    ends,
                };
                match (shape.kernel, vectors) {
                    (3, 2) => lists.scatter::<V, 3, 2>(self.packed, pixels),
                    (3, _) => lists.scatter::<V, 3, 1>(self.packed, pixels),
                    (_, 2) => lists.scatter::<V, 5, 2>(self.packed, pixels),
                    _ => lists.scatter::<V, 5, 1>(self.packed, pixels),
                }
                transpose::<V>(pixels, shape.padded_plane(), in_channels, planes);
            }
            unpad_planes(shape, planes, grad_input);
        }
    }
}

/// Lists the open channels of every window by position, with offsets of `weights` per channel, and
/// where the list of each window and position ends.
#[inline(always)]
unsafe fn list_channels<V: Vector>(
    shape: &BlockShape,
    [grads, codes]: [&[f32]; 2],
    weights: usize,
    [gradients, offsets, ends]: [&mut [f32]; 3],
) {
    let out_channels = padded(shape.out_channels);
    unsafe {
        let mut list = OpenList::new(gradients.as_mut_ptr(), offsets.as_mut_ptr().cast());
        let mut lanes = [0; LINE];
        for (lane, offset) in lanes.iter_mut().enumerate() {
            *offset = (lane * weights) as u32;
        }
        let lanes = V::index_load(lanes.as_ptr());
        for window in 0..shape.windows() {
            for position in 0..4 {
                for channel in (0..out_channels).step_by(V::LANES) {
                    let at = window * out_channels + channel;
                    let code = V::index_load(codes.as_ptr().add(at).cast());
                    let grad = V::load(grads.as_ptr().add(at));
                    let base = V::index_splat((channel * weights) as u32);
                    let chosen = V::index_equal(code, V::index_splat(position));
                    list.push(chosen, grad, V::index_add(base, lanes));
                }
                ends[window * 4 + position as usize] = f32::from_bits(list.len() as u32);
            }
        }
    }
}

/// The open channels of all windows of an image.
struct Lists<'a> {
    shape: &'a BlockShape,
    gradients: &'a [f32],
    offsets: &'a [f32],
    ends: &'a [f32],
}

impl Lists<'_> {
    /// Adds all weighted patches to the pixel-major image.
    #[inline(always)]
    unsafe fn scatter<V: Vector, const K: usize, const VECTORS: usize>(
        &self,
        packed: &[f32],
        pixels: &mut [f32],
    ) {
        let shape = self.shape;
        let channels = padded(shape.in_channels);
        let block = VECTORS * V::LANES;
        let blocks = packed.chunks_exact(shape.out_channels * K * block);
        for (i, weights) in blocks.enumerate() {
            let (first, ky) = (i / K * block, i % K);
            let mut start = 0;
            for window in 0..shape.windows() {
                for below in 0..2 {
                    let pixel = shape.patch(window, 2 * below) + ky * shape.padded_width();
                    unsafe {
                        let row = pixels.as_mut_ptr().add(pixel * channels + first);
                        let mut sums = [[V::splat(0.0); VECTORS]; 6];
                        for x in 0..K + 1 {
                            for v in 0..VECTORS {
                                sums[x][v] = V::load(row.add(x * channels + v * V::LANES));
                            }
                        }
                        for right in 0..2 {
                            let end = self.ends[window * 4 + below * 2 + right].to_bits() as usize;
                            for entry in start..end {
                                let gradient = V::splat(*self.gradients.get_unchecked(entry));
                                let offset = self.offsets.get_unchecked(entry).to_bits();
                                let weights = weights.as_ptr().add(offset as usize);
                                for x in 0..K {
                                    for v in 0..VECTORS {
                                        let w = V::load(weights.add(x * block + v * V::LANES));
                                        let sum = &mut sums[x + right][v];
                                        *sum = gradient.mul_add(w, *sum);
                                    }
                                }
                            }
                            start = end;
                        }
                        for x in 0..K + 1 {
                            for v in 0..VECTORS {
                                sums[x][v].store(row.add(x * channels + v * V::LANES));
                            }
                        }
                    }
                }
            }
        }
    }
}
