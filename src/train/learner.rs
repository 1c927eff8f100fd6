//! One model while it learns: the steps of an epoch, and evaluation.

use std::time::Instant;

use anyhow::{Result, bail, ensure};
use burn::Tensor;
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::Device;
use burn_wgpu::CubeBackend;

use super::inference::{EVALUATION_BATCH, Inference};
use super::pace::Pace;
use super::step_queue::StepQueue;
use super::{
    Callback, Diverged, Metrics, ModelSettings, Position, Settings, State, Step, Tally, Training,
};
use crate::device::{self, recorder};
use crate::model::{Classifier, Kernels, ModelKind, Probabilities};
use crate::ops::adamw::{AdamW, Buffers};
use crate::ops::dropout::Dropout;
use crate::ops::weights::{flattened, with_weights};
use crate::train::{Batch, Batches, DeviceSplit};
use crate::util::text::count;

/// Batches of training images on which the normalisation is measured for inference, at most: the error
/// of a channel's mean square over 2,000 images is far below 1 %.
const FOLDING_BATCHES: usize = 16;
/// Pixels of so many images in each place of these batches: what is kept of larger ones would take
/// hundreds of megabytes.
const FOLDING_PIXELS: usize = 16 * 1024;

/// A model with its optimizer. It stays on the thread that made it: a GPU does what one thread asks for in its
/// order, but not what several do.
pub struct Learner {
    settings: ModelSettings,
    epochs: usize,
    batch_size: usize,
    seed: u64,
    kernels: Kernels,
    model: Classifier,
    optimizer: AdamW,
    /// `[classes]`, on the device with autodiff.
    class_weights: Option<Tensor<1>>,
    training: DeviceSplit,
    device: Device,
    position: Position,
    /// Of the epoch so far.
    tally: Tally,
    /// Steps that wait to be submitted together, where that can be done.
    queue: Option<StepQueue>,
    /// Whether it was tried.
    has_tried_queue: bool,
}

impl Learner {
    /// A model with fresh weights on `device`, which is without autodiff, to be trained on the images
    /// of `training`.
    pub fn new(
        model: &ModelSettings,
        run: &Settings,
        training: &DeviceSplit,
        device: &Device,
    ) -> Self {
        let Training {
            weight_decay,
            average_decay,
            class_weights,
            label_smoothing,
            ..
        } = model.training;
        let training_device = device.clone().autodiff();
        let class_weights = class_weights.of(training.class_counts(), label_smoothing);
        Self {
            settings: model.clone(),
            epochs: run.epochs,
            batch_size: run.batch_size,
            seed: run.seed,
            kernels: run.kernels,
            model: Classifier::new(&model.architecture, run.kernels, run.seed, &training_device),
            training: training.clone(),
            class_weights: class_weights
                .map(|weights| Tensor::from_floats(weights.as_slice(), &training_device)),
            optimizer: run.kernels.adamw(weight_decay, average_decay),
            device: device.clone(),
            position: Position::default(),
            tally: Tally::default(),
            queue: None,
            has_tried_queue: false,
        }
    }

    /// All that its further course depends on.
    ///
    /// # Errors
    ///
    /// If the device fails.
    pub fn state(&mut self) -> Result<State> {
        self.submit();
        let (sums, images) = self.tally.sums()?;
        let weights = flattened(&self.model).into_iter().map(device::read);
        Ok(State {
            position: Position {
                sums,
                images,
                ..self.position
            },
            weights: weights.collect::<Result<_>>()?,
            optimizer: self.optimizer.state()?,
        })
    }

    /// Goes on from the state of a learner with the same settings and images, bit for bit as that
    /// one would.
    ///
    /// # Errors
    ///
    /// If the state is that of another model.
    pub fn restore(&mut self, state: State) -> Result<()> {
        let position = state.position;
        let steps = self.training.len().div_ceil(self.batch_size);
        ensure!(
            position.epochs <= self.epochs,
            "it was trained for longer, for {} — go on with --epochs {}",
            count(position.epochs, "epoch"),
            position.epochs
        );
        ensure!(
            position.steps <= steps
                && position.images == (position.steps * self.batch_size).min(self.training.len())
                && state.optimizer.time == position.epochs * steps + position.steps,
            "it does not hold the training as it was after step {} of epoch {}",
            position.steps,
            position.epochs + 1
        );
        let model = std::mem::replace(&mut self.model, Classifier::empty());
        self.model = with_weights(model, state.weights)?;
        self.optimizer.restore(&self.model, state.optimizer)?;
        self.tally = Tally::restored(position.sums, position.images, &self.device);
        // What waits is of the state before.
        (self.queue, self.has_tried_queue) = (None, false);
        self.position = position;
        Ok(())
    }

