//! The dense network: 784 → 128 ReLU → 10.

use burn::Tensor;
use burn::module::Module;
use burn::tensor::Device;

use super::init::Init;
use super::{Kernels, Linear};
use crate::dataset::{CLASSES, PIXELS};

const HIDDEN: usize = 128;

/// 784 → 128 ReLU → 10; 101,770 parameters.
#[derive(Module, Debug)]
pub struct Dense {
    hidden: Linear,
    output: Linear,
}

impl Dense {
    /// Fresh weights, drawn from `seed`.
    pub fn new(kernels: Kernels, seed: u64, device: &Device) -> Self {
        let mut init = Init::new(seed, device);
        Self {
            hidden: Linear::new(PIXELS, HIDDEN, kernels, &mut init),
            output: Linear::new(HIDDEN, CLASSES, kernels, &mut init),
        }
    }

    /// `[batch, 1, 28, 28]` → logits `[batch, 10]`.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let hidden = self.hidden.forward(images.flatten(1, 3), true);
        self.output.forward(hidden, false)
    }
}
