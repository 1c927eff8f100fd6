//! Tells the [`Progress`] of a run how far its training is.

use serde::Serialize;

use super::progress::{ModelProgress, Progress};
use crate::Result;
use crate::model::ModelKind;
use crate::train::history::{EpochRecord, History};
use crate::train::{Callback, Learner, Metrics, Settings, Step};

/// Shows what the training tells.
pub struct ProgressCallback {
    progress: Progress,
    seed: u64,
    models: Vec<(ModelKind, ModelProgress)>,
}

/// An epoch for programs, which may hear of several runs by turns.
#[derive(Serialize)]
struct EpochOfRun<'a> {
    seed: u64,
    #[serde(flatten)]
    record: &'a EpochRecord,
}

impl ProgressCallback {
    /// Shows a run with these settings.
    pub fn new(progress: Progress, settings: &Settings) -> Self {
        let models = settings.kinds();
        let models = models.map(|kind| (kind, progress.model(kind.name())));
        Self {
            models: models.collect(),
            seed: settings.seed,
            progress,
        }
    }

    /// Has `say` tell the user a line about the run.
    pub fn say(&self, say: &dyn Fn(&str), line: &str) {
        self.progress.say(say, line);
    }

    /// Shows where the training of these goes on, of which some epochs may be over.
    pub fn resume(&mut self, learners: &[Learner]) {
        for learner in learners {
            if let Some(progress) = self.of(learner) {
                progress.resume(learner.position().epochs);
            }
        }
    }

    fn of(&mut self, learner: &Learner) -> Option<&mut ModelProgress> {
        let mut models = self.models.iter_mut();
        let (_, progress) = models.find(|(kind, _)| *kind == learner.kind())?;
        Some(progress)
    }
}

impl Callback for ProgressCallback {
    fn before_epoch(&mut self, learner: &mut Learner, images: usize) -> Result<()> {
        if let Some(progress) = self.of(learner) {
            progress.begin_epoch(learner.position().epochs + 1, images);
        }
        Ok(())
    }

    fn after_step(&mut self, learner: &mut Learner, step: &Step) -> Result<()> {
        let figures = |metrics: Metrics| (metrics.loss, metrics.accuracy);
        if let Some(progress) = self.of(learner) {
            progress.advance(step.images, step.running.map(figures));
        }
        Ok(())
    }

    fn after_epoch(&mut self, learner: &mut Learner, history: &History) -> Result<()> {
        let Some(record) = history.records.last() else {
            return Ok(());
        };
        let seed = self.seed;
        self.progress.event("epoch", &EpochOfRun { seed, record });
        if let Some(progress) = self.of(learner) {
            progress.end_epoch(record);
        }
        Ok(())
    }
}
