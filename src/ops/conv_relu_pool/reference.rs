//! The block made of Burn's own operations.
//!
//! Runs on every backend, with Burn's own autodiff. It is what the fused kernels
//! are tested against and timed against, and what `--no-fused` runs.

use burn::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::module::{conv2d, max_pool2d};
use burn::tensor::ops::{ConvOptions, MaxPoolOptions};

use super::BlockShape;

/// `max_pool_2x2(relu(conv_same(input, weight) + bias))`, one operation after the other.
///
/// Shapes and panics as in [`conv_relu_pool`](super::conv_relu_pool).
pub fn conv_relu_pool(input: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>) -> Tensor<4> {
    let activated = activated(input, weight, bias, 2);
    max_pool2d(activated, MaxPoolOptions::new([2, 2]).with_stride([2, 2]))
}

/// `relu(conv_same(input, weight) + bias)`, likewise.
///
/// Shapes and panics as in [`conv_relu`](super::conv_relu).
pub fn conv_relu(input: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>) -> Tensor<4> {
    activated(input, weight, bias, 1)
}

/// What comes before such a pool.
fn activated(input: Tensor<4>, weight: Tensor<4>, bias: Tensor<1>, pool: usize) -> Tensor<4> {
    let shape = BlockShape::of(input.dims(), weight.dims(), bias.dims()[0], pool);
    let padding = shape.padding();
    let options = ConvOptions::new([1, 1], [padding, padding], [1, 1], 1);
    relu(conv2d(input, weight, Some(bias), options))
}
