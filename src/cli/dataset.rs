//! The flags that choose a dataset.

use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use crate::dataset::{self, Dataset, DatasetChoice, Event, FASHION_MNIST, synthetic};
use crate::run::Config;
use crate::util::text;

/// `--dataset` and `--data-dir`.
#[derive(Args, Clone, Debug)]
pub struct DatasetArgs {
    /// Which dataset
    #[arg(long, value_enum, default_value_t)]
    dataset: DatasetChoice,
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
        self.dataset != DatasetChoice::Auto || self.data_dir.is_some()
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
                synthetic::NAME => DatasetChoice::Synthetic,
                FASHION_MNIST => DatasetChoice::FashionMnist,
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

/// Tells the user on stderr what happens to the data: lines, and a bar for a download if stderr is
/// a terminal. With `quiet` only warnings are printed.
pub(super) fn console(quiet: bool) -> impl FnMut(Event<'_>) {
    let bars = !quiet && stderr().is_terminal();
    let mut bar: Option<ProgressBar> = None;
    let mut begun = String::new();
    move |event| {
        if !matches!(event, Event::Download { .. })
            && let Some(unfinished) = bar.take()
        {
            unfinished.finish_and_clear();
        }
        match event {
            Event::Warning(text) => errln!("warning: {text}"),
            Event::Note(_) | Event::Download { .. } if quiet => {}
            Event::Note(text) => errln!("{text}"),
            Event::Download { file, done, total } if bars => {
                let bar = bar.get_or_insert_with(|| download_bar(file, total));
                bar.set_position(done);
            }
            Event::Download { file, total, .. } => {
                if begun != file {
                    errln!("downloading {file} ({})", text::bytes(total));
                    file.clone_into(&mut begun);
                }
            }
        }
    }
}

fn download_bar(file: &str, total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template(
        "{prefix} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
    )
    .unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total)
        .with_style(style)
        .with_prefix(file.to_owned())
}
