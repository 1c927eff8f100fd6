//! Evaluates a learner's model on images that it was not trained on.

use std::time::Instant;

use burn::module::Module;

use super::Learner;
use crate::Result;
use crate::error::ensure;
use crate::model::{Classifier, Probabilities};
use crate::ops::gather::Augment;
use crate::train::inference::{EVALUATION_BATCH, Inference};
use crate::train::{Batches, DeviceSplit, Diverged, Metrics};

/// Batches of training images on which the normalisation is measured for inference, at most: the error
/// of a channel's mean square over 2,000 images is far below 1 %.
const FOLDING_BATCHES: usize = 16;
/// Pixels of so many images in each place of these batches: what is kept of larger ones would take
/// hundreds of megabytes.
const FOLDING_PIXELS: usize = 16 * 1024;
/// How many times fewer augmented images do: what they bound is bounded by a factor, not measured.
const AUGMENTED_DIVISOR: usize = 4;

impl Learner {
    /// The model as it stands, for inference: with averaged weights if the recipe averages, and with
    /// the normalisation [folded](Classifier::folded) into them.
    pub fn model(&mut self) -> Classifier {
        self.submit();
        if let Some(model) = &self.folded {
            return model.clone();
        }
        let settings = &self.settings;
        let normalization = settings.architecture.normalization;
        let images = |batches: Batches, count| {
            let batches = batches.normalized(normalization).take(count);
            batches.map(|batch| batch.images)
        };
        let pixels = settings.architecture.input.pixels();
        let enough = (FOLDING_PIXELS / pixels).clamp(1, FOLDING_BATCHES);
        let plain = self.training.batches(EVALUATION_BATCH);
        // Of large images there is one batch only, and this is a quarter of it.
        let batch_size = EVALUATION_BATCH * enough.min(AUGMENTED_DIVISOR) / AUGMENTED_DIVISOR;
        let augmented = self.training.epoch(batch_size, self.seed, 0);
        let augmented = augmented.augmented(settings.training.augment);
        let count = match settings.training.augment {
            Augment::NONE => 0,
            _ => enough.div_ceil(AUGMENTED_DIVISOR),
        };
        let model = self.optimizer.averaged(self.model.valid());
        let folded = model.folded(images(plain, enough), images(augmented, count));
        self.folded.insert(folded).clone()
    }

    /// Loss and accuracy on `split`.
    ///
    /// # Errors
    ///
    /// If the device fails; [`Diverged`] if the loss is no longer a finite number.
    pub fn evaluate(&mut self, split: &DeviceSplit) -> Result<Metrics> {
        let started = Instant::now();
        let metrics = self.inference().evaluate(split)?;
        self.count_evaluation(started, metrics)
    }

    /// The same, and what the model says of each image.
    ///
    /// # Errors
    ///
    /// As of [`evaluate`](Self::evaluate).
    pub fn predict(&mut self, split: &DeviceSplit) -> Result<(Metrics, Probabilities)> {
        let started = Instant::now();
        let (metrics, probabilities) = self.inference().predict(split)?;
        Ok((self.count_evaluation(started, metrics)?, probabilities))
    }

    fn count_evaluation(&mut self, started: Instant, metrics: Metrics) -> Result<Metrics> {
        ensure!(
            metrics.loss.is_finite(),
            Diverged {
                model: self.kind(),
                epoch: self.position.epochs,
                step: 0,
                what: "its loss on images it has not seen is not a finite number",
            }
        );
        self.position.busy_seconds += started.elapsed().as_secs_f64();
        Ok(metrics)
    }

    fn inference(&mut self) -> Inference {
        Inference {
            model: self.model(),
            normalization: self.settings.architecture.normalization,
            implementation: self.implementation,
            flip_average: false,
        }
    }
}
