//! The folder that a training run leaves behind.
//!
//! ```text
//! config.json  history.csv  summary.json  accuracy.png  loss.png
//! {dense,cnn}/last.ckpt   the training, to go on from
//! {dense,cnn}/model.ckpt  the trained weights
//! {dense,cnn}/best.ckpt   those of the epoch with the highest validation accuracy
//! evaluation.json  test-images.gz  test-labels.gz  {dense,cnn}/probabilities.npy
//! confusion-{dense,cnn}.png  reliability.png  disagreement.png  report.html
//! .lock                   held by the process that trains
//! ```
//!
//! Everything that reads a run reads this folder and nothing else. At every instant each file is
//! there as a whole or not at all.

use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use burn::tensor::Device;

use super::Config;
use super::checkpoint::Checkpoint;
use crate::model::{Architecture, Classifier, ModelKind};
use crate::ops::weights::with_weights;
use crate::train::Elements;
use crate::util::folder_lock::{FolderLock, LOCK};
use crate::util::text::{quoted, shown};
use crate::util::whole_file;

/// Bytes of `config.json`, far more than it has.
const CONFIG_LIMIT: u64 = 1 << 20;
/// Bytes of a checkpoint: more than four times the weights of the largest model.
const CHECKPOINT_LIMIT: u64 = 512 << 20;

/// A checkpoint of a model by what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckpointKind {
    /// To go on from: the training as it was last saved.
    Last,
    /// To use: the weights after the last epoch, without the optimizer's moments.
    Model,
    /// Likewise, after the epoch with the highest validation accuracy so far.
    Best,
}

/// A run's folder.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// Held as long as a run in the folder goes on.
    lock: Option<FolderLock>,
}

impl RunFolder {
    /// Whether a new run's folder can be made, as far as can be told before there is any work to
    /// lose: `out` if given, else `runs/<date-time>`.
    ///
    /// # Errors
    ///
    /// If there is something in `out` already, or nothing can be made there.
    pub fn check_new(out: Option<&Path>) -> Result<()> {
        let path = out.map_or_else(|| default_name(1), Path::to_path_buf);
        let there = |path: &Path| path.symlink_metadata().is_ok();
        ensure!(
            out.is_none() || !there(&path) || is_void(&path)?,
            exists_already(&path)
        );
        let place = path.ancestors().find(|place| there(place));
        let place = place.unwrap_or(Path::new("."));
        whole_file::try_folder(place).with_context(|| cannot_be_made(&path))
    }

    /// Makes a new folder: `out` if given, else `runs/<date-time>`, with a number behind it if a run
    /// began in the same second.
    ///
    /// # Errors
    ///
    /// If there is something in `out` already, or it cannot be made.
    pub fn create(out: Option<&Path>) -> Result<Self> {
        let mut path = out.map_or_else(|| default_name(1), Path::to_path_buf);
        let made = |path: &Path| {
            let parent = path.parent().unwrap_or(path);
            fs::create_dir_all(parent)
                .and_then(|()| make(path))
                .with_context(|| cannot_be_made(path))
        };
        let mut number = 1;
        while !made(&path)? {
            // A folder that the user did not name may be another process's that has just made it.
            if out.is_some() {
                ensure!(is_void(&path)?, exists_already(&path));
                break;
            }
            number += 1;
            path = default_name(number);
        }
        let folder = Self { path, lock: None }.locked()?;
        // Another run may have come and gone before the lock was taken.
        ensure!(is_void(&folder.path)?, exists_already(&folder.path));
        Ok(folder)
    }

