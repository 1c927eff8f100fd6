//! The fused block on the CPU: hand-blocked kernels for AVX-512, AVX2 + FMA and everything else.
//!
//! All tensors are contiguous, `f32`, NCHW: `input` `[N, Cin, H, W]`, `weight` `[Cout, Cin, k, k]`,
//! `bias` `[Cout]`; `output`, its gradient and `argmax` `[N, Cout, ⌊H/2⌋, ⌊W/2⌋]`, without a pool
//! `[N, Cout, H, W]`. Kernel sizes 3 and 5.
//!
//! The argmax says where the gradient of a pooled element goes: 0–3 is the position of the first maximum
//! in its 2×2 window in row-major order, [`INACTIVE`] that the ReLU lets nothing through (maximum ≤ 0).
//! A NaN in a window wins over every number; the first NaN is the one that is reported. Without a pool it is
//! 0 or [`INACTIVE`].
//!
//! What a kernel is given to write may be uninitialised; it writes all of it.
//!
//! The work is divided by images into chunks whose size does not depend on the number of threads,
//! and partial sums are added in the order of the chunks: results are the same bits for any number.
//! They differ in rounding between instruction sets.
//!
//! How fast: the two blocks of a small network, batch 128, one kernel after the other on two threads
//! of an EPYC whose cores reach 236 GFLOP/s each, half of the ReLUs active; median milliseconds with
//! AVX-512 / AVX2:
//!
//! | | 1→32 at 28 × 28 | 32→64 at 14 × 14 |
//! | --- | --- | --- |
//! | forward | 0.26 / 0.40 | 0.90 / 1.53 |
//! | gradient of weights and bias | 0.25 / 0.32 | 0.52 / 0.79 |
//! | gradient of the input | – | 0.66 / 1.10 |
//!
//! Dense arithmetic at the peak of both cores would take 0.12 and 1.96 for each of them.

#![expect(
    clippy::needless_range_loop,
    reason = "register blocks are indexed by constants in several arrays at once"
)]

mod active_list;
mod convolution;
mod direct;
mod grad_input;
mod grad_weight;
mod layout;
mod pool;
mod winograd;

use std::mem::MaybeUninit;

use super::{BlockShape, INACTIVE};
use crate::ops::simd::Isa;
use convolution::{Filters, Images};
use rayon::prelude::*;

/// Input channels from which Winograd's form of a convolution is faster. Measured on one thread with
/// AVX-512, batch 128, against the direct form: 6→16 at 14 × 14 0.34 against 0.28 ms, 8→16 at
/// 28 × 28 1.2 against 1.6, 8→32 at 14 × 14 0.47 against 0.62, 32→64 at 14 × 14 1.6 against 4.2.
const WINOGRAD_CHANNELS: usize = 8;

/// Computes the output and the argmax, on the given instruction set.
///
/// # Panics
///
/// If the kernel size is neither 3 nor 5, the pool neither 2 nor 1, there are no channels, a slice's
/// length does not fit, or an image or the weights have too many values for offsets of 32 bits.
pub fn forward(
    isa: Isa,
    shape: &BlockShape,
    input: &[f32],
    weight: &[f32],
    bias: &[f32],
    output: &mut [MaybeUninit<f32>],
    argmax: &mut [MaybeUninit<u8>],
) {
    check(
        shape,
        &[
            ("input", input.len(), &shape.input_dims()),
            ("weight", weight.len(), &shape.weight_dims()),
            ("bias", bias.len(), &[shape.out_channels]),
            ("output", output.len(), &shape.output_dims()),
            ("argmax", argmax.len(), &shape.output_dims()),
        ],
    );
    if !output.is_empty() {
        let bias = Some(bias);
        let images = Images {
            input,
            mask: None,
            output,
            argmax: Some(argmax),
        };
        convolution(isa, shape, Filters { weight, bias }, images);
    }
}

/// By the faster form.
fn convolution(isa: Isa, shape: &BlockShape, filters: Filters, images: Images) {
    if shape.kernel == 3 && shape.in_channels >= WINOGRAD_CHANNELS {
        winograd::convolution(isa, shape, filters, images);
    } else {
        direct::convolution(isa, shape, filters, images);
    }
}

