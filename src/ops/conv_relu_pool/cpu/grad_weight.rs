//! Gradients of weights and bias, from the active outputs only.
//!
//! Of a window's four convolution values at most one has a gradient, none where the ReLU is inactive:
//! a quarter of the dense multiply-adds at most. Without a pool each output is a window of one value;
//! where many of those are active and there are channels enough, `winograd/grad_weight.rs` is faster.
//! For each image and output channel the active windows are compressed into a list of gradients and
//! patch offsets. Then the patch of the input at each entry, scaled by its gradient, is added to the
//! channel's gradient, which stays in registers: 18 vectors of 16 for 32 channels and a 3×3 kernel.
//! There, two thirds of the time are spent in these multiply-adds, at 80 % of what the loads of the
//! patches allow.
//!
//! Each chunk of images has its own partial sums; they are added up in the order of the chunks.

pub mod patches;

use std::mem::MaybeUninit;

use super::INACTIVE;
use super::active_list::ActiveList;
use crate::ops::conv_relu_pool::BlockShape;
use crate::ops::scratch::{self, LINE, cut, padded};
use crate::ops::simd::{Isa, Vector, WithSimd};
use patches::Patches;
use rayon::prelude::*;

/// Images per unit of parallel work, at least.
const CHUNK: usize = 8;

/// Partial sums that are kept, at most.
const MAX_CHUNKS: usize = 32;

pub fn grad_weight(
    isa: Isa,
    shape: &BlockShape,
    [input, grad_output]: [&[f32]; 2],
    argmax: &[u8],
    grad_weight: &mut [MaybeUninit<f32>],
    grad_bias: &mut [MaybeUninit<f32>],
) {
    let patches = &Patches::new(shape);
    let chunk = CHUNK.max(shape.batch.div_ceil(MAX_CHUNKS));
    // Per output channel the patch and, in one more cache line, the lanes of the bias's sum.
    let channel = patches.len() + LINE;
    let partial = shape.out_channels * channel;
    let local = Patches::stage(shape) + patches.image + 3 * list_len(shape);
    scratch::with(
        &scratch::SHARED,
        shape.batch.div_ceil(chunk) * partial,
        |partials| {
            partials
                .par_chunks_mut(partial)
                .zip(input.par_chunks(chunk * shape.input_image()))
                .zip(argmax.par_chunks(chunk * shape.output_image()))
                .zip(grad_output.par_chunks(chunk * shape.output_image()))
                .for_each(|(((partial, input), argmax), grad_output)| {
                    scratch::with(&scratch::LOCAL, local, |buffer| {
                        isa.run(Chunk {
                            shape,
                            patches,
                            input,
                            argmax,
                            grad_output,
                            partial,
                            buffer,
                        });
                    });
                });
            let partials = &*partials;
            grad_weight
                .par_chunks_mut(shape.in_channels * shape.taps())
                .zip(grad_bias)
                .enumerate()
                .with_min_len(8)
                .for_each(|(o, (filter, bias))| {
                    scratch::with(&scratch::LOCAL, channel, |total| {
                        total.fill(0.0);
                        for partial in partials.chunks_exact(partial) {
                            for (total, part) in total.iter_mut().zip(&partial[o * channel..]) {
                                *total += part;
                            }
                        }
                        bias.write(total[patches.len()..].iter().sum());
                        for (c, kernel) in filter.chunks_exact_mut(shape.taps()).enumerate() {
                            for (tap, weight) in kernel.iter_mut().enumerate() {
                                weight.write(total[patches.weight(shape, c, tap)]);
                            }
                        }
                    });
                });
        },
    );
}

/// Entries of a list, at most, and a vector more.
fn list_len(shape: &BlockShape) -> usize {
    padded(shape.windows()) + LINE
}

/// The images of one unit of parallel work.
struct Chunk<'a> {
    shape: &'a BlockShape,
    patches: &'a Patches,
    input: &'a [f32],
    argmax: &'a [u8],
    grad_output: &'a [f32],
    partial: &'a mut [f32],
    buffer: &'a mut [f32],
}