    /// The folder of an earlier run, to read.
    ///
    /// # Errors
    ///
    /// If `path` is not a run's folder.
    pub fn open(path: &Path) -> Result<Self> {
        let folder = Self {
            path: path.to_path_buf(),
            lock: None,
        };
        let is_file = match fs::metadata(folder.file("config.json")) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                let unreadable = || format!("{} may not be read — ask its owner", shown(path));
                Err(error).with_context(unreadable)?
            }
            there => there.is_ok_and(|there| there.is_file()),
        };
        ensure!(
            is_file,
            "{} is not the folder of a run: it has no config.json — pass a folder that \
             `fmnist train` made",
            shown(path)
        );
        Ok(folder)
    }

    /// The folder of an earlier run, to go on with it.
    ///
    /// # Errors
    ///
    /// If `path` is not a run's folder, or another process has it.
    pub fn open_to_write(path: &Path) -> Result<Self> {
        let folder = Self::open(path)?.locked()?;
        clean(path)?;
        for model in ModelKind::ALL.map(|kind| path.join(kind.name())) {
            refuse_link(&model)?;
            if model.is_dir() {
                clean(&model)?;
            }
        }
        Ok(folder)
    }

    fn locked(self) -> Result<Self> {
        let lock = FolderLock::take(&self.path, || {
            bail!(
                "{} is in use: another process trains there — wait for it, or choose another folder",
                self.path.display()
            )
        })?;
        Ok(Self {
            lock: Some(lock),
            ..self
        })
    }

    /// What the user must know of this folder: that its file system has no locks.
    pub fn warning(&self) -> Option<&str> {
        self.lock.as_ref()?.warning.as_deref()
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in the folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes `config.json`.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn write_config(&self, config: &Config) -> Result<()> {
        let json = serde_json::to_string_pretty(config)?;
        whole_file::write(&self.file("config.json"), (json + "\n").as_bytes())
    }

    /// Reads `config.json`.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or is not such a configuration.
    pub fn read_config(&self) -> Result<Config> {
        let path = self.file("config.json");
        let json = whole_file::read(&path, CONFIG_LIMIT)?;
        Config::parse(&json)
            .with_context(|| format!("{} is not a run's configuration", path.display()))
    }

    /// Writes a checkpoint. The one before it stays until this one is whole.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn write_checkpoint<T: Elements>(
        &self,
        kept: CheckpointKind,
        checkpoint: &Checkpoint<T>,
    ) -> Result<()> {
        let kind = checkpoint.run.model;
        let path = self.checkpoint_file(kept, kind);
        let folder = self.path.join(kind.name());
        refuse_link(&folder)?;
        make(&folder).with_context(|| format!("{} cannot be written", path.display()))?;
        whole_file::write_with(&path, |file| checkpoint.write(file))
    }

    /// Reads a checkpoint; none if there is none yet.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is damaged, or of another version.
    pub fn read_checkpoint(
        &self,
        kept: CheckpointKind,
        kind: ModelKind,
    ) -> Result<Option<Checkpoint>> {
        let path = self.checkpoint_file(kept, kind);
        match path.symlink_metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            found => found.with_context(|| unusable(&path))?,
        };
        let bytes = whole_file::read(&path, CHECKPOINT_LIMIT)?;
        let checkpoint = Checkpoint::decode(&bytes).with_context(|| unusable(&path))?;
        Ok(Some(checkpoint))
    }

    /// Reads the weights of a model of the run that `config` describes onto `device`, for inference.
    ///
    /// # Errors
    ///
    /// If the training has not ended; if the file cannot be read, is damaged, or holds another
    /// model's weights.
    pub fn read_model(
        &self,
        config: &Config,
        architecture: &Architecture,
        kept: CheckpointKind,
        device: &Device,
    ) -> Result<Classifier> {
        let kind = architecture.model;
        let path = self.checkpoint_file(kept, kind);
        let checkpoint = self.read_checkpoint(kept, kind)?.filter(|checkpoint| {
            // Else it is from before the run was made longer.
            kept == CheckpointKind::Best || checkpoint.run.settings.epochs == config.settings.epochs
        });
        let Some(checkpoint) = checkpoint else {
            let run = quoted(&self.path);
            let is_there = |kept| self.checkpoint_file(kept, kind).exists();
            let go_on = format!("go on with `{}`", config.resume_command(&self.path));
            let what = match kept {
                CheckpointKind::Best => "best weights",
                _ => "weights",
            };
            if kept == CheckpointKind::Best && is_there(CheckpointKind::Model) {
                bail!(
                    "{} has no best weights of the {kind} model: {} is missing — measure the last ones with \
                     `fmnist evaluate {run}`",
                    shown(&self.path),
                    shown(&path)
                );
            }
            bail!(match (
                is_there(CheckpointKind::Last),
                is_there(CheckpointKind::Best)
            ) {
                (true, true) => format!(
                    "the training of the {kind} model has not ended — {go_on}, or measure the best weights so \
                     far with `fmnist evaluate {run} --best`"
                ),
                (true, false) => format!("no epoch of the {kind} model has ended yet — {go_on}"),
                (false, _) => format!(
                    "{} has no {what} of the {kind} model: {} is missing",
                    shown(&self.path),
                    shown(&path)
                ),
            });
        };
        let model = Classifier::new(architecture, config.settings.implementation, 0, device);
        (checkpoint.run.check(kind, &config.settings)).with_context(|| unusable(&path))?;
        with_weights(model, checkpoint.state.weights).with_context(|| unusable(&path))
    }

    /// Where a checkpoint is.
    pub fn checkpoint_file(&self, kept: CheckpointKind, kind: ModelKind) -> PathBuf {
        self.path.join(kind.name()).join(match kept {
            CheckpointKind::Last => "last.ckpt",
            CheckpointKind::Model => "model.ckpt",
            CheckpointKind::Best => "best.ckpt",
        })
    }
}

