//! The architecture of a model: its layers and their sizes.

use burn::tensor::Shape;
use serde::{Deserialize, Serialize};

use super::Implementation;
use super::conv_relu_pool::KERNEL;
use super::stage::{Convolution, Stage};
use crate::Result;
use crate::dataset::parts::MAX_CLASSES;
use crate::dataset::{FASHION_MNIST_SPEC, ImageShape, SIDES, Spec};
use crate::error::ensure;
use crate::ops::gather::Normalization;
use crate::ops::wgsl::MAX_GRID;
use crate::util::text::thousands;

/// Channels and outputs beyond which a layer is taken for a mistake.
const MAX_UNITS: usize = 8192;
/// The side of the features that the usual stages leave of an image, about.
const LAST_SIDE: usize = 7;
/// Convolutions beyond which a model is taken for a mistake.
const MAX_CONVOLUTIONS: usize = 16;
/// Hidden layers beyond which a model is taken for a mistake.
const MAX_HIDDEN: usize = 16;
/// Parameters beyond which a model is taken for a mistake; so many take 256 MB with AdamW's memory.
const MAX_PARAMETERS: usize = 1 << 24;
/// What the outputs of a layer that is made narrower are a multiple of.
const NARROW_STEP: usize = 16;

/// Which of the two models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelKind {
    /// Fully connected layers.
    Dense,
    /// Convolutional blocks, then fully connected layers.
    Cnn,
}

impl ModelKind {
    /// Both models, in the order in which they are shown.
    pub const ALL: [Self; 2] = [Self::Dense, Self::Cnn];

    /// Its name in tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dense => "dense",
            Self::Cnn => "cnn",
        }
    }
}

impl std::fmt::Display for ModelKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// The layers of a model: images → blocks → hidden layers with ReLU → logits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Architecture {
    /// Which model it is.
    pub model: ModelKind,
    /// The images that it sees.
    #[serde(default = "fashion_mnist_shape")]
    pub input: ImageShape,
    /// How many classes it tells apart.
    #[serde(default = "fashion_mnist_classes")]
    pub classes: usize,
    /// The stages of convolutional blocks; none in a dense model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub widths: Vec<Stage>,
    /// Outputs of each hidden fully connected layer.
    pub hidden: Vec<usize>,
    /// What the model sees of an image.
    #[serde(rename = "pixels")]
    pub normalization: Normalization,
    /// Whether each block's output is normalised in training: see
    /// [`channel_norm`](crate::ops::channel_norm).
    #[serde(
        default,
        rename = "normalize",
        skip_serializing_if = "std::ops::Not::not"
    )]
    pub channel_norm: bool,
}

/// The sizes of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Values that an image brings.
    pub inputs: usize,
    /// Values that it leaves, after the pool.
    pub outputs: usize,
    /// Bias included.
    pub weights: usize,
    /// Arithmetic that an image takes.
    pub multiply_adds: usize,
}

impl Architecture {
    /// The usual one of its kind: for 28×28 grey images of ten classes
    ///
    /// - dense: 784 → 128 ReLU → 10, 101,770 parameters;
    /// - CNN: block(1→32) → block(32→64) → 3136 → 128 ReLU → 10, 421,642 parameters.
    ///
    /// Of other images a dense model sees more or fewer values, and a CNN has as many stages as leave about 7×7 of
    /// them, each of one block with twice the channels of the one before.
    pub fn of(model: ModelKind, spec: Spec) -> Self {
        let Spec { shape, classes, .. } = spec;
        Self {
            model,
            input: shape,
            classes,
            widths: match model {
                ModelKind::Dense => Vec::new(),
                ModelKind::Cnn => usual_widths(shape),
            },
            hidden: vec![128],
            normalization: Normalization::Unit,
            channel_norm: false,
        }
    }

    /// The same with a first hidden layer that is narrower where the model would have too many parameters.
    pub(crate) fn narrowed(mut self) -> Self {
        while self.parameters() > MAX_PARAMETERS && self.hidden[0] > NARROW_STEP {
            self.hidden[0] -= NARROW_STEP;
        }
        self
    }

