//! The convolutional block.

use burn::Tensor;
use burn::module::{Module, Param};

use super::Kernels;
use super::init::Init;
use crate::conv_relu_pool::{conv_relu_pool, reference};

/// Side of the convolution's window.
pub(super) const KERNEL: usize = 3;

/// Convolution 3×3 "same" + bias + ReLU + max-pool 2×2.
#[derive(Module, Debug)]
pub struct Block {
    /// `[out_channels, in_channels, 3, 3]`.
    pub weight: Param<Tensor<4>>,
    /// `[out_channels]`.
    pub bias: Param<Tensor<1>>,
    #[module(skip)]
    kernels: Kernels,
}

impl Block {
    pub(super) fn new(
        in_channels: usize,
        out_channels: usize,
        kernels: Kernels,
        init: &mut Init,
    ) -> Self {
        let fan_in = in_channels * KERNEL * KERNEL;
        Self {
            weight: init.uniform([out_channels, in_channels, KERNEL, KERNEL], fan_in),
            bias: init.uniform([out_channels], fan_in),
            kernels,
        }
    }

    /// `[batch, in_channels, h, w]` → `[batch, out_channels, h / 2, w / 2]`.
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let (weight, bias) = (self.weight.val(), self.bias.val());
        match self.kernels {
            Kernels::Fused => conv_relu_pool(input, weight, bias),
            Kernels::Reference => reference::conv_relu_pool(input, weight, bias),
        }
    }
}
