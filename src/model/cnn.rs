//! The convolutional network: two conv + ReLU + max-pool blocks and two linear layers.

use burn::Tensor;
use burn::module::{Module, Param};
use burn::tensor::Device;

use super::init::Init;
use super::{Kernels, Linear};
use crate::conv_relu_pool::{conv_relu_pool, reference};
use crate::dataset::{CLASSES, SIDE};

/// Channels that each block makes.
pub(super) const WIDTHS: [usize; 2] = [32, 64];
const HIDDEN: usize = 128;
const KERNEL: usize = 3;

/// block(1→32) → block(32→64) → 3136 → 128 ReLU → 10; 421,642 parameters.
#[derive(Module, Debug)]
pub struct Cnn {
    block1: Block,
    block2: Block,
    hidden: Linear,
    output: Linear,
}

impl Cnn {
    /// Fresh weights, drawn from `seed`.
    pub fn new(kernels: Kernels, seed: u64, device: &Device) -> Self {
        let mut init = Init::new(seed, device);
        let pooled_side = SIDE / 4;
        Self {
            block1: Block::new(1, WIDTHS[0], kernels, &mut init),
            block2: Block::new(WIDTHS[0], WIDTHS[1], kernels, &mut init),
            hidden: Linear::new(
                WIDTHS[1] * pooled_side * pooled_side,
                HIDDEN,
                kernels,
                &mut init,
            ),
            output: Linear::new(HIDDEN, CLASSES, kernels, &mut init),
        }
    }

    /// `[batch, 1, 28, 28]` → logits `[batch, 10]`.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let pooled = self.block2.forward(self.block1.forward(images));
        let hidden = self.hidden.forward(pooled.flatten(1, 3), true);
        self.output.forward(hidden, false)
    }
}

/// Convolution 3×3 "same" + bias + ReLU + max-pool 2×2.
#[derive(Module, Debug)]
pub struct Block {
    /// `[out_channels, in_channels, 3, 3]`.
    weight: Param<Tensor<4>>,
    /// `[out_channels]`.
    bias: Param<Tensor<1>>,
    #[module(skip)]
    kernels: Kernels,
}

impl Block {
    fn new(in_channels: usize, out_channels: usize, kernels: Kernels, init: &mut Init) -> Self {
        let fan_in = in_channels * KERNEL * KERNEL;
        Self {
            weight: init.uniform([out_channels, in_channels, KERNEL, KERNEL], fan_in),
            bias: init.uniform([out_channels], fan_in),
            kernels,
        }
    }

    /// `[batch, in_channels, h, w]` → `[batch, out_channels, h / 2, w / 2]`.
    fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let (weight, bias) = (self.weight.val(), self.bias.val());
        match self.kernels {
            Kernels::Fused => conv_relu_pool(input, weight, bias),
            Kernels::Reference => reference::conv_relu_pool(input, weight, bias),
        }
    }
}
