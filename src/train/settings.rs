//! Everything that a training run depends on besides the dataset and the device.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ClassWeights;
use super::recipe::{BATCH_SIZE, Recipe, VALIDATION_IMAGES};
use super::schedule::{Decay, Schedule};
use crate::Result;
use crate::dataset::Spec;
use crate::device::AdapterClass;
use crate::error::ensure;
use crate::model::{Architecture, Implementation, ModelKind};
use crate::ops::gather::{Augment, MAX_CROP};
use crate::program::{self, Parts, Program};
use crate::util::json;

/// Epochs of a run at most: what their history takes stays small beside the weights.
const MAX_EPOCHS: usize = 50_000;
/// Runs of several, far more than anybody waits for.
const MAX_RUNS: usize = 10_000;

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
    /// Images held out of the training set to validate with.
    #[serde(default = "validation_images")]
    pub validation: usize,
    /// Source of the initial weights, of the order of the images, and of all that is random.
    pub seed: u64,
    /// The project's kernels or Burn's own operations.
    #[serde(rename = "kernels")]
    pub implementation: Implementation,
}

/// One model, and how it is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelSettings {
    /// Its layers.
    #[serde(flatten, deserialize_with = "json::flattened")]
    pub architecture: Architecture,
    /// How it learns.
    #[serde(flatten, deserialize_with = "json::flattened")]
    pub training: Training,
}

impl ModelSettings {
    /// The program of a training step on `batch` out of `images`.
    ///
    /// # Panics
    ///
    /// If the model is too large for a batch of this size.
    pub fn program(&self, images: usize, batch: usize, class: AdapterClass) -> Program {
        let parts = Parts {
            dropout: self.training.dropout > 0.0,
            class_weights: !self.training.class_weights.is_none(),
            averaging: self.training.average_decay.is_some(),
        };
        program::train(&self.architecture, parts, images, batch, class)
    }
}

/// How a model is trained.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Training {
    /// Largest learning rate of AdamW.
    pub learning_rate: f64,
    /// Epochs over which the learning rate grows to that.
    pub warm_up_epochs: f64,
    /// What the learning rate does after the warm-up.
    pub decay: Decay,
    /// Decoupled weight decay: a step takes `learning_rate * weight_decay` of each weight.
    pub weight_decay: f64,
    /// Decay of the exponential moving average (EMA) of the weights, which evaluation uses; none
    /// without averaging.
    pub average_decay: Option<f64>,
    /// How much of a target is spread over all classes: "Rethinking the Inception Architecture for
    /// Computer Vision" (Szegedy et al., 2016).
    pub label_smoothing: f64,
    /// Probability with which an activation before a fully connected layer is dropped.
    pub dropout: f64,
    /// How much each class counts in the loss.
    #[serde(default, skip_serializing_if = "ClassWeights::is_none")]
    pub class_weights: ClassWeights,
    /// Random changes to the images.
    pub augment: Augment,
}

/// The default of `validation`, for `config.json` files from before it was recorded.
fn validation_images() -> usize {
    VALIDATION_IMAGES
}

impl Settings {
    /// A recipe as it is, for these models of such images.
    pub fn new(recipe: Recipe, kinds: &[ModelKind], spec: Spec) -> Self {
        let model = |&kind| recipe.model(kind, spec);
        Self {
            recipe,
            models: kinds.iter().map(model).collect(),
            epochs: recipe.epochs(),
            batch_size: BATCH_SIZE,
            samples: None,
            validation: VALIDATION_IMAGES,
            seed: 0,
            implementation: Implementation::Fused,
        }
    }

    /// Which models are trained, in the order in which they are shown.
    pub fn kinds(&self) -> impl Iterator<Item = ModelKind> {
        self.models.iter().map(|model| model.architecture.model)
    }

    /// Whether a run with these settings is possible.
    ///
    /// # Errors
    ///
    /// If not: which setting is out of its range.
    pub fn check(&self) -> Result<()> {
        let kinds: BTreeSet<&str> = self.kinds().map(ModelKind::name).collect();
        ensure!(
            !kinds.is_empty() && kinds.len() == self.models.len(),
            "a run trains each of its models once, and one at least"
        );
        for (name, number) in [
            ("epochs", Some(self.epochs)),
            ("batch_size", Some(self.batch_size)),
            ("samples", self.samples),
            ("validation", Some(self.validation)),
        ] {
            ensure!(number != Some(0), "{name} must be at least 1");
        }
        ensure!(
            self.epochs <= MAX_EPOCHS,
            "epochs: {} are too many — ask for at most {MAX_EPOCHS}",
            self.epochs
        );
        for model in &self.models {
            model.architecture.check()?;
            model.training.check()?;
        }
        Ok(())
    }

