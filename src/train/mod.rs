//! The training loop, the same for every model and every backend.

pub mod history;
mod kernels;
mod learner;
mod pace;
pub mod progress;
pub mod recipe;
pub mod schedule;
mod settings;
mod tally;

use anyhow::{Result, ensure};
use burn::tensor::Device;

use crate::dataset::{Dataset, DeviceSplit, Split};
use history::{EpochRecord, History};
use progress::Progress;

pub use learner::{Learner, evaluate};
pub use settings::{ModelSettings, Settings, Training};
pub use tally::{Metrics, Tally};

/// Images held out of the training set, its last ones, to validate with after each epoch.
pub const VALIDATION_IMAGES: usize = 5_000;

/// Splits the training set into images to train on and images held out for validation.
///
/// # Errors
///
/// If `settings.samples` asks for more images than there are, or too few are left.
pub fn split(settings: &Settings, dataset: &mut Dataset) -> Result<(Split, Split)> {
    let images = dataset.train.len();
    let mut training = std::mem::take(&mut dataset.train);
    let validation = training.split_off_last(VALIDATION_IMAGES);
    ensure!(
        !training.is_empty(),
        "{} has {images} training images, but {VALIDATION_IMAGES} are held out for validation — \
         use a larger dataset",
        dataset.name
    );
    if let Some(samples) = settings.samples {
        ensure!(
            samples <= training.len(),
            "--samples {samples}: {} has {} images to train on ({VALIDATION_IMAGES} more are held \
             out for validation) — ask for fewer",
            dataset.name,
            training.len()
        );
        training.truncate(samples);
    }
    Ok((training, validation))
}

/// Trains the models side by side, epoch by epoch, from fresh weights.
///
/// `after_epoch` sees the history after each epoch of each model.
///
/// # Errors
///
/// If the device fails, or `after_epoch` does.
pub fn train(
    settings: &Settings,
    training: &DeviceSplit,
    validation: &DeviceSplit,
    device: &Device,
    progress: &Progress,
    mut after_epoch: impl FnMut(&History) -> Result<()>,
) -> Result<(Vec<Learner>, History)> {
    let mut learners: Vec<Learner> = settings
        .models
        .iter()
        .map(|model| Learner::new(model, settings, training, device, progress))
        .collect();
    let mut history = History::default();
    for epoch in 1..=settings.epochs {
        for learner in &mut learners {
            let (trained, seconds) = learner.train_epoch(epoch)?;
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
            learner.progress().end_epoch(&record);
            history.push(record);
            after_epoch(&history)?;
        }
    }
    Ok((learners, history))
}
