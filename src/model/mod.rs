//! The classifiers, and what training needs of them.

mod architecture;
mod block;
mod init;
mod linear;

use burn::Tensor;
use burn::module::Module;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::dropout::Dropout;
use init::Init;

pub use architecture::{Architecture, Layer, ModelKind};
pub use block::Block;
pub use linear::Linear;

/// Which operations a training step is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kernels {
    /// The project's own: the fused block, layer, loss and optimizer.
    #[default]
    Fused,
    /// Burn's, one after the other: slow, obvious, and what the others are compared with.
    Reference,
}

/// A model with its weights: images in, logits out.
#[derive(Module, Debug)]
pub struct Classifier {
    /// None in a dense model.
    pub blocks: Vec<Block>,
    /// The fully connected layers; all but the last end in a ReLU.
    pub layers: Vec<Linear>,
}

impl Classifier {
    /// A model with fresh weights on `device`.
    ///
    /// The weights depend on `architecture` and `seed` alone: they are drawn on the host,
    /// so that every backend starts from the same ones.
    pub fn new(architecture: &Architecture, kernels: Kernels, seed: u64, device: &Device) -> Self {
        let mut init = Init::new(seed, device);
        let blocks = architecture.convolutions().into_iter();
        let blocks = blocks.map(|[from, to]| Block::new(from, to, kernels, &mut init));
        let blocks = blocks.collect();
        let layers = architecture.connected().into_iter();
        let layers = layers.map(|[from, to]| Linear::new(from, to, kernels, &mut init));
        Self {
            blocks,
            layers: layers.collect(),
        }
    }

    /// A model without layers, which holds the place of another.
    pub(crate) fn empty() -> Self {
        Self {
            blocks: Vec::new(),
            layers: Vec::new(),
        }
    }

    /// Logits `[batch, 10]` of images `[batch, 1, 28, 28]`.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.forward_training(images, &mut Dropout::off())
    }

    /// Like [`Self::forward`], with `dropout` before each fully connected layer but not on the
    /// images themselves.
    pub fn forward_training(&self, images: Tensor<4>, dropout: &mut Dropout) -> Tensor<2> {
        let features = self.blocks.iter().fold(images, |x, block| block.forward(x));
        let mut x = features.flatten(1, 3);
        let last = self.layers.len() - 1;
        for (number, layer) in self.layers.iter().enumerate() {
            if number > 0 || !self.blocks.is_empty() {
                x = dropout.apply(x);
            }
            x = layer.forward(x, number < last);
        }
        x
    }
}
