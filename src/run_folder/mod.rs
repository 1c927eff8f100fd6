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

mod config;

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use burn::tensor::Device;

use crate::checkpoint::Checkpoint;
use crate::model::{Architecture, Classifier, ModelKind, with_weights};
use crate::text::{quoted, shown};
use crate::whole_file;

pub use config::Config;

/// Bytes of `config.json`, far more than it has.
const CONFIG_LIMIT: u64 = 1 << 20;
/// Bytes of a checkpoint: more than four times the weights of the largest model.
const CHECKPOINT_LIMIT: u64 = 512 << 20;

/// Held by the process that writes to the folder.
const LOCK: &str = ".lock";

/// A checkpoint of a model by what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// To go on from: the training as it was last saved.
    Last,
    /// To use: the weights after the last epoch, without the optimizer's memory.
    Model,
    /// Likewise, after the epoch with the highest validation accuracy so far.
    Best,
}

/// A run's folder.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// Held as long as the folder is written to; the system frees it with the process.
    _lock: Option<File>,
}

impl RunFolder {
    /// Whether `out` can be the folder of a new run, as far as can be told before there is any
    /// work to lose.
    ///
    /// # Errors
    ///
    /// If there is something in it already.
    pub fn check_new(out: Option<&Path>) -> Result<()> {
        match out {
            Some(path) if path.symlink_metadata().is_ok() && !is_void(path) => {
                Err(exists_already(path))
            }
            _ => Ok(()),
        }
    }

    /// Makes a new folder: `out` if given, else `runs/<date-time>`.
    ///
    /// # Errors
    ///
    /// If there is something in `out` already, or it cannot be made.
    pub fn create(out: Option<&Path>) -> Result<Self> {
        let path = match out {
            Some(path) => path.to_path_buf(),
            None => unused_name(),
        };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)
                .with_context(|| format!("the folder {} cannot be made", parent.display()))?;
        }
        let made = fs::create_dir(&path).and_then(|()| whole_file::sync_names_of(&path));
        match made {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                ensure!(is_void(&path), exists_already(&path));
            }
            made => made.with_context(|| {
                let path = path.display();
                format!("the run folder {path} cannot be made — choose another with --out")
            })?,
        }
        Self { path, _lock: None }.locked()
    }

    /// The folder of an earlier run, to read.
    ///
    /// # Errors
    ///
    /// If `path` is not a run's folder.
    pub fn open(path: &Path) -> Result<Self> {
        let folder = Self {
            path: path.to_path_buf(),
            _lock: None,
        };
        ensure!(
            folder.file("config.json").is_file(),
            "{} is not the folder of a run: it has no config.json — pass a folder that \
             `fmnist train` made",
            path.display()
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
        let path = self.file(LOCK);
        refuse_link(&path)?;
        ensure!(
            path.is_file() || !path.exists(),
            "{} is not a file — remove it",
            path.display()
        );
        let unusable = || format!("{} cannot be used", path.display());
        let mut options = File::options();
        let options = options.write(true).create(true).truncate(false);
        let file = options.open(&path).with_context(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!(
                "{} is in use: another process trains there — wait for it, or choose another folder",
                self.path.display()
            ),
            Err(TryLockError::Error(error)) => return Err(error).with_context(unusable),
        }
        Ok(Self {
            _lock: Some(file),
            ..self
        })
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
    pub fn write_checkpoint(&self, kept: Kept, checkpoint: &Checkpoint) -> Result<()> {
        let kind = checkpoint.run.model;
        let path = self.checkpoint_file(kept, kind);
        let folder = self.path.join(kind.name());
        refuse_link(&folder)?;
        let made = fs::create_dir(&folder).and_then(|()| whole_file::sync_names_of(&folder));
        match made {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => made.with_context(|| format!("{} cannot be written", path.display()))?,
        }
        whole_file::write(&path, &checkpoint.encode()?)
    }

    /// Reads a checkpoint; none if there is none yet.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is damaged, or of another version.
    pub fn read_checkpoint(&self, kept: Kept, kind: ModelKind) -> Result<Option<Checkpoint>> {
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
        kept: Kept,
        device: &Device,
    ) -> Result<Classifier> {
        let kind = architecture.model;
        let path = self.checkpoint_file(kept, kind);
        let checkpoint = self.read_checkpoint(kept, kind)?.filter(|checkpoint| {
            // Else it is from before the run was made longer.
            kept == Kept::Best || checkpoint.run.settings.epochs == config.settings.epochs
        });
        let Some(checkpoint) = checkpoint else {
            bail!(match self.checkpoint_file(Kept::Last, kind).exists() {
                true => format!(
                    "the training of the {kind} model has not ended — go on with `fmnist train \
                     --resume {}`, or take the best weights so far with --best",
                    quoted(&self.path)
                ),
                false => format!(
                    "{} has no weights of the {kind} model: {} is missing",
                    shown(&self.path),
                    shown(&path)
                ),
            });
        };
        let model = Classifier::new(architecture, config.settings.kernels, 0, device);
        ensure!(
            checkpoint.run.model == kind,
            "{}: it is of the {} model",
            unusable(&path),
            checkpoint.run.model
        );
        with_weights(model, checkpoint.state.weights).with_context(|| unusable(&path))
    }

    /// Where a checkpoint is.
    pub fn checkpoint_file(&self, kept: Kept, kind: ModelKind) -> PathBuf {
        self.path.join(kind.name()).join(match kept {
            Kept::Last => "last.ckpt",
            Kept::Model => "model.ckpt",
            Kept::Best => "best.ckpt",
        })
    }
}

/// What a checkpoint is that cannot be used.
pub fn unusable(path: &Path) -> String {
    format!("{} cannot be used", path.display())
}

/// Whether a folder holds nothing but what a program leaves that is killed as it begins a run.
fn is_void(path: &Path) -> bool {
    let of_beginning = |entry: std::io::Result<fs::DirEntry>| {
        let name = entry.map(|entry| entry.file_name());
        name.is_ok_and(|name| name == LOCK || whole_file::is_unfinished(&name))
    };
    !path.is_symlink() && fs::read_dir(path).is_ok_and(|mut entries| entries.all(of_beginning))
}

/// Refuses to write through a link, which may lead anywhere.
fn refuse_link(path: &Path) -> Result<()> {
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

/// `runs/<date-time>`, with a number behind it if a run began in the same second.
fn unused_name() -> PathBuf {
    let now = jiff::Zoned::now().strftime("%Y-%m-%d_%H-%M-%S").to_string();
    let named = |suffix: &str| Path::new("runs").join(format!("{now}{suffix}"));
    std::iter::once(String::new())
        .chain((2..).map(|n| format!("-{n}")))
        .map(|suffix| named(&suffix))
        .find(|path| !path.exists())
        .expect("there are infinitely many names")
}
