//! The layer made of Burn's own operations.

use burn::Tensor;
use burn::tensor::activation;
use burn::tensor::module;

/// Like [`linear`](super::linear), one operation after the other.
pub fn linear(input: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>, relu: bool) -> Tensor<2> {
    let output = module::linear(input, weight, Some(bias));
    if relu {
        activation::relu(output)
    } else {
        output
    }
}