/// Computes the gradients of the weights and the bias, summed over the batch.
///
/// # Panics
///
/// If the kernel size is neither 3 nor 5, the pool neither 2 nor 1, there are no channels, a slice's
/// length does not fit, or an image or the weights have too many values for offsets of 32 bits.
pub fn grad_weight_bias(
    isa: Isa,
    shape: &BlockShape,
    input: &[f32],
    argmax: &[u8],
    grad_output: &[f32],
    grad_weight: &mut [MaybeUninit<f32>],
    grad_bias: &mut [MaybeUninit<f32>],
) {
    check(
        shape,
        &[
            ("input", input.len(), &shape.input_dims()),
            ("argmax", argmax.len(), &shape.output_dims()),
            ("grad_output", grad_output.len(), &shape.output_dims()),
            ("grad_weight", grad_weight.len(), &shape.weight_dims()),
            ("grad_bias", grad_bias.len(), &[shape.out_channels]),
        ],
    );
    if input.is_empty() || grad_output.is_empty() {
        grad_weight.fill(MaybeUninit::new(0.0));
        grad_bias.fill(MaybeUninit::new(0.0));
        return;
    }
    let operands = [input, grad_output];
    let transforms = winograd::grad_weight::is_faster(shape, argmax)
        && winograd::grad_weight::grad_weight(isa, shape, operands, argmax, grad_weight, grad_bias);
    if !transforms {
        grad_weight::grad_weight(isa, shape, operands, argmax, grad_weight, grad_bias);
    }
}

/// Computes the gradient of the input.
///
/// # Panics
///
/// If the kernel size is neither 3 nor 5, the pool neither 2 nor 1, there are no channels, a slice's
/// length does not fit, or an image or the weights have too many values for offsets of 32 bits.
pub fn grad_input(
    isa: Isa,
    shape: &BlockShape,
    weight: &[f32],
    argmax: &[u8],
    grad_output: &[f32],
    grad_input: &mut [MaybeUninit<f32>],
) {
    check(
        shape,
        &[
            ("weight", weight.len(), &shape.weight_dims()),
            ("argmax", argmax.len(), &shape.output_dims()),
            ("grad_output", grad_output.len(), &shape.output_dims()),
            ("grad_input", grad_input.len(), &shape.input_dims()),
        ],
    );
    if grad_output.is_empty() {
        grad_input.fill(MaybeUninit::new(0.0));
    } else if shape.pool == 1 {
        // The gradients that the ReLU lets through, convolved with the flipped weights.
        let transposed = BlockShape {
            in_channels: shape.out_channels,
            out_channels: shape.in_channels,
            ..*shape
        };
        check(&transposed, &[]);
        let weight = &flipped(shape, weight);
        let images = Images {
            input: grad_output,
            mask: Some(argmax),
            output: grad_input,
            argmax: None,
        };
        let filters = Filters { weight, bias: None };
        convolution(isa, &transposed, filters, images);
    } else {
        grad_input::grad_input(isa, shape, weight, argmax, grad_output, grad_input);
    }
}

/// `[Cout][Cin][k · k]` to `[Cin][Cout][k · k]`, the taps in reverse.
fn flipped(shape: &BlockShape, weight: &[f32]) -> Vec<f32> {
    let taps = shape.taps();
    let mut flipped = vec![0.0; weight.len()];
    let filters = flipped.par_chunks_exact_mut(shape.out_channels * taps);
    filters.enumerate().for_each(|(c, filter)| {
        let kernels = weight.chunks_exact(taps).skip(c).step_by(shape.in_channels);
        for (flipped, kernel) in filter.chunks_exact_mut(taps).zip(kernels) {
            for (to, tap) in flipped.iter_mut().zip(kernel.iter().rev()) {
                *to = *tap;
            }
        }
    });
    flipped
}

/// The kernels index without bounds checks: this is where they are made safe.
fn check(shape: &BlockShape, slices: &[(&str, usize, &[usize])]) {
    assert!(
        matches!(shape.kernel, 3 | 5)
            && matches!(shape.pool, 1 | 2)
            && shape.in_channels > 0
            && shape.out_channels > 0,
        "the kernel size must be 3 or 5, the pool 2 or 1, with channels on both sides: {shape:?}"
    );
    for (name, len, dims) in slices {
        assert_eq!(
            Some(*len),
            layout::product(dims),
            "length of {name} for {shape:?}"
        );
    }
    let largest = shape.largest_layout();
    assert!(
        largest.is_some_and(|values| u32::try_from(values).is_ok()),
        "offsets do not fit 32 bits: {shape:?}"
    );
}
