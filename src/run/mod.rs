//! A whole run: trained, saved, tested, evaluated and reported, in a folder that anyone can read.
//!
//! - [`RunFolder`], [`Config`]: what a run leaves behind.
//! - [`Checkpoint`](checkpoint::Checkpoint): a training as a file; [`interrupt`]: when it must be saved.
//! - [`execute`]: from the settings to the report; [`progress`]: what is shown meanwhile.
//! - [`RunFiles`], [`read_runs`], [`write_run_report`]: what a report shows of runs that have ended.

pub mod checkpoint;
mod config;
mod folder;
mod history_file;
pub mod interrupt;
mod one_run;
pub mod progress;
mod progress_callback;
mod report;
mod run_files;
mod save_callback;
mod seed_folders;
mod several_runs;
pub mod split_file;

pub use config::{Config, clean_name};
pub use folder::{CheckpointKind, RunFolder};
pub use one_run::Shared;
pub use report::{read_runs, write_run_report};
pub use run_files::{RunFiles, write_evaluation};

use std::sync::atomic::AtomicBool;

use anyhow::Result;

use crate::report::summary::Summary;
use one_run::{Siblings, one_run};
use progress_callback::ProgressCallback;

/// Trains, tests, evaluates and reports what `config` says in `folder`, from where it leaves off: one
/// run, or several in folders in it. The summaries of the runs.
///
/// # Errors
///
/// If the device or the folder fails, a model diverges, or the user interrupts.
pub fn execute(config: &Config, shared: &Shared<'_>, folder: &RunFolder) -> Result<Vec<Summary>> {
    match config.runs {
        1 => {
            let siblings = Siblings {
                whole: folder,
                progress: ProgressCallback::new(shared.progress.clone(), &config.settings),
                ended: &AtomicBool::new(false),
            };
            let (_, summary) = one_run(config, shared, folder, siblings)?;
            Ok(vec![summary])
        }
        _ => several_runs::several_runs(config, shared, folder),
    }
}