impl WithSimd for Chunk<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self {
            shape,
            patches,
            mut buffer,
            ..
        } = self;
        let stage = cut(&mut buffer, Patches::stage(shape));
        let image_patches = cut(&mut buffer, patches.image);
        let windows = cut(&mut buffer, list_len(shape));
        let gradients = cut(&mut buffer, list_len(shape));
        let offsets = cut(&mut buffer, list_len(shape));
        stage.fill(0.0);
        image_patches.fill(0.0);
        self.partial.fill(0.0);
        for (window, offset) in windows[..shape.windows()].iter_mut().enumerate() {
            let (row, column) = (window / shape.output_width(), window % shape.output_width());
            let at = shape.pool * (row * patches.steps[1] + column * patches.steps[0]);
            *offset = f32::from_bits(at as u32);
        }
        let [right, down] = patches.steps.map(|step| step as u32);
        let positions = match shape.pool {
            1 => [0; 8],
            _ => [0, right, down, down + right, 0, 0, 0, 0],
        };

        let images = self.input.chunks_exact(shape.input_image());
        let argmax = self.argmax.chunks_exact(shape.output_image());
        let grads = self.grad_output.chunks_exact(shape.output_image());
        for ((image, argmax), grads) in images.zip(argmax).zip(grads) {
            // SAFETY: the caller promises the instruction set; the buffers are cut to the lengths
            // that `Patches` asks for, and zero at the first image.
            unsafe { patches.write::<V>(shape, image, stage, image_patches) };
            let partials = self.partial.chunks_exact_mut(patches.len() + LINE);
            let argmax = argmax.chunks_exact(shape.windows());
            let grads = grads.chunks_exact(shape.windows());
            for ((partial, argmax), grads) in partials.zip(argmax).zip(grads) {
                let (sums, bias) = partial.split_at_mut(patches.len());
                let lists = [&mut *gradients, &mut *offsets];
                // SAFETY: the caller promises the instruction set; lists hold all windows and a
                // vector more, `bias` a vector, and offsets are positions in the image.
                unsafe {
                    let active = list_windows::<V>(argmax, grads, windows, positions, lists);
                    add_gradients::<V>(gradients, active, bias);
                    patches.add::<V>(
                        image_patches,
                        &gradients[..active],
                        &offsets[..active],
                        sums,
                    );
                }
            }
        }
    }
}

/// Lists the gradients and the patch offsets of the active windows of one channel, followed by a
/// vector of gradients of zero; returns the number of active windows.
#[inline(always)]
unsafe fn list_windows<V: Vector>(
    argmax: &[u8],
    grads: &[f32],
    windows: &[f32],
    positions: [u32; 8],
    [gradients, offsets]: [&mut [f32]; 2],
) -> usize {
    let mut active = 0;
    // SAFETY: the caller promises the instruction set, lists for all windows and a vector more, and
    // as many `grads` and `windows` as argmax; `window` is at most their number less `LANES`.
    unsafe {
        if argmax.len() < V::LANES {
            for (window, index) in argmax
                .iter()
                .enumerate()
                .filter(|(_, index)| **index < INACTIVE)
            {
                let position = positions[usize::from(*index)];
                gradients[active] = grads[window];
                offsets[active] = f32::from_bits(windows[window].to_bits() + position);
                active += 1;
            }
        } else {
            let mut list = ActiveList::new(gradients.as_mut_ptr(), offsets.as_mut_ptr().cast());
            let inactive = V::index_splat(INACTIVE.into());
            let lanes: [u32; LINE] = std::array::from_fn(|lane| lane as u32);
            let lanes = V::index_load(lanes.as_ptr());
            for first in (0..argmax.len()).step_by(V::LANES) {
                // The last vector overlaps the one before, whose windows it takes for inactive.
                let window = first.min(argmax.len() - V::LANES);
                let index = V::index_load_u8(argmax.as_ptr().add(window));
                let done = V::index_less(lanes, V::index_splat((first - window) as u32));
                let index = V::index_select(done, inactive, index);
                let grad = V::load(grads.as_ptr().add(window));
                let base = V::index_load(windows.as_ptr().add(window).cast());
                let offset = V::index_add(base, V::index_lookup(&positions, index));
                list.push(V::index_less(index, inactive), grad, offset);
            }
            active = list.len();
        }
        V::splat(0.0).store(gradients.as_mut_ptr().add(active));
    }
    active
}

/// Adds the first `active` gradients, lane by lane. A vector of zeros must follow them.
#[inline(always)]
unsafe fn add_gradients<V: Vector>(gradients: &[f32], active: usize, lanes: &mut [f32]) {
    // SAFETY: the caller promises the instruction set, a vector in `lanes`, and one behind the
    // first `active` gradients, so that every vector that begins before `active` lies inside the list.
    unsafe {
        let mut sum = V::load(lanes.as_ptr());
        for i in (0..active).step_by(V::LANES) {
            sum = sum.add(V::load(gradients.as_ptr().add(i)));
        }
        sum.store(lanes.as_mut_ptr());
    }
}
