//! Everything that a training run depends on besides the dataset and the device.

use serde::{Deserialize, Serialize};

use super::recipe::Recipe;
use super::schedule::{Decay, Schedule};
use crate::gather::Augment;
use crate::model::{Architecture, Kernels, ModelKind};

/// The settings of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// What the settings started from.
    pub recipe: Recipe,
    /// The models to train.
    pub models: Vec<ModelSettings>,
    /// Passes over the training images.
    pub epochs: usize,
    /// Images per step; an epoch's last batch may be smaller.
    pub batch_size: usize,
    /// Train on the first `samples` images only.
    pub samples: Option<usize>,
    /// Source of the initial weights, of the order of the images, and of all that is random.
    pub seed: u64,
    /// The project's kernels or Burn's own operations.
    pub kernels: Kernels,
}

/// One model, and how it is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelSettings {
    /// Its layers.
    #[serde(flatten)]
    pub architecture: Architecture,
    /// How it learns.
    #[serde(flatten)]
    pub training: Training,
}

/// How a model is trained.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// Largest step size of AdamW.
    pub learning_rate: f64,
    /// Epochs over which the step size grows to that.
    pub warm_up_epochs: f64,
    /// What the step size does after the warm-up.
    pub decay: Decay,
    /// Decoupled weight decay: a step takes `learning_rate * weight_decay` of each weight.
    pub weight_decay: f64,
    /// Decay of the running average of the weights, which evaluation uses; none without averaging.
    pub average_decay: Option<f64>,
    /// How much of a target is spread over all classes: "Rethinking the Inception Architecture for
    /// Computer Vision" (Szegedy et al., 2016).
    pub label_smoothing: f64,
    /// Probability with which an activation before a fully connected layer is dropped.
    pub dropout: f64,
    /// Random changes to the images.
    pub augment: Augment,
}

impl Settings {
    /// Which models are trained, in the order in which they are shown.
    pub fn kinds(&self) -> impl Iterator<Item = ModelKind> {
        self.models.iter().map(|model| model.architecture.model)
    }
}

impl Training {
    /// Adam with a fixed step size, and no tricks.
    pub const PLAIN: Self = Self {
        learning_rate: 1e-3,
        warm_up_epochs: 0.0,
        decay: Decay::Constant,
        weight_decay: 0.0,
        average_decay: None,
        label_smoothing: 0.0,
        dropout: 0.0,
        augment: Augment::NONE,
    };

    /// The step sizes of a run of so many epochs.
    pub fn schedule(&self, epochs: usize, steps_per_epoch: usize) -> Schedule {
        Schedule {
            peak: self.learning_rate,
            warm_up_steps: (self.warm_up_epochs * steps_per_epoch as f64).round() as usize,
            decay: self.decay,
            steps: epochs * steps_per_epoch,
        }
    }
}