    /// Inputs and outputs of the fully connected layers, the last one's included.
    pub(crate) fn connected(&self) -> Vec<[usize; 2]> {
        let mut inputs = self.features();
        let outputs = self.hidden.iter().copied().chain([self.classes]);
        outputs
            .map(|outputs| [std::mem::replace(&mut inputs, outputs), outputs])
            .collect()
    }

    /// The blocks from the images on: the last one of each stage has the pool.
    pub(crate) fn convolutions(&self) -> Vec<Convolution> {
        let mut inputs = self.input.channels;
        let mut size = [self.input.height, self.input.width];
        let mut convolutions = Vec::new();
        for stage in &self.widths {
            let last = stage.channels().len() - 1;
            for (number, &outputs) in stage.channels().iter().enumerate() {
                let convolution = Convolution {
                    channels: [inputs, outputs],
                    size,
                    pool: if number == last { 2 } else { 1 },
                };
                (inputs, size) = (outputs, convolution.pooled_size());
                convolutions.push(convolution);
            }
        }
        convolutions
    }

    /// The shapes of all parameters, layer after layer: each one's weight, then its bias.
    pub(crate) fn parameter_shapes(&self) -> Vec<Shape> {
        let blocks = self.convolutions().into_iter();
        let blocks = blocks.map(|block| {
            let [inputs, outputs] = block.channels;
            (vec![outputs, inputs, KERNEL, KERNEL], outputs)
        });
        let connected = self.connected().into_iter();
        let connected = connected.map(|[inputs, outputs]| (vec![inputs, outputs], outputs));
        blocks
            .chain(connected)
            .flat_map(|(weight, outputs)| [Shape::from(weight), Shape::from([outputs])])
            .collect()
    }

    /// Values per image that reach the first fully connected layer.
    fn features(&self) -> usize {
        let blocks = self.convolutions();
        let last = blocks.last().map(|block| block.layer().outputs);
        last.unwrap_or(self.input.values())
    }

    /// The layers from the images on.
    pub fn layers(&self) -> Vec<Layer> {
        let blocks = self.convolutions().into_iter();
        let mut layers: Vec<Layer> = blocks.map(|block| block.layer()).collect();
        layers.extend(self.connected().into_iter().map(|[from, to]| Layer {
            inputs: from,
            outputs: to,
            weights: (from + 1) * to,
            multiply_adds: from * to,
        }));
        layers
    }

    /// Number of weights.
    pub fn parameters(&self) -> usize {
        self.layers().iter().map(|layer| layer.weights).sum()
    }

    /// Values per image that a training step keeps from its forward pass.
    pub fn activations(&self, implementation: Implementation) -> usize {
        let outputs = self.layers().into_iter().map(|layer| layer.outputs);
        let convolutions = self.convolutions().into_iter();
        self.input.values()
            + outputs.sum::<usize>()
            + match implementation {
                Implementation::Fused => 0,
                // Burn's own operations keep a convolution's output, and what ReLU makes of it before a pool.
                Implementation::Reference => convolutions
                    .map(|convolution| match convolution.pool {
                        1 => convolution.convolved(),
                        _ => 2 * convolution.convolved(),
                    })
                    .sum(),
            }
    }

    /// Values per image of the largest tensor in a training step.
    pub fn largest_activation(&self, implementation: Implementation) -> usize {
        self.largest(|block| match implementation {
            Implementation::Fused => block.layer().outputs,
            // Burn's own operations keep the convolution's output at full size.
            Implementation::Reference => block.convolved(),
        })
    }

    /// Images of the largest batch whose values a kernel can count, on whatever GPU.
    pub fn max_counted(&self) -> usize {
        // A dispatch has at most so many workgroups in each direction, one of which counts images.
        (i32::MAX as usize / self.largest_count()).min(MAX_GRID as usize)
    }