/// Why a checkpoint cannot be used.
pub fn unusable(path: &Path) -> String {
    format!("{} cannot be used", path.display())
}

/// Whether a folder holds nothing but what a program leaves that is killed as it begins a run. What is no
/// folder is not void.
pub(super) fn is_void(path: &Path) -> Result<bool> {
    if path.is_symlink() || !path.is_dir() {
        return Ok(false);
    }
    let names = fs::read_dir(path).and_then(|entries| {
        let names = entries.map(|entry| entry.map(|entry| entry.file_name()));
        names.collect::<io::Result<Vec<_>>>()
    });
    let names = names.with_context(|| format!("{} cannot be read", shown(path)))?;
    let of_beginning = |name: &OsString| name == LOCK || whole_file::is_unfinished(name);
    Ok(names.iter().all(of_beginning))
}

/// Refuses to write through a link, which may lead anywhere.
pub(super) fn refuse_link(path: &Path) -> Result<()> {
    ensure!(
        !path.is_symlink(),
        "{} is a symbolic link, and a run is not written through one — remove it",
        path.display()
    );
    Ok(())
}

fn clean(folder: &Path) -> Result<()> {
    whole_file::remove_unfinished(folder)
        .with_context(|| format!("{} cannot be cleaned up", folder.display()))
}

fn exists_already(path: &Path) -> anyhow::Error {
    anyhow!(
        "{} exists already and is not overwritten — choose another --out",
        path.display()
    )
}

fn cannot_be_made(path: &Path) -> String {
    let path = path.display();
    format!("the run folder {path} cannot be made — choose another with --out")
}

/// Makes a folder; false if there is something of this name.
fn make(path: &Path) -> io::Result<bool> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        made => made
            .and_then(|()| whole_file::sync_names_of(path))
            .map(|()| true),
    }
}

/// `runs/<date-time>`, from the second on with a number behind it.
fn default_name(number: usize) -> PathBuf {
    let now = jiff::Zoned::now().strftime("%Y-%m-%d_%H-%M-%S");
    Path::new("runs").join(match number {
        1 => now.to_string(),
        _ => format!("{now}-{number}"),
    })
}
