//! The convolutional block.

use burn::Tensor;
use burn::module::{Module, Param};

use super::Kernels;
use super::init::Init;
use crate::ops::conv_relu_pool::{conv_relu_pool, reference};

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

    /// Multiplies each channel of the output with a positive factor `[1, out_channels, 1, 1]`: ReLU
    /// and maximum let it through, so that it can stand in the weights.
    pub(super) fn scale(&mut self, factor: Tensor<4>) {
        let [channels] = self.bias.dims();
        let of_weight = factor.clone().reshape([channels, 1, 1, 1]);
        self.weight = self.weight.clone().map(|weight| weight * of_weight);
        let of_bias = factor.reshape([channels]);
        self.bias = self.bias.clone().map(|bias| bias * of_bias);
    }
}
