//! The folder that a training run leaves behind.
//!
//! ```text
//! config.json  history.csv  summary.json  accuracy.png  loss.png  {dense,cnn}/model.bpk
//! ```
//!
//! Everything that reads a run reads this folder and nothing else.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use burn::module::Module;
use burn::store::ModuleRecord;
use burn::tensor::{Bytes, Device};
use serde::{Deserialize, Serialize};

use crate::device::Backend;
use crate::model::{Architecture, Classifier, Kernels, ModelKind};
use crate::train::Settings;
use crate::whole_file;

/// More than any model of this program takes, so that a wrong file is refused before it is read.
const MODEL_FILE_LIMIT: u64 = 256 << 20;

/// What `config.json` records: enough to repeat the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Version of the program.
    pub version: String,
    /// Name of the dataset.
    pub dataset: String,
    /// Backend it ran on.
    pub backend: Backend,
    /// Name of the device.
    pub device: String,
    /// Everything else the training depends on.
    #[serde(flatten)]
    pub settings: Settings,
}

/// A run's folder.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Whether `out` can be the folder of a new run, as far as can be told before there is any
    /// work to lose.
    ///
    /// # Errors
    ///
    /// If it exists already.
    pub fn check_new(out: Option<&Path>) -> Result<()> {
        match out {
            Some(path) if path.symlink_metadata().is_ok() => Err(exists_already(path)),
            _ => Ok(()),
        }
    }

    /// Makes a new folder: `out` if given, else `runs/<date-time>`.
    ///
    /// # Errors
    ///
    /// If `out` exists already, or cannot be made.
    pub fn create(out: Option<&Path>) -> Result<Self> {
        let path = match out {
            Some(path) => path.to_path_buf(),
            None => unused_name(),
        };
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)
                .with_context(|| format!("the folder {} cannot be made", parent.display()))?;
        }
        match fs::create_dir(&path) {
            Ok(()) => Ok(Self { path }),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(exists_already(&path)),
            Err(error) => Err(anyhow!(error).context(format!(
                "the run folder {} cannot be made — choose another with --out",
                path.display()
            ))),
        }
    }

    /// The folder of an earlier run.
    ///
    /// # Errors
    ///
    /// If `path` is not a run's folder.
    pub fn open(path: &Path) -> Result<Self> {
        let folder = Self {
            path: path.to_path_buf(),
        };
        if !folder.file("config.json").is_file() {
            bail!(
                "{} is not the folder of a run: it has no config.json — pass a folder that \
                 `fmnist train` made",
                path.display()
            );
        }
        Ok(folder)
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
        let json = fs::read_to_string(&path)
            .with_context(|| format!("{} cannot be read", path.display()))?;
        let config: Config = serde_json::from_str(&json)
            .with_context(|| format!("{} is not a run's configuration", path.display()))?;
        for model in &config.settings.models {
            let unfit = || format!("{} names an impossible model", path.display());
            model.architecture.check().with_context(unfit)?;
        }
        Ok(config)
    }

    /// Writes a model's weights.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn write_model(&self, kind: ModelKind, model: &Classifier) -> Result<()> {
        let path = self.model_file(kind);
        let bytes = model
            .clone()
            .into_record()
            .into_bytes()
            .map_err(|error| anyhow!("{} cannot be written: {error}", path.display()))?;
        fs::create_dir_all(self.path.join(kind.name()))
            .with_context(|| format!("{} cannot be written", path.display()))?;
        whole_file::write(&path, &bytes)
    }

    /// Reads a model's weights onto `device`.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, is damaged, or holds another model's weights.
    pub fn read_model(
        &self,
        architecture: &Architecture,
        kernels: Kernels,
        device: &Device,
    ) -> Result<Classifier> {
        let kind = architecture.model;
        let path = self.model_file(kind);
        let size = fs::metadata(&path)
            .with_context(|| format!("{} cannot be read", path.display()))?
            .len();
        if size > MODEL_FILE_LIMIT {
            bail!(
                "{} has {size} bytes — no model of this program is that large",
                path.display()
            );
        }
        let bytes =
            fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        let unfit = |error| {
            anyhow!(
                "{} does not hold the weights of this run's {kind} model: {error}",
                path.display()
            )
        };
        let record = ModuleRecord::from_bytes(Bytes::from_bytes_vec(bytes)).map_err(unfit)?;
        Classifier::new(architecture, kernels, 0, device)
            .try_load_record(record)
            .map_err(unfit)
    }

    fn model_file(&self, kind: ModelKind) -> PathBuf {
        self.path.join(kind.name()).join("model.bpk")
    }
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
