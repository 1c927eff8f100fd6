//! The flags that choose a dataset.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::data::console;
use crate::dataset::{self, Choice, Dataset, synthetic};

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

    /// The same flags, with `auto` settled by the name of the dataset that a run used.
    pub fn for_run(&self, name: &str) -> Self {
        let mut args = self.clone();
        if !args.is_given() {
            args.dataset = match name {
                synthetic::NAME => Choice::Synthetic,
                _ => Choice::FashionMnist,
            };
        }
        args
    }
}
