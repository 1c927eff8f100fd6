//! The training loop, the same for every model and every backend.

mod batches;
mod class_weights;
mod device_split;
pub mod history;
mod implementation;
pub(crate) mod inference;
mod learner;
mod pace;
pub mod recipe;
pub mod schedule;
mod settings;
mod state;
mod step_queue;
mod streamed;
mod tally;

use crate::Result;
use crate::dataset::{Dataset, Split};
use crate::error::ensure;
use crate::util::text::{count, thousands};
use history::{EpochRecord, History};

pub use batches::{Batch, Batches, shuffled};
pub use class_weights::ClassWeights;
pub use device_split::DeviceSplit;
pub use inference::Inference;
pub use learner::Learner;
pub use settings::{ModelSettings, Settings, Training};
pub use state::{Diverged, Elements, Position, State};
pub use tally::{Metrics, Sums, Tally};

/// Takes the images to train on out of a dataset, and those to validate with after each epoch: if it
/// has none of its own, the last ones of the former.
///
/// # Errors
///
/// If `settings.samples` asks for more images than there are, or too few are left.
pub fn split(settings: &Settings, dataset: &mut Dataset) -> Result<(Split, Split)> {
    let (images, held_out) = (dataset.train.len(), settings.validation);
    let none = Split::empty(dataset.train.spec);
    let mut training = std::mem::replace(&mut dataset.train, none);
    let validation = match dataset.validation.take() {
        Some(own) => own,
        None => training.split_off_last(held_out),
    };
    ensure!(
        !training.is_empty(),
        "--validation {held_out}: {} has {}, and none would be left to train on — hold fewer out",
        dataset.name,
        count(images, "training image")
    );
    if let Some(samples) = settings.samples {
        ensure!(
            samples <= training.len(),
            "--samples {samples}: {} has {} to train on, besides {} held out to validate with — ask \
             for at most {}",
            dataset.name,
            count(training.len(), "image"),
            thousands(held_out as u64),
            training.len()
        );
        training.truncate(samples);
    }
    Ok((training, validation))
}

/// A step that was just taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Images in its batch.
    pub images: usize,
    /// Means over the epoch so far, in those steps after which they are read from the device: some
    /// four times a second.
    pub running: Option<Metrics>,
}

/// What happens to a run besides its training. An error ends the training.
///
/// A pair of callbacks is one too: both are called, in this order.
#[allow(unused_variables)] // the names are documentation
pub trait Callback {
    /// Called before the first step of an epoch; of one that was begun before, of which `images`
    /// were trained on, before the first step of its rest.
    ///
    /// # Errors
    ///
    /// If the run must not go on.
    fn before_epoch(&mut self, learner: &mut Learner, images: usize) -> Result<()> {
        Ok(())
    }

    /// Called after each step.
    ///
    /// # Errors
    ///
    /// If the run must not go on.
    fn after_step(&mut self, learner: &mut Learner, step: &Step) -> Result<()> {
        Ok(())
    }

    /// Called after each epoch of each model, when `history` has its record.
    ///
    /// # Errors
    ///
    /// If the run must not go on.
    fn after_epoch(&mut self, learner: &mut Learner, history: &History) -> Result<()> {
        Ok(())
    }
}

/// Nothing happens.
impl Callback for () {}

impl<C: Callback> Callback for &mut C {
    fn before_epoch(&mut self, learner: &mut Learner, images: usize) -> Result<()> {
        (**self).before_epoch(learner, images)
    }

    fn after_step(&mut self, learner: &mut Learner, step: &Step) -> Result<()> {
        (**self).after_step(learner, step)
    }

    fn after_epoch(&mut self, learner: &mut Learner, history: &History) -> Result<()> {
        (**self).after_epoch(learner, history)
    }
}

impl<A: Callback, B: Callback> Callback for (A, B) {
    fn before_epoch(&mut self, learner: &mut Learner, images: usize) -> Result<()> {
        self.0.before_epoch(learner, images)?;
        self.1.before_epoch(learner, images)
    }

    fn after_step(&mut self, learner: &mut Learner, step: &Step) -> Result<()> {
        self.0.after_step(learner, step)?;
        self.1.after_step(learner, step)
    }

    fn after_epoch(&mut self, learner: &mut Learner, history: &History) -> Result<()> {
        self.0.after_epoch(learner, history)?;
        self.1.after_epoch(learner, history)
    }
}

/// Trains the models side by side, epoch by epoch, from where they stand; `history` is that of the
/// epochs behind them.
///
/// # Errors
///
/// If the device or `callback` fails, or a model [diverges](Diverged).
pub fn train(
    epochs: usize,
    learners: &mut [Learner],
    mut history: History,
    validation: &DeviceSplit,
    callback: &mut impl Callback,
) -> Result<History> {
    for epoch in 1..=epochs {
        for learner in learners.iter_mut() {
            if learner.position().epochs >= epoch {
                continue;
            }
            let (trained, seconds) = learner.train_epoch(callback)?;
            let validated = learner.evaluate(validation)?;
            let record = EpochRecord {
                model: learner.kind().name().to_string(),
                epoch,
                train_loss: trained.loss,
                train_accuracy: trained.accuracy,
                validation_loss: validated.loss,
                validation_accuracy: validated.accuracy,
                seconds,
            };
            history.push(record);
            callback.after_epoch(learner, &history)?;
        }
    }
    Ok(history)
}
