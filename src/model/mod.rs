//! The two classifiers, and what training needs of them.

mod cnn;
mod dense;
mod init;
mod linear;

use burn::Tensor;
use burn::module::Module;
use burn::tensor::Device;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::dataset::PIXELS;

pub use cnn::Cnn;
pub use dense::Dense;
pub use linear::Linear;

/// Which of the two models.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum ModelKind {
    /// 784 → 128 ReLU → 10.
    Dense,
    /// Two conv + ReLU + max-pool blocks → 128 ReLU → 10.
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

impl ModelKind {
    /// Values per image of the largest tensor in a training step.
    pub fn largest_activation(self, kernels: Kernels) -> usize {
        match (self, kernels) {
            (Self::Dense, _) => PIXELS,
            (Self::Cnn, Kernels::Fused) => cnn::WIDTHS[0] * PIXELS / 4,
            // Burn's own operations keep the convolution's output at full size.
            (Self::Cnn, Kernels::Reference) => cnn::WIDTHS[0] * PIXELS,
        }
    }
}

impl std::fmt::Display for ModelKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

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

/// One of the models with its weights: images in, logits out.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // a run has two of them
pub enum Classifier {
    /// The dense network.
    Dense(Dense),
    /// The convolutional network.
    Cnn(Cnn),
}

impl Classifier {
    /// A model with fresh weights on `device`.
    ///
    /// The weights depend on `kind` and `seed` alone: they are drawn on the host,
    /// so that every backend starts from the same ones.
    pub fn new(kind: ModelKind, kernels: Kernels, seed: u64, device: &Device) -> Self {
        match kind {
            ModelKind::Dense => Self::Dense(Dense::new(kernels, seed, device)),
            ModelKind::Cnn => Self::Cnn(Cnn::new(kernels, seed, device)),
        }
    }

    /// Logits `[batch, 10]` of images `[batch, 1, 28, 28]` with pixels in [0, 1].
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        match self {
            Self::Dense(model) => model.forward(images),
            Self::Cnn(model) => model.forward(images),
        }
    }
}
