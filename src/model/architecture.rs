//! What a model is made of.

use anyhow::{Result, ensure};
use burn::tensor::Shape;
use serde::{Deserialize, Serialize};

use super::Kernels;
use super::conv_relu_pool::KERNEL;
use crate::dataset::{FASHION_MNIST_SPEC, ImageShape, SIDES, Spec};
use crate::ops::gather::Normalization;

/// Weights of a convolution for a pair of channels.
const TAPS: usize = KERNEL * KERNEL;
/// Channels and outputs beyond which a layer is taken for a mistake.
const MAX_UNITS: usize = 8192;
/// Classes beyond which a number is taken for a mistake.
const MAX_CLASSES: usize = 1000;
/// The side of the features that the usual blocks leave of an image, about.
const LAST_SIDE: usize = 7;
/// Parameters beyond which a model is taken for a mistake; so many take 256 MB with AdamW's memory.
const MAX_PARAMETERS: usize = 1 << 24;

/// Which of the two models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
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
    /// Channels that each convolutional block makes; none in a dense model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub widths: Vec<usize>,
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
    /// Of other images a dense model sees more or fewer values, and a CNN has as many blocks as leave
    /// about 7×7 of them, each of twice the channels of the one before.
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

    /// Inputs and outputs of the fully connected layers, the last one's included.
    pub(crate) fn connected(&self) -> Vec<[usize; 2]> {
        let mut inputs = self.features();
        let outputs = self.hidden.iter().copied().chain([self.classes]);
        outputs
            .map(|outputs| [std::mem::replace(&mut inputs, outputs), outputs])
            .collect()
    }

    /// Input and output channels of the blocks.
    pub(crate) fn convolutions(&self) -> Vec<[usize; 2]> {
        let mut channels = self.input.channels;
        let widths = self.widths.iter().copied();
        widths
            .map(|width| [std::mem::replace(&mut channels, width), width])
            .collect()
    }

    /// The shapes of all parameters, layer after layer: each one's weight, then its bias.
    pub(crate) fn parameter_shapes(&self) -> Vec<Shape> {
        let blocks = self.convolutions().into_iter();
        let blocks =
            blocks.map(|[inputs, outputs]| (vec![outputs, inputs, KERNEL, KERNEL], outputs));
        let connected = self.connected().into_iter();
        let connected = connected.map(|[inputs, outputs]| (vec![inputs, outputs], outputs));
        blocks
            .chain(connected)
            .flat_map(|(weight, outputs)| [Shape::from(weight), Shape::from([outputs])])
            .collect()
    }

    /// Pixels of an image before each block and after the last: each halves height and width.
    fn planes(&self) -> Vec<usize> {
        let ImageShape { height, width, .. } = self.input;
        let halved = |blocks: usize| (height >> blocks) * (width >> blocks);
        (0..=self.widths.len()).map(halved).collect()
    }

    /// Values per image that reach the first fully connected layer.
    fn features(&self) -> usize {
        let plane = self.planes()[self.widths.len()];
        self.widths.last().unwrap_or(&self.input.channels) * plane
    }

    /// The layers from the images on.
    pub fn layers(&self) -> Vec<Layer> {
        let planes = self.planes();
        let sizes = planes.iter().zip(&planes[1..]);
        let convolutions = self.convolutions().into_iter().zip(sizes);
        let convolutions = convolutions.map(|([from, to], (before, after))| Layer {
            inputs: from * before,
            outputs: to * after,
            weights: (from * TAPS + 1) * to,
            multiply_adds: from * TAPS * to * before,
        });
        let mut layers: Vec<Layer> = convolutions.collect();
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
    pub fn activations(&self, kernels: Kernels) -> usize {
        let layers = self.layers();
        let outputs: usize = layers.iter().map(|layer| layer.outputs).sum();
        let planes = self.planes();
        let convolved = self.widths.iter().zip(&planes);
        let convolved = convolved.map(|(width, plane)| width * plane);
        self.input.values()
            + outputs
            + match kernels {
                Kernels::Fused => 0,
                // Burn's own operations keep a convolution's output, and what ReLU makes of it.
                Kernels::Reference => 2 * convolved.sum::<usize>(),
            }
    }

    /// Values per image of the largest tensor in a training step.
    pub fn largest_activation(&self, kernels: Kernels) -> usize {
        let planes = self.planes();
        let planes = match kernels {
            Kernels::Fused => &planes[1..],
            // Burn's own operations keep the convolution's output at full size.
            Kernels::Reference => &planes,
        };
        self.largest(self.widths.iter().zip(planes))
    }

    /// The largest number of values per image that the kernels of a training step count.
    pub fn largest_count(&self) -> usize {
        let channels: Vec<usize> = (self.widths.iter())
            .map(|width| width.next_multiple_of(4))
            .collect();
        self.largest(channels.iter().zip(&self.planes()))
    }

    /// The most values of these blocks' channels and planes, a hidden layer, and an image.
    fn largest<'a>(&self, blocks: impl Iterator<Item = (&'a usize, &'a usize)>) -> usize {
        let blocks = blocks.map(|(channels, plane)| channels * plane);
        let largest = blocks.chain(self.hidden.iter().copied()).max();
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
        let blocks = self.widths.len();
        ensure!(
            (self.model == ModelKind::Cnn) == (blocks > 0),
            "a cnn model has convolutional blocks and a dense one has none — see --widths"
        );
        ensure!(
            blocks <= height.min(width).ilog2() as usize,
            "--widths: {blocks} blocks are too many, each halves the image and {} pixels allow {} — name \
             fewer",
            height.min(width),
            height.min(width).ilog2()
        );
        let hidden = match self.model {
            ModelKind::Dense => "--hidden",
            ModelKind::Cnn => "--cnn-hidden",
        };
        for (flag, sizes) in [("--widths", &self.widths), (hidden, &self.hidden)] {
            for size in sizes {
                ensure!(
                    (1..=MAX_UNITS).contains(size),
                    "{flag}: {size} is no size of a layer — use 1 to {MAX_UNITS}"
                );
            }
        }
        ensure!(
            self.hidden.len() <= 16,
            "{hidden}: {} layers are too many — name at most 16",
            self.hidden.len()
        );
        let parameters = self.parameters();
        ensure!(
            parameters <= MAX_PARAMETERS,
            "the {} model would have {parameters} parameters, more than {MAX_PARAMETERS} — name \
             smaller layers by {}",
            self.model,
            match self.model {
                ModelKind::Dense => hidden.to_string(),
                ModelKind::Cnn => format!("--widths or {hidden}"),
            }
        );
        Ok(())
    }
}

