//! One model while it learns: the steps of an epoch, and evaluation.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer};
use burn::tensor::Device;

use super::progress::{ModelProgress, Progress};
use super::{Metrics, Settings, Tally};
use crate::dataset::{Batch, Split, shuffled};
use crate::model::{Classifier, Kernels, ModelKind};

/// Images per batch where nothing is learned. Fixed, so that sums round the same way each time; it
/// divides the usual splits, and its tensors stay in the allocator's hands, which makes the CPU
/// twice as fast as batches of 250.
const EVALUATION_BATCH: usize = 125;

/// Reading the running metrics waits for the device: not more often than people can read, but
/// often enough that the device's queue of work stays short.
const READ_AFTER: Duration = Duration::from_millis(250);
const READ_AFTER_STEPS: usize = 32;

/// A model with its optimizer.
pub struct Learner {
    kind: ModelKind,
    model: Classifier,
    optimizer: ModuleOptimizer,
    settings: Settings,
    device: Device,
    progress: ModelProgress,
    busy_seconds: f64,
}

impl Learner {
    /// A model with fresh weights on `device`, which is without autodiff.
    pub fn new(kind: ModelKind, settings: &Settings, device: &Device, progress: &Progress) -> Self {
        let training_device = device.clone().autodiff();
        Self {
            kind,
            model: Classifier::new(kind, settings.kernels, settings.seed, &training_device),
            optimizer: settings.kernels.adam(),
            settings: settings.clone(),
            device: device.clone(),
            progress: progress.model(kind.name()),
            busy_seconds: 0.0,
        }
    }

    /// Which model it is.
    pub fn kind(&self) -> ModelKind {
        self.kind
    }

    /// The model as it stands, for inference.
    pub fn model(&self) -> Classifier {
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

    /// Trains on every image of `training` once; returns the metrics that the model had on each
    /// batch before it learned from it, and the seconds it took.
    ///
    /// # Errors
    ///
    /// If the device fails.
    pub fn train_epoch(&mut self, epoch: usize, training: &Split) -> Result<(Metrics, f64)> {
        let started = Instant::now();
        self.progress.begin_epoch(epoch);
        let order = shuffled(training.len(), self.settings.seed, epoch);
        let mut tally = Tally::default();
        let mut last_read = (Instant::now(), 0);
        let mut model = self.model.clone();
        for (step, indices) in order.chunks(self.settings.batch_size).enumerate() {
            let batch = Batch::gather(training, indices, &self.device);
            model = self.stepped(model, &batch, &mut tally);

            let (time, at_step) = last_read;
            let due = time.elapsed() >= READ_AFTER || step - at_step >= READ_AFTER_STEPS;
            let running = if due {
                let metrics = tally.read()?;
                last_read = (Instant::now(), step);
                Some((metrics.loss, metrics.accuracy))
            } else {
                None
            };
            self.progress.advance(batch.len(), running);
        }
        self.model = model;
        let metrics = tally.read()?;
        self.device
            .sync()
            .context("the device failed in training")?;
        let seconds = started.elapsed().as_secs_f64();
        self.busy_seconds += seconds;
        Ok((metrics, seconds))
    }

    /// One step on a batch, whose metrics are added to `tally`. The weights are copied, which
    /// [`Self::train_epoch`] avoids.
    pub fn step(&mut self, batch: &Batch, tally: &mut Tally) {
        self.model = self.stepped(self.model.clone(), batch, tally);
    }

    /// Forward, loss, backward, update. The optimizer works in place on a model that nobody else
    /// holds.
    fn stepped(&mut self, model: Classifier, batch: &Batch, tally: &mut Tally) -> Classifier {
        let logits = model.forward(batch.images.clone().autodiff());
        let targets = batch.targets.clone().autodiff();
        let (loss, sums) = self.settings.kernels.cross_entropy(logits, targets);
        tally.add(sums.inner(), batch.len());
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        self.optimizer
            .step(self.settings.learning_rate, model, gradients)
    }

    /// Loss and accuracy on `split`.
    ///
    /// # Errors
    ///
    /// If the device fails.
    pub fn evaluate(&mut self, split: &Split) -> Result<Metrics> {
        let started = Instant::now();
        let metrics = evaluate(&self.model(), self.settings.kernels, split, &self.device)?;
        self.busy_seconds += started.elapsed().as_secs_f64();
        Ok(metrics)
    }

    /// Seconds this model has trained and been evaluated for.
    pub fn busy_seconds(&self) -> f64 {
        self.busy_seconds
    }
}

/// Loss and accuracy of `model` on `split`, without autodiff.
///
/// # Errors
///
/// If the device fails.
pub fn evaluate(
    model: &Classifier,
    kernels: Kernels,
    split: &Split,
    device: &Device,
) -> Result<Metrics> {
    let order: Vec<u32> = (0..split.len() as u32).collect();
    let mut tally = Tally::default();
    for indices in order.chunks(EVALUATION_BATCH) {
        let batch = Batch::gather(split, indices, device);
        let logits = model.forward(batch.images.clone());
        let (_, sums) = kernels.cross_entropy(logits, batch.targets.clone());
        tally.add(sums, batch.len());
    }
    tally.read()
}
