//! Saves a run while it trains.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use burn::Tensor;

use crate::Error;
use crate::device;
use crate::ops::adamw;
use crate::ops::weights::flattened;
use crate::run::checkpoint::{Checkpoint, RunIdentity};
use crate::run::interrupt::{self, Interrupted};
use crate::run::{CheckpointKind, RunFolder};
use crate::train::history::{EpochRecord, History};
use crate::train::{Callback, Diverged, Learner, Position, Settings, State, Step};
use crate::util::text::{quoted, shown};

/// Writes checkpoints after each epoch, in long epochs from time to time, and when the run is to end
/// early.
pub struct SaveCallback<'a> {
    /// Where the run is kept.
    pub folder: &'a RunFolder,
    /// What `--resume` takes to go on.
    pub resume: &'a Path,
    /// What `--data-dir` was, which has to be given again.
    pub data_dir: Option<&'a Path>,
    /// The run's settings.
    pub settings: &'a Settings,
    /// Digest of the images to train on.
    pub images: &'a str,
    /// Time between checkpoints within an epoch.
    pub interval: Duration,
    /// Whether a run beside this one has ended early.
    pub ended: &'a AtomicBool,
    /// When the last one was written.
    pub saved: Instant,
    /// The epochs so far.
    pub history: History,
}

impl SaveCallback<'_> {
    /// Saves the training as it stands.
    ///
    /// # Errors
    ///
    /// If it cannot be written; [`Diverged`] if no training can go on from it.
    pub fn save(&mut self, learner: &mut Learner) -> Result<()> {
        // Read part by part: a copy would be as large as all that the training holds.
        let state = learner.state_in_place()?;
        state.check(learner.kind())?;
        let history = self.history.of(learner.kind().name()).cloned();
        self.write(CheckpointKind::Last, learner, state, history.collect())?;
        self.saved = Instant::now();
        Ok(())
    }

    /// Saves the weights to use, and nothing that a clock measured: equal runs leave equal files.
    ///
    /// # Errors
    ///
    /// If they cannot be written.
    pub fn save_model(&self, kept: CheckpointKind, learner: &mut Learner) -> Result<()> {
        let state = State {
            position: Position::default(),
            weights: flattened(&learner.model()),
            optimizer: adamw::State::default(),
        };
        self.write(kept, learner, state, Vec::new())
    }

    fn write(
        &self,
        kept: CheckpointKind,
        learner: &Learner,
        state: State<Tensor<1>>,
        history: Vec<EpochRecord>,
    ) -> Result<()> {
        let model = learner.kind();
        let run = RunIdentity {
            model,
            settings: self.settings.clone(),
            images: self.images.to_string(),
        };
        let checkpoint = Checkpoint {
            run,
            history,
            state,
        };
        self.folder.write_checkpoint(kept, &checkpoint)
    }

    /// Adds to an error of the training what is left of it; [`Error::OutOfMemory`] tells that itself.
    pub fn explain(&self, error: anyhow::Error) -> anyhow::Error {
        let error = Error::from(error);
        // Memory that was missing where weights were read to be written has nothing to do with that file.
        if matches!(error, Error::OutOfMemory(_) | Error::Interrupted(_)) {
            return error.into();
        }
        let mut checkpoints = Vec::new();
        for kind in self.settings.kinds() {
            let path = shown(&self.folder.checkpoint_file(CheckpointKind::Last, kind));
            let position = match self.folder.read_checkpoint(CheckpointKind::Last, kind) {
                Ok(None) => continue,
                Ok(Some(checkpoint)) => checkpoint.state.position,
                Err(_) => {
                    checkpoints.push(format!("{path} (which cannot be read now)"));
                    continue;
                }
            };
            let Position { epochs, steps, .. } = position;
            checkpoints.push(match steps {
                0 => format!("{path} (epoch {epochs})"),
                _ => format!("{path} (step {steps} of epoch {})", epochs + 1),
            });
        }
        let left = match &checkpoints[..] {
            [] => format!("nothing of it is left in {}", shown(self.folder.path())),
            [one] => format!("the last good checkpoint is {one}"),
            several => format!("the last good checkpoints are {}", several.join(" and ")),
        };
        let go_on = self.go_on();
        let advice = if let Error::Diverged(Diverged { model, .. }) = error {
            let flags = self.settings.suspects(model);
            let others = match self.is_one_of_several() {
                true => format!(
                    "; each of the others that has begun is saved: {}",
                    self.go_on_in(&self.resume.join("seed-N"))
                ),
                false => String::new(),
            };
            format!("{left}; train again with a smaller {flags}{others}")
        } else if checkpoints.is_empty() && !self.is_one_of_several() {
            left
        } else {
            format!("{left}; put that right and {go_on}")
        };
        anyhow!("{error:#} — {advice}")
    }

    /// Has the user told what to do if the device fails, of which nothing here may hear.
    pub fn prepare_for_failure(&self) {
        let (go_on, batch_size) = (self.go_on(), self.settings.batch_size);
        device::advise_without_memory(match batch_size {
            1 => format!(
                "end what else uses it, or raise the limit that this process has, and {go_on}"
            ),
            _ => format!(
                "train with a --batch-size smaller than {batch_size}, or end what else uses it and {go_on}"
            ),
        });
        let run = shown(self.resume);
        device::advise_if_lost(format!("the last good checkpoints are in {run}; {go_on}"));
    }

    fn is_one_of_several(&self) -> bool {
        self.resume != self.folder.path()
    }

    fn go_on(&self) -> String {
        self.go_on_in(self.resume)
    }

    fn go_on_in(&self, run: &Path) -> String {
        let run = quoted(run);
        let data = self
            .data_dir
            .map_or_else(String::new, |dir| format!(" --data-dir {}", quoted(dir)));
        format!("go on with `fmnist train --resume {run}{data}`")
    }

    /// Whether the run is to end early, saved.
    fn is_to_end(&self) -> bool {
        interrupt::requested() || self.ended.load(Ordering::Relaxed)
    }

    /// Tells that a run was saved after an interrupt.
    fn interrupted(&self, learner: &Learner) -> Error {
        let position = learner.position();
        let at = match position.steps {
            0 => format!("after epoch {}", position.epochs),
            steps => format!("in epoch {}, after step {steps}", position.epochs + 1),
        };
        Interrupted {
            at: format!("{at} of the {} model", learner.kind()),
            go_on: self.go_on(),
        }
        .into()
    }
}

impl Callback for SaveCallback<'_> {
    fn after_step(&mut self, learner: &mut Learner, _step: &Step) -> crate::Result<()> {
        let stop = self.is_to_end();
        if stop || self.saved.elapsed() >= self.interval {
            self.save(learner)?;
        }
        match stop {
            true => Err(self.interrupted(learner)),
            false => Ok(()),
        }
    }

    fn after_epoch(&mut self, learner: &mut Learner, history: &History) -> crate::Result<()> {
        let stop = self.is_to_end();
        let name = learner.kind().name();
        self.history = history.clone();
        // Before the checkpoint: who resumes from the one before it comes here again.
        if history.has_just_improved(name) {
            self.save_model(CheckpointKind::Best, learner)?;
        }
        self.save(learner)?;
        history
            .write_csv(&self.folder.file("history.csv"))
            .context("the history cannot be kept")?;
        match stop {
            true => Err(self.interrupted(learner)),
            false => Ok(()),
        }
    }
}
