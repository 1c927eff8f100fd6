//! What a model is made of.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use super::Kernels;
use super::conv_relu_pool::KERNEL;
use crate::dataset::{CLASSES, PIXELS, SIDE};
use crate::ops::gather::Normalization;

/// Weights of a convolution for a pair of channels.
const TAPS: usize = KERNEL * KERNEL;
/// Channels and outputs beyond which a layer is taken for a mistake.
const MAX_UNITS: usize = 8192;
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
    /// 784 → 128 ReLU → 10; 101,770 parameters.
    pub fn dense() -> Self {
        Self {
            model: ModelKind::Dense,
            widths: Vec::new(),
            hidden: vec![128],
            normalization: Normalization::Unit,
            channel_norm: false,
        }
    }

    /// block(1→32) → block(32→64) → 3136 → 128 ReLU → 10; 421,642 parameters.
    pub fn cnn() -> Self {
        Self {
            model: ModelKind::Cnn,
            widths: vec![32, 64],
            hidden: vec![128],
            normalization: Normalization::Unit,
            channel_norm: false,
        }
    }

    /// The usual one of its kind.
    pub fn of(model: ModelKind) -> Self {
        match model {
            ModelKind::Dense => Self::dense(),
            ModelKind::Cnn => Self::cnn(),
        }
    }

    /// Inputs and outputs of the fully connected layers, the last one's included.
    pub(super) fn connected(&self) -> Vec<[usize; 2]> {
        let mut inputs = self.features();
        let outputs = self.hidden.iter().copied().chain([CLASSES]);
        outputs
            .map(|outputs| [std::mem::replace(&mut inputs, outputs), outputs])
            .collect()
    }

    /// Input and output channels of the blocks.
    pub(super) fn convolutions(&self) -> Vec<[usize; 2]> {
        let mut channels = 1;
        let widths = self.widths.iter().copied();
        widths
            .map(|width| [std::mem::replace(&mut channels, width), width])
            .collect()
    }

    /// Values per image that reach the first fully connected layer.
    fn features(&self) -> usize {
        let side = SIDE >> self.widths.len();
        self.widths.last().unwrap_or(&1) * side * side
    }

    /// The layers from the images on.
    pub fn layers(&self) -> Vec<Layer> {
        let mut side = SIDE;
        let convolutions = self.convolutions().into_iter().map(|[from, to]| {
            let here = side;
            side /= 2;
            Layer {
                inputs: from * here * here,
                outputs: to * side * side,
                weights: (from * TAPS + 1) * to,
                multiply_adds: from * TAPS * to * here * here,
            }
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
        let mut side = SIDE;
        let convolved = self.widths.iter().map(|width| {
            let convolved = width * side * side;
            side /= 2;
            convolved
        });
        PIXELS
            + outputs
            + match kernels {
                Kernels::Fused => 0,
                // Burn's own operations keep a convolution's output, and what ReLU makes of it.
                Kernels::Reference => 2 * convolved.sum::<usize>(),
            }
    }

    /// Values per image of the largest tensor in a training step.
    pub fn largest_activation(&self, kernels: Kernels) -> usize {
        let mut side = SIDE;
        let blocks = self.widths.iter().map(|width| {
            let convolved = width * side * side;
            side /= 2;
            match kernels {
                Kernels::Fused => width * side * side,
                // Burn's own operations keep the convolution's output at full size.
                Kernels::Reference => convolved,
            }
        });
        let largest = blocks.chain(self.hidden.iter().copied()).max();
        largest.unwrap_or(0).max(PIXELS)
    }

    /// The largest number of values per image that the kernels of a training step count.
    pub fn largest_count(&self) -> usize {
        let sides = (0..).map(|block| SIDE >> block);
        let channels = self.widths.iter().map(|width| width.next_multiple_of(4));
        let blocks = channels
            .zip(sides)
            .map(|(channels, side)| channels * side * side);
        let largest = blocks.chain(self.hidden.iter().copied()).max();
        largest.unwrap_or(0).max(PIXELS)
    }

    /// Whether the model can be built.
    ///
    /// # Errors
    ///
    /// If not: which flag to change.
    pub fn check(&self) -> Result<()> {
        let blocks = self.widths.len();
        ensure!(
            (self.model == ModelKind::Cnn) == (blocks > 0),
            "a cnn model has convolutional blocks and a dense one has none — see --widths"
        );
        ensure!(
            blocks <= SIDE.ilog2() as usize,
            "--widths: {blocks} blocks are too many, each halves the image and {SIDE} pixels allow \
             {} — name fewer",
            SIDE.ilog2()
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
