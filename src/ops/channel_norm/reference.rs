//! The normalisation made of Burn's own operations.

use burn::Tensor;

use super::EPSILON;

/// Like [`channel_norm`](super::channel_norm), one operation after the other.
pub fn channel_norm(input: Tensor<4>) -> Tensor<4> {
    input.clone() / (mean_square(input) + EPSILON).sqrt()
}

/// The mean square of each channel, `[1, channels, 1, 1]`.
pub fn mean_square(input: Tensor<4>) -> Tensor<4> {
    let square = input.clone() * input;
    square.mean_dim(0).mean_dim(2).mean_dim(3)
}
