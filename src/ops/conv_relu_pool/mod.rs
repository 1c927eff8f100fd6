//! The block of the convolutional network as one operation:
//! `max_pool_2x2(relu(conv_same(input, weight) + bias))`.
//!
//! Frameworks run it as three or more operations and keep the full-size
//! convolution output in memory between them. Here each backend computes it in
//! one pass and keeps, beside the pooled output, only the argmax of each pooled
//! element: which of the four window positions won, or that the ReLU was
//! inactive. The backward pass needs nothing else of the forward pass, and can
//! visit only the one position in four that has a gradient.
//!
//! The block also comes without its pool, as [`conv_relu`]: its windows are then of one value each.
//!
//! | file | what it holds |
//! | --- | --- |
//! | `shape.rs` | the sizes of one call, and what is supported |
//! | `reference.rs` | the block made of Burn's own operations: slow, obvious, kept for ever |
//! | `ndarray.rs`, `cpu/` | the block on `burn-ndarray`: the binding, the kernels on slices |
//! | `gpu.rs`, `plan/`, `shaders/conv_relu_pool/` | the block on `burn-wgpu`: the binding, what to launch, the kernels |
//!
//! # Semantics, on every backend
//!
//! - Convolution with stride 1 and "same" zero padding, kernel 3×3 or 5×5.
//! - The pool, if there is one, has windows of 2×2 and stride 2; an odd last row or column of the
//!   convolution is dropped.
//! - Of equal values in a window the first wins, in row-major order. (Where the CPU transforms the
//!   convolution, values count as equal that differ by less than its rounding; where a GPU does, rounding may
//!   choose among values that would be equal.)
//! - The ReLU is active where the maximum is > 0; at 0 its gradient is 0.
//! - A NaN in a window makes the output NaN; the gradient goes to the first NaN.

pub mod cpu;
pub(crate) mod gpu;
mod ndarray;
mod plan;
pub mod reference;
mod shape;

use burn::Tensor;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, Backend, Dispatch, TensorMetadata, backend_extension};

use crate::ops::autodiff::{CheckpointStrategy, custom_vjp};
pub use shape::BlockShape;

/// Argmax of an output whose ReLU was inactive. Of others it is 0–3, the position of the maximum
/// in its window, in row-major order; without a pool 0.
pub const INACTIVE: u8 = 4;

/// The differentiable block, as Burn dispatches it to the backend of its tensors.
#[backend_extension(Autodiff, Cube, NdArray)]
pub trait ConvReluPool: Backend {
    /// See [`conv_relu_pool`], and with a `pool` of 1 [`conv_relu`].
    fn conv_relu_pool(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        pool: usize,
    ) -> FloatTensor<Self>;
}

/// What a backend implements: the block's forward and backward kernels.
///
/// Shapes: input `[batch, in_channels, height, width]`, weight
/// `[out_channels, in_channels, kernel, kernel]`, bias `[out_channels]`, output
/// and its gradient `[batch, out_channels, height / pool, width / pool]`. The layout of
/// the argmax is the backend's own affair.
pub trait ConvReluPoolKernels: Backend {
    /// The output, and the argmax that the gradients are computed from.
    fn forward(
        shape: BlockShape,
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, IntTensor<Self>);

    /// The gradient with respect to the input.
    fn grad_input(
        shape: BlockShape,
        weight: FloatTensor<Self>,
        argmax: IntTensor<Self>,
        grad_output: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// The gradients with respect to weight and bias.
    fn grad_weight_bias(
        shape: BlockShape,
        input: FloatTensor<Self>,
        argmax: IntTensor<Self>,
        grad_output: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

impl<B: ConvReluPoolKernels> ConvReluPool for B {
    fn conv_relu_pool(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        pool: usize,
    ) -> FloatTensor<Self> {
        let shape = block_shape(&input, &weight, &bias, pool);
        Self::forward(shape, input, weight, bias).0
    }
}

impl<B: ConvReluPoolKernels, C: CheckpointStrategy> ConvReluPool for Autodiff<B, C> {
    fn conv_relu_pool(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        pool: usize,
    ) -> FloatTensor<Self> {
        let shape = block_shape(&input, &weight, &bias, pool);
        custom_vjp::<B, C, _, _>([input, weight, bias], |[input, weight, bias]| {
            let (output, argmax) = B::forward(shape, input.clone(), weight.clone(), bias);
            let backward = move |grad_output: FloatTensor<B>, tracked: [bool; 3]| {
                // The first layer of a network has no use for the gradient of the images.
                let [input_tracked, weight_tracked, bias_tracked] = tracked;
                let grad_input = input_tracked
                    .then(|| B::grad_input(shape, weight, argmax.clone(), grad_output.clone()));
                let (grad_weight, grad_bias) = (weight_tracked || bias_tracked)
                    .then(|| B::grad_weight_bias(shape, input, argmax, grad_output))
                    .unzip();
                [grad_input, grad_weight, grad_bias]
            };
            (output, backward)
        })
    }
}

/// The checked shape of a call with these tensors.
fn block_shape<T: TensorMetadata>(input: &T, weight: &T, bias: &T, pool: usize) -> BlockShape {
    BlockShape::of(
        input.shape().dims(),
        weight.shape().dims(),
        bias.shape().num_elements(),
        pool,
    )
}

/// `max_pool_2x2(relu(conv_same(input, weight) + bias))`, fused and differentiable.
///
/// Input `[batch, in_channels, height, width]`, weight
/// `[out_channels, in_channels, kernel, kernel]`, bias `[out_channels]`; returns
/// `[batch, out_channels, height / 2, width / 2]`.
///
/// # Panics
///
/// When the shapes do not fit together or are not supported: see [`BlockShape::of`].
pub fn conv_relu_pool(input: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>) -> Tensor<4> {
    dispatch(input, weight, bias, 2)
}

/// `relu(conv_same(input, weight) + bias)`, fused and differentiable: the block without its pool.
///
/// Shapes and panics as in [`conv_relu_pool`], but for the output: `[batch, out_channels, height, width]`.
pub fn conv_relu(input: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>) -> Tensor<4> {
    dispatch(input, weight, bias, 1)
}

fn dispatch(input: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>, pool: usize) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::conv_relu_pool(
        input.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
        pool,
    ))
}
