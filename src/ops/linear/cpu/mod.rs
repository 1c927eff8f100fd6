//! The fully connected layer on the CPU: register-tiled products for AVX-512, AVX2 + FMA and
//! everything else.
//!
//! All matrices are contiguous, `f32`, row-major: `input` `[batch, inputs]`, `weight`
//! `[inputs, outputs]`, `bias` `[outputs]`, `output` `[batch, outputs]`. A layer that ends in a ReLU
//! stops the gradient where its output is zero; a NaN lets it through.
//!
//! A kernel's output may be uninitialised memory: it writes all of it.
//!
//! Each element is summed in a fixed order by one thread: results are the same bits for any number
//! of threads.

#![expect(
    clippy::needless_range_loop,
    reason = "register tiles are indexed by constants in several arrays at once"
)]

mod pack;
mod parts;
mod product;

use super::LinearShape;
use crate::ops::scratch::{self, padded};
use crate::ops::simd::Isa;
use pack::{GradBeforeRelu, Transpose};
use product::Product;
use std::mem::MaybeUninit;
use std::ptr;

/// Columns of the input's gradient that are computed at once: the transposed weights of so many
/// inputs stay in the L1 cache.
const PANEL: usize = 64;

/// `output = input · weight + bias`, then ReLU if asked for.
///
/// # Panics
///
/// If a slice's length does not fit the shape.
pub fn forward(
    isa: Isa,
    shape: &LinearShape,
    relu: bool,
    input: &[f32],
    weight: &[f32],
    bias: &[f32],
    output: &mut [MaybeUninit<f32>],
) {
    let &LinearShape {
        batch,
        inputs,
        outputs,
    } = shape;
    check(
        shape,
        &[
            ("input", input.len(), batch, inputs),
            ("weight", weight.len(), inputs, outputs),
            ("bias", bias.len(), 1, outputs),
            ("output", output.len(), batch, outputs),
        ],
    );
    let output = output.as_mut_ptr().cast();
    let run = |weight: &[f32], weight_stride| {
        let product = Product {
            rows: batch,
            columns: outputs,
            depth: inputs,
            a: input.as_ptr(),
            a_row_stride: inputs,
            a_depth_stride: 1,
            b: weight.as_ptr(),
            b_stride: weight_stride,
            c: output,
            c_stride: outputs,
            bias: bias.as_ptr(),
            relu,
        };
        // SAFETY: `check` compared the lengths, rows of weights are whole vectors, and the output is
        // borrowed by this call alone.
        unsafe { product.run_in_parts(isa) };
    };
    if outputs == padded(outputs) {
        return run(weight, outputs);
    }
    let stride = padded(outputs);
    scratch::with(&scratch::SHARED, inputs * stride, |padded_weight| {
        for (to, from) in padded_weight
            .chunks_exact_mut(stride)
            .zip(weight.chunks_exact(outputs))
        {
            to[..outputs].copy_from_slice(from);
            to[outputs..].fill(0.0);
        }
        run(padded_weight, stride);
    });
}