    /// The seeds of so many runs, counted up from this one's.
    ///
    /// # Errors
    ///
    /// If there are no runs, too many, or not as many seeds.
    pub fn seeds(&self, runs: usize) -> Result<RangeInclusive<u64>> {
        ensure!(
            runs <= MAX_RUNS,
            "--runs {runs}: these are too many — ask for at most {MAX_RUNS}"
        );
        let more = (runs as u64).checked_sub(1);
        let last = more.and_then(|more| self.seed.checked_add(more));
        let last = last.with_context(|| {
            format!(
                "--runs {runs}: seeds are counted up from --seed {}, and the largest is {} — use a \
                 smaller --seed",
                self.seed,
                u64::MAX
            )
        })?;
        Ok(self.seed..=last)
    }

    /// The flags whose values may have made this model diverge: those far above the recipe's. A step
    /// that takes more than all of a weight away makes it grow, whatever its gradient.
    pub fn suspects(&self, kind: ModelKind) -> &'static str {
        let own = self.models.iter().find(|m| m.architecture.model == kind);
        let Some(ModelSettings {
            architecture,
            training,
        }) = own
        else {
            return "--learning-rate";
        };
        let Training {
            learning_rate,
            weight_decay,
            ..
        } = *training;
        let spec = Spec::new(architecture.input, architecture.classes);
        let usual = self.recipe.model(kind, spec).training;
        let usual_rate = usual.learning_rate * (self.batch_size as f64 / BATCH_SIZE as f64).sqrt();
        let fast = learning_rate > 3.0 * usual_rate;
        let shrunk = weight_decay > usual.weight_decay && learning_rate * weight_decay >= 1.0;
        match (fast, shrunk) {
            (false, true) => "--weight-decay",
            (true, true) => "--learning-rate and --weight-decay",
            (_, false) => "--learning-rate",
        }
    }

    /// The first setting, by its name in `config.json`, that is not the same in `other`, and both
    /// values.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let [ours, theirs] = [self, other].map(|settings| serde_json::to_value(settings).ok());
        difference("", &ours?, &theirs?)
    }
}

fn difference(name: &str, ours: &Value, theirs: &Value) -> Option<String> {
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            let names: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
            names.into_iter().find_map(|key| {
                let value = |of: &Map<String, Value>| of.get(key).cloned().unwrap_or_default();
                let name = if name.is_empty() {
                    key.clone()
                } else {
                    format!("{name}.{key}")
                };
                difference(&name, &value(ours), &value(theirs))
            })
        }
        // The models.
        (Value::Array(ours), Value::Array(theirs))
            if ours.len() == theirs.len() && ours.iter().all(Value::is_object) =>
        {
            let mut pairs = ours.iter().zip(theirs);
            pairs.find_map(|(a, b)| difference(a["model"].as_str().unwrap_or(name), a, b))
        }
        _ => (ours != theirs).then(|| format!("{name} is {ours}, but {theirs} in the run")),
    }
}

impl Training {
    /// Adam with a fixed learning rate, and no tricks.
    pub const PLAIN: Self = Self {
        learning_rate: 2e-3,
        warm_up_epochs: 0.0,
        decay: Decay::Constant,
        weight_decay: 0.0,
        average_decay: None,
        label_smoothing: 0.0,
        dropout: 0.0,
        class_weights: ClassWeights::None,
        augment: Augment::NONE,
    };

    fn check(&self) -> Result<()> {
        let average_decay = self.average_decay.unwrap_or(0.0);
        for (name, value, most) in [
            ("learning_rate", self.learning_rate, f64::MAX),
            ("warm_up_epochs", self.warm_up_epochs, MAX_EPOCHS as f64),
            ("weight_decay", self.weight_decay, f64::MAX),
            ("average_decay", average_decay, 1.0),
            ("label_smoothing", self.label_smoothing, 1.0),
            ("dropout", self.dropout, 1.0),
        ] {
            ensure!((0.0..most).contains(&value), "{name} cannot be {value}");
        }
        let Augment {
            crop,
            erase,
            cutmix,
            mixup,
            color,
            ..
        } = self.augment;
        for (name, percent, most) in [
            ("crop", crop, MAX_CROP),
            ("erase", erase, 100),
            ("cutmix", cutmix, 100),
            ("mixup", mixup, 100),
            ("color", color, 100),
        ] {
            ensure!(percent <= most, "{name} cannot be {percent} percent");
        }
        Ok(())
    }

    /// The learning rates of a run of so many epochs.
    pub fn schedule(&self, epochs: usize, steps_per_epoch: usize) -> Schedule {
        Schedule {
            peak: self.learning_rate,
            warm_up_steps: (self.warm_up_epochs * steps_per_epoch as f64).round() as usize,
            decay: self.decay,
            steps: epochs * steps_per_epoch,
        }
    }
}