    /// The largest number of values per image that the kernels of a training step count.
    fn largest_count(&self) -> usize {
        self.largest(|block| {
            let [height, width] = block.size;
            block.channels[1].next_multiple_of(4) * height * width
        })
    }

    /// The most values that a block has, a fully connected layer, and an image.
    fn largest(&self, values: impl Fn(&Convolution) -> usize) -> usize {
        let blocks = self.convolutions();
        let values = blocks.iter().map(values);
        let connected = self.connected().into_iter().map(|[_, outputs]| outputs);
        let largest = values.chain(connected).max();
        largest.unwrap_or(0).max(self.input.values())
    }

    /// Whether the model can be built.
    ///
    /// # Errors
    ///
    /// If not: which flag to change.
    pub fn check(&self) -> Result<()> {
        let ImageShape {
            channels,
            height,
            width,
        } = self.input;
        ensure!(
            [1, 3].contains(&channels) && SIDES.contains(&height) && SIDES.contains(&width),
            "images of {channels} × {height} × {width} values cannot be trained on — use grey or colour \
             ones with sides of {} to {} pixels",
            SIDES.start(),
            SIDES.end()
        );
        ensure!(
            (2..=MAX_CLASSES).contains(&self.classes),
            "{} are no possible number of classes — use data of 2 to {MAX_CLASSES}",
            self.classes
        );
        let stages = self.widths.len();
        ensure!(
            (self.model == ModelKind::Cnn) == (stages > 0),
            "a cnn model has convolutional blocks and a dense one has none — see --widths"
        );
        ensure!(
            stages <= height.min(width).ilog2() as usize,
            "--widths: {stages} stages are too many, each halves the image and {} pixels allow {} — name \
             fewer",
            height.min(width),
            height.min(width).ilog2()
        );
        let channels: Vec<usize> = (self.widths.iter())
            .flat_map(Stage::channels)
            .copied()
            .collect();
        ensure!(
            channels.len() <= MAX_CONVOLUTIONS,
            "--widths: {} convolutions are too many — name at most {MAX_CONVOLUTIONS}",
            channels.len()
        );
        let hidden = match self.model {
            ModelKind::Dense => "--hidden",
            ModelKind::Cnn => "--cnn-hidden",
        };
        for (flag, sizes) in [("--widths", &channels), (hidden, &self.hidden)] {
            for size in sizes {
                ensure!(
                    (1..=MAX_UNITS).contains(size),
                    "{flag}: {size} is no size of a layer — use 1 to {MAX_UNITS}"
                );
            }
        }
        ensure!(
            self.hidden.len() <= MAX_HIDDEN,
            "{hidden}: {} layers are too many — name at most {MAX_HIDDEN}",
            self.hidden.len()
        );
        let parameters = self.parameters();
        ensure!(
            parameters <= MAX_PARAMETERS,
            "the {} model would have {} parameters, more than {} — name smaller layers by {}",
            self.model,
            thousands(parameters as u64),
            thousands(MAX_PARAMETERS as u64),
            match self.model {
                ModelKind::Dense => hidden.to_string(),
                ModelKind::Cnn => format!("--widths or {hidden}"),
            }
        );
        Ok(())
    }
}

/// The stages of the usual CNN, of one convolution each: 32, 64, 128, … channels.
fn usual_widths(input: ImageShape) -> Vec<Stage> {
    let side = input.height.min(input.width);
    // The side that is closest to the last, by their ratio.
    let stages = (side as f64 / LAST_SIDE as f64).log2().round().max(1.0) as u32;
    (0..stages).map(|stage| Stage::from(32 << stage)).collect()
}

/// The images of runs from before their size was recorded.
fn fashion_mnist_shape() -> ImageShape {
    FASHION_MNIST_SPEC.shape
}

/// See [`fashion_mnist_shape`].
fn fashion_mnist_classes() -> usize {
    FASHION_MNIST_SPEC.classes
}

#[cfg(test)]
mod tests;
