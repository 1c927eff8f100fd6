//! The classifiers, and the layers that they and others' models are made of: [`ConvReluPool`] and
//! [`LinearRelu`].

mod architecture;
mod conv_relu_pool;
mod init;
mod linear_relu;
mod probabilities;
mod stage;

use burn::Tensor;
use burn::module::Module;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::ops::channel_norm::{EPSILON, channel_norm, reference};
use crate::ops::dropout::Dropout;
pub(crate) use conv_relu_pool::KERNEL;
use init::Init;

pub use architecture::{Architecture, Layer, ModelKind};
pub use conv_relu_pool::{ConvReluPool, ConvReluPoolConfig};
pub use linear_relu::{LinearRelu, LinearReluConfig};
pub use probabilities::{Probabilities, argmax, confidence, top2};
pub(crate) use stage::Convolution;
pub use stage::Stage;

/// How much of a channel's mean square on augmented images counts at least: see [`Classifier::folded`].
const MIN_AUGMENTED_SHARE: f32 = 0.25;
/// Values of a block's outputs, for all images together, that [`Classifier::folded`] keeps for the next block at
/// most. Those of large images, or of blocks without a pool, would be more than all that a training takes.
const MAX_KEPT: usize = 1 << 24;

/// Which operations a training step is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Implementation {
    /// The project's own: the fused block, normalisation, layer, loss and optimizer.
    #[default]
    Fused,
    /// Burn's, one after the other: slow, obvious, and what the others are compared with.
    Reference,
}

/// A model with its weights: images in, logits out.
#[derive(Module, Debug)]
pub struct Classifier {
    /// None in a dense model.
    pub blocks: Vec<ConvReluPool>,
    /// The fully connected layers; all but the last end in a ReLU.
    pub layers: Vec<LinearRelu>,
    #[module(skip)]
    normalize: bool,
    #[module(skip)]
    implementation: Implementation,
}

impl Classifier {
    /// A model with fresh weights on `device`.
    ///
    /// The weights depend on `architecture` and `seed` alone: they are drawn on the host,
    /// so that every backend starts from the same ones.
    pub fn new(
        architecture: &Architecture,
        implementation: Implementation,
        seed: u64,
        device: &Device,
    ) -> Self {
        let mut init = Init::seeded(seed, device);
        let blocks = architecture.convolutions().into_iter();
        let blocks = blocks.map(|Convolution { channels, pool, .. }| {
            let config = ConvReluPoolConfig::new(channels).with_kernel_size(KERNEL);
            config.with_pool(pool).init_with(implementation, &mut init)
        });
        let blocks = blocks.collect();
        let connected = architecture.connected();
        let last = connected.len() - 1;
        let layers = connected.into_iter().enumerate();
        let layers = layers.map(|(number, [inputs, outputs])| {
            let config = LinearReluConfig::new(inputs, outputs).with_relu(number < last);
            config.init_with(implementation, &mut init)
        });
        Self {
            blocks,
            layers: layers.collect(),
            normalize: architecture.channel_norm,
            implementation,
        }
    }

    /// Number of classes, one for each logit.
    pub fn classes(&self) -> usize {
        self.layers.last().map_or(0, |layer| layer.weight.dims()[1])
    }

    /// A model without layers, which holds the place of another.
    pub(crate) fn empty() -> Self {
        Self {
            blocks: Vec::new(),
            layers: Vec::new(),
            normalize: false,
            implementation: Implementation::Fused,
        }
    }

