//! The flags that choose a dataset.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;

use super::data::console;
use crate::dataset::{self, Choice, Dataset, FASHION_MNIST, synthetic};
use crate::run_folder::Config;

/// `--dataset` and `--data-dir`.
#[derive(Args, Clone, Debug)]
pub struct DatasetArgs {
    /// Which dataset
    #[arg(long, value_enum, default_value_t)]
    dataset: Choice,
    /// Folder of the dataset's four IDX files
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl DatasetArgs {
    /// Finds and reads the dataset, telling the user on stderr what happens.
    pub fn load(&self, quiet: bool) -> Result<Dataset> {
        dataset::load(self.dataset, self.data_dir.as_deref(), &mut console(quiet))
    }

    /// Whether the user names a dataset.
    pub fn is_given(&self) -> bool {
        self.dataset != Choice::Auto || self.data_dir.is_some()
    }

    /// The folder that the user names.
    pub fn data_dir(&self) -> Option<&Path> {
        self.data_dir.as_deref()
    }

    /// The same flags, with `auto` settled by the dataset that a run used. `command` is what the user
    /// asked of the run.
    ///
    /// # Errors
    ///
    /// If only the user can say where that dataset is.
    pub fn for_run(&self, config: &Config, command: &str) -> Result<Self> {
        let mut args = self.clone();
        if !args.is_given() {
            args.dataset = match &*config.dataset {
                synthetic::NAME => Choice::Synthetic,
                FASHION_MNIST => Choice::FashionMnist,
                _ => bail!(
                    "the run was trained on {} — pass its folder with --data-dir: \
                     `fmnist {command} --data-dir DIR`",
                    config.dataset_label()
                ),
            };
        }
        Ok(args)
    }
}