    /// How far it has come. Sums and images of a begun epoch are in [`state`](Self::state) only.
    pub fn position(&self) -> Position {
        self.position
    }

    /// Which model it is.
    pub fn kind(&self) -> ModelKind {
        self.settings.architecture.model
    }

    /// The model as it stands, for inference: with averaged weights if the recipe averages, and with
    /// the normalisation folded into them.
    pub fn model(&mut self) -> Classifier {
        self.submit();
        let normalization = self.settings.architecture.normalization;
        let batches = self
            .training
            .batches(EVALUATION_BATCH)
            .normalized(normalization);
        let pixels = self.settings.architecture.input.pixels();
        let enough = (FOLDING_PIXELS / pixels).clamp(1, FOLDING_BATCHES);
        let images = batches.take(enough).map(|batch| batch.images);
        self.optimizer.averaged(self.model.valid()).folded(images)
    }

    /// The model in the form that is trained, without autodiff.
    pub fn training_model(&mut self) -> Classifier {
        self.submit();
        self.model.valid()
    }

    /// Number of the model's trainable weights.
    pub fn parameters(&self) -> usize {
        self.model.num_params()
    }

    /// The batches of an epoch, counted from 1, as the recipe wants them.
    pub fn batches(&self, epoch: usize) -> Batches {
        let training = self.training.epoch(self.batch_size, self.seed, epoch);
        let Training {
            augment,
            label_smoothing,
            ..
        } = self.settings.training;
        let normalization = self.settings.architecture.normalization;
        let training = training.normalized(normalization).augmented(augment);
        training.smoothed(label_smoothing)
    }

    /// Trains until the end of the epoch; returns the metrics that the model had on each batch
    /// before it learned from it, and the seconds it took. `callback` sees the learner after each step.
    ///
    /// # Errors
    ///
    /// If the device or `callback` fails; [`Diverged`] if the loss is no longer a finite number.
    pub fn train_epoch(&mut self, callback: &mut impl Callback) -> Result<(Metrics, f64)> {
        let epoch = self.position.epochs + 1;
        let batches = self.batches(epoch);
        let steps = batches.len();
        let schedule = self.settings.training.schedule(self.epochs, steps);
        let mut batches = batches.starting_at(self.position.steps);
        callback.before_epoch(self, batches.images_before())?;
        let mut pace = Pace::new();
        let mut clock = Instant::now();
        loop {
            let step_of_run = (epoch - 1) * steps + self.position.steps;
            let learning_rate = schedule.learning_rate(step_of_run);
            let Some(images) = self.advance(&mut batches, step_of_run, learning_rate) else {
                break;
            };
            self.position.steps += 1;

            let mut running = None;
            if pace.is_due() {
                running = Some(self.read()?);
                self.set_step_seconds(pace.note_read());
            }
            self.count(&mut clock);
            callback.after_step(self, &Step { images, running })?;
            clock = Instant::now();
        }
        let metrics = self.read()?;
        self.count(&mut clock);
        let seconds = self.position.seconds;
        self.position = Position {
            epochs: epoch,
            busy_seconds: self.position.busy_seconds,
            ..Position::default()
        };
        self.tally = Tally::default();
        Ok((metrics, seconds))
    }

    /// Counts the time since `clock` as training.
    fn count(&mut self, clock: &mut Instant) {
        let now = Instant::now();
        let seconds = now.duration_since(*clock).as_secs_f64();
        *clock = now;
        self.position.seconds += seconds;
        self.position.busy_seconds += seconds;
    }

    /// The metrics of the epoch so far, which must be finite.
    fn read(&mut self) -> Result<Metrics> {
        self.wait()?;
        let metrics = self.tally.read()?;
        if !metrics.loss.is_finite() {
            // From the first loss that is not, no other is.
            let ([.., finite], _) = self.tally.sums()?;
            bail!(Diverged {
                model: self.kind(),
                epoch: self.position.epochs + 1,
                step: (finite as usize).saturating_add(1).min(self.position.steps),
                what: "its loss is no longer a finite number",
            });
        }
        Ok(metrics)
    }

