//! A fully connected layer.

use burn::Tensor;
use burn::module::{Module, Param};
use burn::tensor::module::linear;

use super::init::Init;

/// `output = input · weight + bias`.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[inputs, outputs]`.
    pub weight: Param<Tensor<2>>,
    /// `[outputs]`.
    pub bias: Param<Tensor<1>>,
}

impl Linear {
    pub(super) fn new(inputs: usize, outputs: usize, init: &mut Init) -> Self {
        Self {
            weight: init.uniform([inputs, outputs], inputs),
            bias: init.uniform([outputs], inputs),
        }
    }

    /// `[batch, inputs]` → `[batch, outputs]`.
    pub fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        linear(input, self.weight.val(), Some(self.bias.val()))
    }
}
