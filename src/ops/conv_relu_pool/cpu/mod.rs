//! The fused block on the CPU: hand-blocked kernels for AVX-512, AVX2 + FMA and everything else.
//!
//! All tensors are contiguous, `f32`, NCHW: `input` `[N, Cin, H, W]`, `weight` `[Cout, Cin, k, k]`,
//! `bias` `[Cout]`; `output`, its gradient and `argmax` `[N, Cout, ⌊H/2⌋, ⌊W/2⌋]`. Kernel sizes 3 and 5.
//!
//! The argmax says where the gradient of a pooled element goes: 0–3 is the position of the first maximum
//! in its 2×2 window in row-major order, [`INACTIVE`] that the ReLU lets nothing through (maximum ≤ 0).
//! A NaN in a window wins over every number; the first NaN is the one that is reported.
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
mod forward_direct;
mod forward_winograd;
mod grad_input;
mod grad_weight;
mod layout;
mod pool;

use crate::ops::simd::Isa;

use super::{BlockShape, INACTIVE};

/// Input channels from which Winograd's form of the forward pass is faster. Measured on one thread with
/// AVX-512, batch 128, against the direct form: 6→16 at 14 × 14 0.34 against 0.28 ms, 8→16 at
/// 28 × 28 1.2 against 1.6, 8→32 at 14 × 14 0.47 against 0.62, 32→64 at 14 × 14 1.6 against 4.2.
const WINOGRAD_CHANNELS: usize = 8;

/// Computes the pooled activation and the argmax, on the given instruction set.
///
/// # Panics
///
/// If the kernel size is neither 3 nor 5, there are no channels, a slice's length does not fit,
/// or an image or the weights have too many values for offsets of 32 bits.
pub fn forward(
    isa: Isa,
    shape: &BlockShape,
    input: &[f32],
    weight: &[f32],
    bias: &[f32],
    output: &mut [f32],
    argmax: &mut [u8],
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
        let winograd = shape.kernel == 3 && shape.in_channels >= WINOGRAD_CHANNELS;
        let forward = if winograd {
            forward_winograd::forward
        } else {
            forward_direct::forward
        };
        forward(isa, shape, input, weight, bias, output, argmax);
    }
}

/// Computes the gradients of the weights and the bias, summed over the batch.
///
/// # Panics
///
/// If the kernel size is neither 3 nor 5, there are no channels, a slice's length does not fit,
/// or an image or the weights have too many values for offsets of 32 bits.
pub fn grad_weight_bias(
    isa: Isa,
    shape: &BlockShape,
    input: &[f32],
    argmax: &[u8],
    grad_output: &[f32],
    grad_weight: &mut [f32],
    grad_bias: &mut [f32],
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
        grad_weight.fill(0.0);
        grad_bias.fill(0.0);
    } else {
        grad_weight::grad_weight(
            isa,
            shape,
            input,
            argmax,
            grad_output,
            grad_weight,
            grad_bias,
        );
    }
}

/// Computes the gradient of the input.
///
/// # Panics
///
/// If the kernel size is neither 3 nor 5, there are no channels, a slice's length does not fit,
/// or an image or the weights have too many values for offsets of 32 bits.
pub fn grad_input(
    isa: Isa,
    shape: &BlockShape,
    weight: &[f32],
    argmax: &[u8],
    grad_output: &[f32],
    grad_input: &mut [f32],
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
        grad_input.fill(0.0);
    } else {
        grad_input::grad_input(isa, shape, weight, argmax, grad_output, grad_input);
    }
}

/// The kernels index without bounds checks: this is where they are made safe.
fn check(shape: &BlockShape, slices: &[(&str, usize, &[usize])]) {
    assert!(
        matches!(shape.kernel, 3 | 5) && shape.in_channels > 0 && shape.out_channels > 0,
        "the kernel size must be 3 or 5, with channels on both sides: {shape:?}"
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
