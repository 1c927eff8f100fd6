//! One model while it learns: the steps of an epoch, and evaluation.

mod evaluation;
mod steps;

use std::time::Instant;

use burn::Tensor;
use burn::module::Module;
use burn::tensor::Device;

use super::pace::Pace;
use super::step_queue::StepQueue;
use super::{
    Callback, Diverged, Metrics, ModelSettings, Position, Settings, State, Step, Tally, Training,
};
use crate::Result;
use crate::error::{bail, ensure};
use crate::model::{Classifier, Implementation, ModelKind};
use crate::ops::adamw::AdamW;
use crate::ops::weights::{flattened, with_weights};
use crate::train::{Batches, DeviceSplit};
use crate::util::text::count;

/// A model with its optimizer. It stays on the thread that made it: a GPU does what one thread asks for in its
/// order, but not what several do.
pub struct Learner {
    settings: ModelSettings,
    epochs: usize,
    batch_size: usize,
    seed: u64,
    implementation: Implementation,
    model: Classifier,
    optimizer: AdamW,
    /// `[classes]`, on the device with autodiff.
    class_weights: Option<Tensor<1>>,
    training: DeviceSplit,
    device: Device,
    position: Position,
    /// Metrics of the epoch so far.
    tally: Tally,
    /// The [`model`](Self::model) until the next step: it is evaluated, and then saved.
    folded: Option<Classifier>,
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
            implementation: run.implementation,
            model: Classifier::new(
                &model.architecture,
                run.implementation,
                run.seed,
                &training_device,
            ),
            training: training.clone(),
            class_weights: class_weights
                .map(|weights| Tensor::from_floats(weights.as_slice(), &training_device)),
            optimizer: run.implementation.adamw(weight_decay, average_decay),
            device: device.clone(),
            position: Position::default(),
            tally: Tally::default(),
            folded: None,
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
        self.state_in_place()?.read()
    }

    /// The same where it is: to be read before the next step, in which a GPU changes the moments whoever holds
    /// them.
    ///
    /// # Errors
    ///
    /// If the device fails.
    pub(crate) fn state_in_place(&mut self) -> Result<State<Tensor<1>>> {
        self.submit();
        let (sums, images) = self.tally.sums()?;
        Ok(State {
            position: Position {
                sums,
                images,
                ..self.position
            },
            weights: flattened(&self.model),
            optimizer: self.optimizer.state(),
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
        self.folded = None;
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
}