    /// Logits `[batch, classes]` of images `[batch, channels, height, width]`.
    ///
    /// A model that was trained with normalisation must have been [folded](Self::folded).
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let maps = self.blocks.iter().fold(images, |x, block| block.forward(x));
        self.head().forward(self.hidden(maps, &mut Dropout::off()))
    }

    /// The features `[batch, inputs]` that the [head](Self::head) takes in a training step: with normalisation
    /// after each block if the model is to have it, and `dropout` before each fully connected layer, the head too,
    /// but not on the images themselves.
    pub fn forward_features(&self, images: Tensor<4>, dropout: &mut Dropout) -> Tensor<2> {
        let maps = self.blocks.iter().fold(images, |x, block| {
            let output = block.forward(x);
            match (self.normalize, self.implementation) {
                (false, _) => output,
                (true, Implementation::Fused) => channel_norm(output),
                (true, Implementation::Reference) => reference::channel_norm(output),
            }
        });
        self.hidden(maps, dropout)
    }

    /// The last layer, which makes logits of features.
    pub fn head(&self) -> &LinearRelu {
        self.layers.last().expect("a classifier has a last layer")
    }

    /// Through the layers before the head, with dropout before each layer, but not on images.
    fn hidden(&self, maps: Tensor<4>, dropout: &mut Dropout) -> Tensor<2> {
        let mut x = maps.flatten(1, 3);
        let last = self.layers.len() - 1;
        for (number, layer) in self.layers.iter().enumerate() {
            if number > 0 || !self.blocks.is_empty() {
                x = dropout.apply(x);
            }
            if number < last {
                x = layer.forward(x);
            }
        }
        x
    }

    /// The model for inference, which is without autodiff: what the normalisation divides by is
    /// measured on `images`, batches of equal size, and becomes a part of the weights.
    ///
    /// A channel may answer to what only augmentation makes, such as the black edge of shifted images. On images as
    /// they are it is next to nothing, and the first picture with a black border would have it a thousand times as
    /// large as training ever did. So the mean square that a channel is divided by is at least a quarter
    /// of that on `augmented`, batches as training changes them: then it is at most twice as large. Without
    /// such batches nothing is bounded.
    pub fn folded(
        mut self,
        images: impl Iterator<Item = Tensor<4>>,
        augmented: impl Iterator<Item = Tensor<4>>,
    ) -> Self {
        if !self.normalize {
            return self;
        }
        let mut inputs: [Vec<Tensor<4>>; 2] = [images.collect(), augmented.collect()];
        let count: usize = inputs.iter().flatten().map(|batch| batch.dims()[0]).sum();
        let mut factors: Vec<Tensor<4>> = Vec::new();
        // The block that the inputs are of: what lies between it and the next one is computed again.
        let mut first = 0;
        for (place, block) in self.blocks.iter().enumerate() {
            let before = self.blocks[first..place].iter().zip(&factors[first..]);
            let mut is_kept = false;
            let squares = inputs.each_mut().map(|batches| {
                mean_of(batches.iter_mut().map(|batch| {
                    let input = before.clone().fold(batch.clone(), |x, (block, factor)| {
                        block.forward(x) * factor.clone()
                    });
                    let output = block.forward(input);
                    let square = reference::mean_square(output.clone());
                    let [_, channels, height, width] = output.dims();
                    is_kept = count * channels * height * width <= MAX_KEPT;
                    if is_kept {
                        *batch = output;
                    }
                    square
                }))
            });
            let square = match squares {
                [None, _] => return self,
                [Some(square), None] => square,
                [Some(square), Some(augmented)] => square.max_pair(augmented * MIN_AUGMENTED_SHARE),
            };
            let factor = (square + EPSILON).sqrt().recip();
            if is_kept {
                first = place + 1;
                for batch in inputs.iter_mut().flatten() {
                    *batch = batch.clone() * factor.clone();
                }
            }
            factors.push(factor);
        }
        for (block, factor) in self.blocks.iter_mut().zip(factors) {
            block.scale(factor);
        }
        self.normalize = false;
        self
    }
}

/// The mean of tensors of one shape; none if there are none.
fn mean_of(tensors: impl ExactSizeIterator<Item = Tensor<4>>) -> Option<Tensor<4>> {
    let count = tensors.len() as f32;
    Some(tensors.reduce(|a, b| a + b)? / count)
}
