//! A fully connected layer.

use burn::Tensor;
use burn::module::{Module, Param};

use super::Kernels;
use super::init::Init;
use crate::ops::linear::{linear, reference};

/// `output = input · weight + bias`, with or without a ReLU.
#[derive(Module, Debug)]
pub struct Linear {
    /// `[inputs, outputs]`.
    pub weight: Param<Tensor<2>>,
    /// `[outputs]`.
    pub bias: Param<Tensor<1>>,
    #[module(skip)]
    kernels: Kernels,
}

impl Linear {
    pub(super) fn new(inputs: usize, outputs: usize, kernels: Kernels, init: &mut Init) -> Self {
        Self {
            weight: init.uniform([inputs, outputs], inputs),
            bias: init.uniform([outputs], inputs),
            kernels,
        }
    }

    /// `[batch, inputs]` → `[batch, outputs]`.
    pub fn forward(&self, input: Tensor<2>, relu: bool) -> Tensor<2> {
        let (weight, bias) = (self.weight.val(), self.bias.val());
        match self.kernels {
            Kernels::Fused => linear(input, weight, bias, relu),
            Kernels::Reference => reference::linear(input, weight, bias, relu),
        }
    }
}
