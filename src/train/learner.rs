//! One model while it learns: the steps of an epoch, and evaluation.

use std::time::Instant;

use anyhow::{Context, Result};
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::Device;
use burn::tensor::activation::softmax;

use super::pace::Pace;
use super::progress::{ModelProgress, Progress};
use super::{Metrics, ModelSettings, Settings, Tally, Training};
use crate::adamw::AdamW;
use crate::dataset::{Batch, Batches, DeviceSplit};
use crate::dropout::Dropout;
use crate::gather::Pixels;
use crate::model::{Classifier, Kernels, ModelKind};

/// Images per batch where nothing is learned. Fixed, so that sums round the same way each time; it
/// divides the usual splits, and its tensors stay in the allocator's hands, which makes the CPU
/// twice as fast as batches of 250.
const EVALUATION_BATCH: usize = 125;

/// Batches of training images on which the normalisation is measured for inference: the error of
/// a channel's mean square over 2,000 images is far below 1 %.
const FOLDING_BATCHES: usize = 16;

/// A model with its optimizer.
pub struct Learner {
    settings: ModelSettings,
    epochs: usize,
    batch_size: usize,
    seed: u64,
    kernels: Kernels,
    model: Classifier,
    optimizer: AdamW,
    training: DeviceSplit,
    device: Device,
    progress: ModelProgress,
    /// Seconds of training and evaluation.
    busy_seconds: f64,
}

impl Learner {
    /// A model with fresh weights on `device`, which is without autodiff, to be trained on the images
    /// of `training`.
    pub fn new(
        model: &ModelSettings,
        run: &Settings,
        training: &DeviceSplit,
        device: &Device,
        progress: &Progress,
    ) -> Self {
        let Training {
            weight_decay,
            average_decay,
            ..
        } = model.training;
        let training_device = device.clone().autodiff();
        Self {
            settings: model.clone(),
            epochs: run.epochs,
            batch_size: run.batch_size,
            seed: run.seed,
            kernels: run.kernels,
            model: Classifier::new(&model.architecture, run.kernels, run.seed, &training_device),
            training: training.clone(),
            optimizer: run.kernels.adamw(weight_decay, average_decay),
            device: device.clone(),
            progress: progress.model(model.architecture.model.name()),
            busy_seconds: 0.0,
        }
    }

    /// Which model it is.
    pub fn kind(&self) -> ModelKind {
        self.settings.architecture.model
    }

    /// The model as it stands, for inference: with averaged weights if the recipe averages, and with
    /// the normalisation folded into them.
    pub fn model(&self) -> Classifier {
        let pixels = self.settings.architecture.pixels;
        let batches = self.training.batches(EVALUATION_BATCH).scaled(pixels);
        let images = batches.take(FOLDING_BATCHES).map(|batch| batch.images);
        self.optimizer.averaged(self.model.valid()).folded(images)
    }

    /// The model in the form that is trained, without autodiff.
    pub fn training_model(&self) -> Classifier {
        self.model.valid()
    }

    /// Number of the model's trainable weights.
    pub fn parameters(&self) -> usize {
        self.model.num_params()
    }

    /// Its line in the terminal.
    pub fn progress(&mut self) -> &mut ModelProgress {
        &mut self.progress
    }

    /// The batches of an epoch, counted from 1, as the recipe wants them.
    pub fn batches(&self, epoch: usize) -> Batches {
        let training = self.training.epoch(self.batch_size, self.seed, epoch);
        let Training {
            augment,
            label_smoothing,
            ..
        } = self.settings.training;
        let pixels = self.settings.architecture.pixels;
        let training = training.scaled(pixels).augmented(augment);
        training.smoothed(label_smoothing)
    }

    /// Trains on every image once; returns the metrics that the model had on each
    /// batch before it learned from it, and the seconds it took.
    ///
    /// # Errors
    ///
    /// If the device fails.
    pub fn train_epoch(&mut self, epoch: usize) -> Result<(Metrics, f64)> {
        let started = Instant::now();
        self.progress.begin_epoch(epoch);
        let batches = self.batches(epoch);
        let steps = batches.len();
        let schedule = self.settings.training.schedule(self.epochs, steps);
        let mut tally = Tally::default();
        let mut pace = Pace::new();
        for (step, batch) in batches.enumerate() {
            let step_of_run = (epoch - 1) * steps + step;
            let learning_rate = schedule.learning_rate(step_of_run);
            self.step(&batch, step_of_run, learning_rate, &mut tally);

            let mut running = None;
            if pace.is_due() {
                let metrics = tally.read()?;
                pace.has_read();
                running = Some((metrics.loss, metrics.accuracy));
            }
            self.progress.advance(batch.len(), running);
        }
        let metrics = tally.read()?;
        self.device
            .sync()
            .context("the device failed in training")?;
        let seconds = started.elapsed().as_secs_f64();
        self.busy_seconds += seconds;
        Ok((metrics, seconds))
    }

    /// Forward, loss, backward, update: step number `step` of the run, counted from 0. The batch's
    /// metrics are added to `tally`.
    pub fn step(&mut self, batch: &Batch, step: usize, learning_rate: f64, tally: &mut Tally) {
        let mut dropout = Dropout::new(self.settings.training.dropout, self.seed, step as u64);
        let images = batch.images.clone().autodiff();
        let logits = self.model.forward_training(images, &mut dropout);
        let targets = batch.targets.clone().autodiff();
        let (loss, sums) = self.kernels.cross_entropy(logits, targets);
        tally.add(sums.inner(), batch.len());
        let gradients = GradientsParams::from_grads(loss.backward(), &self.model);
        // The optimizer works in place on a model that nobody else holds.
        let model = std::mem::replace(&mut self.model, Classifier::empty());
        self.model = self.optimizer.step(learning_rate, model, gradients);
    }

    /// Loss and accuracy on `split`.
    ///
    /// # Errors
    ///
    /// If the device fails.
    pub fn evaluate(&mut self, split: &DeviceSplit) -> Result<Metrics> {
        let started = Instant::now();
        let pixels = self.settings.architecture.pixels;
        let metrics = evaluate(&self.model(), pixels, self.kernels, split, false)?;
        self.busy_seconds += started.elapsed().as_secs_f64();
        Ok(metrics)
    }

    /// Seconds this model has trained and been evaluated for.
    pub fn busy_seconds(&self) -> f64 {
        self.busy_seconds
    }
}

/// Loss and accuracy of `model`, which sees `pixels`, on `split`, without autodiff. With `flip_average` each image is
/// seen twice, as it is and mirrored left to right, and the probabilities are averaged.
///
/// # Errors
///
/// If the device fails.
pub fn evaluate(
    model: &Classifier,
    pixels: Pixels,
    kernels: Kernels,
    split: &DeviceSplit,
    flip_average: bool,
) -> Result<Metrics> {
    let mut tally = Tally::default();
    for batch in split.batches(EVALUATION_BATCH).scaled(pixels) {
        let mut logits = model.forward(batch.images.clone());
        if flip_average {
            let mirrored = model.forward(batch.images.clone().flip([3]));
            // Logits whose softmax is the mean of the two.
            let sum = softmax(logits, 1) + softmax(mirrored, 1);
            logits = (sum / 2.0).log();
        }
        let (_, sums) = kernels.cross_entropy(logits, batch.targets.clone());
        tally.add(sums, batch.len());
    }
    tally.read()
}