    /// Takes step number `step` of the run, counted from 0, on the next batch of an epoch; returns how many
    /// images it has, none after the last one. Its metrics are added to those of the epoch.
    ///
    /// On a GPU, steps may wait until several can be submitted together, at the latest when somebody asks for
    /// what they change.
    pub fn advance(
        &mut self,
        batches: &mut Batches,
        step: usize,
        learning_rate: f64,
    ) -> Option<usize> {
        let images = batches.peek()?.len as usize;
        if !self.can_queue(batches, images) {
            self.submit();
            let batch = batches.next()?;
            let mut tally = std::mem::take(&mut self.tally);
            self.step(&batch, step, learning_rate, &mut tally);
            self.tally = tally;
            return Some(images);
        }
        if self
            .queue
            .as_ref()
            .is_some_and(|queue| !queue.takes(batches))
        {
            self.submit();
        }
        if let Some(queue) = &mut self.queue {
            let dropout = Dropout::new(self.settings.training.dropout, self.seed, step as u64);
            let step = self.optimizer.next_step(learning_rate);
            queue.push(batches, &step, dropout);
            self.tally.count(images);
            if queue.is_full() {
                self.submit();
            }
        }
        Some(images)
    }

    /// Whether the step on such a batch can wait to be submitted with others.
    fn can_queue(&mut self, batches: &Batches, images: usize) -> bool {
        let is_whole = images == self.batch_size && !batches.is_streamed();
        if !is_whole || self.kernels != Kernels::Fused || recorder::is_recording() {
            return false;
        }
        if !self.has_tried_queue {
            self.has_tried_queue = true;
            let weights = self.class_weights.as_ref();
            self.queue = StepQueue::new(&self.settings, batches, images, weights, &self.device);
        }
        self.queue.is_some()
    }

    /// Submits the steps that wait.
    pub fn submit(&mut self) {
        let Some(queue) = self.queue.as_mut().filter(|queue| !queue.is_empty()) else {
            return;
        };
        let total = self.tally.total(&self.device);
        let total = total.try_into_primitive::<CubeBackend>();
        let total = total.expect("a learner is on one device");
        let model = std::mem::replace(&mut self.model, Classifier::empty());
        let work = |buffers: Buffers| queue.submit(&buffers, &total);
        self.model = self.optimizer.in_place(model, work);
    }

    /// Submits the steps that wait, and waits for the device to take all.
    ///
    /// # Errors
    ///
    /// If the device fails.
    pub fn wait(&mut self) -> Result<()> {
        self.submit();
        if let Some(queue) = &self.queue {
            queue.wait();
        }
        device::wait(&self.device)
    }

    /// Steps that are submitted together.
    pub fn together(&self) -> usize {
        self.queue.as_ref().map_or(1, StepQueue::together)
    }

    /// Says how many seconds a step takes, as far as is known, by which it is decided how many are submitted
    /// together.
    pub fn set_step_seconds(&mut self, seconds: f64) {
        if let Some(queue) = &mut self.queue {
            queue.set_step_seconds(seconds);
        }
    }

    /// Bytes that it takes on a GPU besides Burn's.
    pub fn bytes_besides(&self) -> u64 {
        self.queue.as_ref().map_or(0, StepQueue::bytes)
    }

    /// Forward, loss, backward, update: step number `step` of the run, counted from 0. The batch's
    /// metrics are added to `tally`. This is what [`advance`](Self::advance) does, by Burn's operations.
    pub fn step(&mut self, batch: &Batch, step: usize, learning_rate: f64, tally: &mut Tally) {
        self.submit();
        let mut dropout = Dropout::new(self.settings.training.dropout, self.seed, step as u64);
        let images = batch.images.clone().autodiff();
        let logits = self.model.forward_training(images, &mut dropout);
        let targets = batch.targets.clone().autodiff();
        let weights = self.class_weights.clone();
        let (loss, sums) = self.kernels.cross_entropy(logits, targets, weights);
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
            kernels: self.kernels,
            flip_average: false,
        }
    }
}