/// Channels of the blocks of the usual CNN: 32, 64, 128, …
fn usual_widths(input: ImageShape) -> Vec<usize> {
    let side = input.height.min(input.width);
    // The side that is closest to the last, by their ratio.
    let blocks = (side as f64 / LAST_SIDE as f64).log2().round().max(1.0) as u32;
    (0..blocks).map(|block| 32 << block).collect()
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
mod tests {
    use super::*;

    #[test]
    fn the_usual_blocks_leave_about_7x7() {
        let blocks = |height, width| {
            let input = ImageShape {
                channels: 3,
                height,
                width,
            };
            Architecture::of(ModelKind::Cnn, Spec::new(input, 5)).widths
        };
        assert_eq!(blocks(28, 28), [32, 64]);
        assert_eq!(blocks(8, 256), [32]);
        assert_eq!(blocks(32, 32), [32, 64]);
        assert_eq!(blocks(64, 64), [32, 64, 128]);
        assert_eq!(blocks(100, 64), [32, 64, 128]);
        assert_eq!(blocks(128, 128), [32, 64, 128, 256]);
        assert_eq!(blocks(256, 256), [32, 64, 128, 256, 512]);
    }

    #[test]
    fn layers_of_odd_colour_images_by_hand() {
        let input = ImageShape {
            channels: 3,
            height: 33,
            width: 50,
        };
        let cnn = Architecture {
            widths: vec![8, 4],
            ..Architecture::of(ModelKind::Cnn, Spec::new(input, 7))
        };
        // 33×50 becomes 16×25 and 8×12.
        let layers = cnn.layers();
        assert_eq!(layers[0].inputs, 3 * 33 * 50);
        assert_eq!(layers[0].outputs, 8 * 16 * 25);
        assert_eq!(layers[0].weights, 8 * (3 * 9 + 1));
        assert_eq!(layers[1].multiply_adds, 4 * 8 * 9 * 16 * 25);
        assert_eq!(layers[2].inputs, 4 * 8 * 12);
        assert_eq!((layers[2].outputs, layers[3].outputs), (128, 7));
        assert_eq!(cnn.largest_count(), 8 * 33 * 50);
        assert_eq!(cnn.largest_activation(Kernels::Fused), 3 * 33 * 50);
        assert_eq!(cnn.largest_activation(Kernels::Reference), 8 * 33 * 50);
        assert!(cnn.check().is_ok());
    }

    #[test]
    fn images_and_classes_that_cannot_be_trained_on_are_refused() {
        let good = Architecture::of(ModelKind::Dense, FASHION_MNIST_SPEC);
        let shape = |channels, height, width| {
            let mut bad = good.clone();
            bad.input = ImageShape {
                channels,
                height,
                width,
            };
            bad
        };
        let classes = |classes| Architecture {
            classes,
            ..good.clone()
        };
        for (bad, part) in [
            (shape(2, 28, 28), "2 × 28 × 28"),
            (shape(1, 7, 28), "sides of 8 to 256"),
            (shape(3, 28, usize::MAX), "sides of 8 to 256"),
            (classes(1), "1 are no possible number of classes"),
            (classes(1001), "2 to 1000"),
        ] {
            let error = bad.check().unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