/// The gradients of the weights, `inputᵀ · grad_output`, and of the bias, summed over the batch.
/// `relu_output` is the layer's output if it ends in a ReLU.
///
/// # Panics
///
/// If a slice's length does not fit the shape.
pub fn grad_weight_bias(
    isa: Isa,
    shape: &LinearShape,
    relu_output: Option<&[f32]>,
    input: &[f32],
    grad_output: &[f32],
    grad_weight: &mut [MaybeUninit<f32>],
    grad_bias: &mut [MaybeUninit<f32>],
) {
    let &LinearShape {
        batch,
        inputs,
        outputs,
    } = shape;
    check(
        shape,
        &[
            (
                "relu_output",
                relu_output.unwrap_or(grad_output).len(),
                batch,
                outputs,
            ),
            ("input", input.len(), batch, inputs),
            ("grad_output", grad_output.len(), batch, outputs),
            ("grad_weight", grad_weight.len(), inputs, outputs),
            ("grad_bias", grad_bias.len(), 1, outputs),
        ],
    );
    if grad_bias.is_empty() {
        return;
    }
    grad_bias.fill(MaybeUninit::new(0.0));
    // SAFETY: just filled.
    let grad_bias = unsafe { grad_bias.assume_init_mut() };
    let stride = padded(outputs);
    scratch::with(&scratch::SHARED, batch * stride, |grad| {
        isa.run(GradBeforeRelu {
            outputs,
            grad_output,
            relu_output,
            stride,
            rows: grad,
            sum: Some(grad_bias),
        });
        let product = Product {
            rows: inputs,
            columns: outputs,
            depth: batch,
            a: input.as_ptr(),
            a_row_stride: 1,
            a_depth_stride: inputs,
            b: grad.as_ptr(),
            b_stride: stride,
            c: grad_weight.as_mut_ptr().cast(),
            c_stride: outputs,
            bias: ptr::null(),
            relu: false,
        };
        // SAFETY: `check` compared the lengths, rows of the gradient are padded to whole vectors, and
        // `grad_weight` is borrowed by this call alone.
        unsafe { product.run_in_parts(isa) };
    });
}

/// The gradient of the input, `grad_output · weightᵀ`. `relu_output` is the layer's output if it ends
/// in a ReLU.
///
/// # Panics
///
/// If a slice's length does not fit the shape.
pub fn grad_input(
    isa: Isa,
    shape: &LinearShape,
    relu_output: Option<&[f32]>,
    weight: &[f32],
    grad_output: &[f32],
    grad_input: &mut [MaybeUninit<f32>],
) {
    let &LinearShape {
        batch,
        inputs,
        outputs,
    } = shape;
    check(
        shape,
        &[
            (
                "relu_output",
                relu_output.unwrap_or(grad_output).len(),
                batch,
                outputs,
            ),
            ("weight", weight.len(), inputs, outputs),
            ("grad_output", grad_output.len(), batch, outputs),
            ("grad_input", grad_input.len(), batch, inputs),
        ],
    );
    if outputs == 0 {
        return grad_input.fill(MaybeUninit::new(0.0));
    }
    scratch::with(&scratch::SHARED, batch * outputs, |grad| {
        isa.run(GradBeforeRelu {
            outputs,
            grad_output,
            relu_output,
            stride: outputs,
            rows: grad,
            sum: None,
        });
        let product = Product {
            rows: batch,
            columns: inputs,
            depth: outputs,
            a: grad.as_ptr(),
            a_row_stride: outputs,
            a_depth_stride: 1,
            b: ptr::null(),
            b_stride: PANEL,
            c: grad_input.as_mut_ptr().cast(),
            c_stride: inputs,
            bias: ptr::null(),
            relu: false,
        };
        let panels = inputs.div_ceil(PANEL);
        parts::for_each(panels, batch * inputs * outputs, |panels| {
            scratch::with(&scratch::LOCAL, outputs * PANEL, |transposed| {
                for panel in panels {
                    let first = panel * PANEL;
                    let columns = PANEL.min(inputs - first);
                    isa.run(Transpose {
                        columns: outputs,
                        matrix: &weight[first * outputs..][..columns * outputs],
                        stride: PANEL,
                        transposed,
                    });
                    // SAFETY: `check` compared the lengths, the transposed weights are whole vectors,
                    // and these columns of `grad_input` belong to this part alone.
                    isa.run(unsafe {
                        product.part_of_columns(first, columns, transposed.as_ptr())
                    });
                }
            });
        });
    });
}

/// The kernels index without bounds checks: this is where they are made safe.
fn check(shape: &LinearShape, matrices: &[(&str, usize, usize, usize)]) {
    for (name, len, rows, columns) in matrices {
        let expected = rows.checked_mul(*columns);
        assert_eq!(Some(*len), expected, "length of {name} for {shape:?}");
    }
}
