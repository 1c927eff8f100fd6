//! Named settings.

use serde::{Deserialize, Serialize};

use super::schedule::Decay;
use super::{ClassWeights, ModelSettings, Training};
use crate::dataset::{ImageShape, Spec};
use crate::model::{Architecture, ModelKind};
use crate::ops::gather::{Augment, Normalization};

/// Images per step of most recipes.
pub const BATCH_SIZE: usize = 128;

/// Images to train on from which an epoch has steps enough.
const MANY: usize = 10_000;

/// Training images that every recipe holds out to validate with.
pub const VALIDATION_IMAGES: usize = 5_000;

/// How well, and for how long, models are trained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recipe {
    /// Adam with a fixed learning rate, no tricks: 10 epochs.
    Plain,
    /// The best accuracy that 10 epochs give.
    #[default]
    Standard,
    /// The best accuracy, as long as it takes.
    Best,
    /// What photographs want, of which there are few: small batches, shifted and blended, nothing mirrored;
    /// 60 epochs.
    Pictures,
}

impl Recipe {
    /// Its name in tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Standard => "standard",
            Self::Best => "best",
            Self::Pictures => "pictures",
        }
    }

    /// Passes over the training images.
    pub fn epochs(self) -> usize {
        match self {
            Self::Plain | Self::Standard => 10,
            Self::Best => 100,
            Self::Pictures => 60,
        }
    }

    /// Images per step, of so many to train on. Learning rates are those for [`BATCH_SIZE`] images, and are
    /// scaled by the root of the ratio.
    pub fn batch_size(self, images: usize) -> usize {
        match self {
            // Of few images there are few steps in an epoch.
            Self::Pictures if images < MANY => 32,
            _ => BATCH_SIZE,
        }
    }

    /// What it trains on such images, and how. Of large images the first hidden layer is narrower, so that the
    /// model has no more parameters than one may have.
    pub fn model(self, kind: ModelKind, spec: Spec) -> ModelSettings {
        let plain = ModelSettings {
            architecture: Architecture::of(kind, spec),
            training: Training::PLAIN,
        };
        let model = match self {
            Self::Plain => plain,
            Self::Standard => standard(plain),
            Self::Best => best(plain),
            Self::Pictures => pictures(plain),
        };
        ModelSettings {
            architecture: model.architecture.narrowed(),
            ..model
        }
    }
}

/// Ten epochs are too few for dropout and strong augmentation: what counts is to arrive at all.
/// Mirrored images help the CNN but not the dense model, and centred pixels the other way round.
fn standard(plain: ModelSettings) -> ModelSettings {
    let kind = plain.architecture.model;
    let training = Training {
        learning_rate: 2e-3,
        warm_up_epochs: 1.0,
        decay: Decay::Cosine,
        weight_decay: 0.05,
        average_decay: Some(0.99),
        label_smoothing: 0.05,
        dropout: 0.0,
        class_weights: ClassWeights::None,
        augment: Augment::NONE,
    };
    match kind {
        ModelKind::Dense => ModelSettings {
            architecture: Architecture {
                hidden: vec![512, 256],
                normalization: Normalization::Centered,
                ..plain.architecture
            },
            training,
        },
        ModelKind::Cnn => ModelSettings {
            architecture: Architecture {
                channel_norm: true,
                ..plain.architecture
            },
            training: Training {
                learning_rate: 3e-3,
                augment: Augment {
                    flip: true,
                    ..Augment::NONE
                },
                ..training
            },
        },
    }
}

/// With more epochs the models would know the images by heart: shifted ones are never the same twice.
/// The dense model has no use for mirrored or erased ones. There is time for a smaller learning rate.
fn best(plain: ModelSettings) -> ModelSettings {
    let standard = standard(plain);
    let (dropout, augment) = match standard.architecture.model {
        ModelKind::Dense => (0.05, Augment::NONE),
        ModelKind::Cnn => {
            let erased = Augment {
                flip: true,
                erase: 50,
                erase_side: half_a_side(standard.architecture.input),
                ..Augment::NONE
            };
            (0.3, erased)
        }
    };
    ModelSettings {
        training: Training {
            learning_rate: 1e-3,
            average_decay: Some(0.999),
            dropout,
            augment: Augment {
                shift: 1,
                ..augment
            },
            ..standard.training
        },
        ..standard
    }
}

/// Nothing is mirrored: that would make another of a digit or a sign. The CNN would know a few hundred pictures by
/// heart; shifted and blended ones it does not. The dense model has no use for these.
fn pictures(plain: ModelSettings) -> ModelSettings {
    let standard = standard(plain);
    let side = standard
        .architecture
        .input
        .height
        .min(standard.architecture.input.width);
    let augment = match standard.architecture.model {
        ModelKind::Dense => Augment::NONE,
        ModelKind::Cnn => Augment {
            shift: u8::try_from(side / 16).unwrap_or(u8::MAX),
            mixup: 50,
            ..Augment::NONE
        },
    };
    ModelSettings {
        training: Training {
            augment,
            ..standard.training
        },
        ..standard
    }
}

/// Half of the smaller side of an image.
fn half_a_side(shape: ImageShape) -> u8 {
    u8::try_from(shape.height.min(shape.width) / 2).unwrap_or(u8::MAX)
}
