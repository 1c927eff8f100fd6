//! `fmnist report`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;

use crate::device::{self, BackendChoice};
use crate::host;
use crate::report::html::write_report;
use crate::report::run_files::RunFiles;
use crate::run_folder::{Config, Kept, RunFolder};
use crate::text::{quoted, shown};

/// Flags of `fmnist report`.
#[derive(Args, Debug)]
pub struct ReportArgs {
    /// Folder of a run; several are compared
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    /// File to write; an existing one is replaced [default: report.html, in the folder of the run
    /// if there is one]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Writes the report of runs as one HTML file.
pub fn run(args: &ReportArgs) -> Result<()> {
    let (folders, out) = match (&args.runs[..], &args.out) {
        ([run], None) => {
            let folder = RunFolder::open_to_write(run)?;
            let out = folder.file("report.html");
            (vec![folder], out)
        }
        (runs, out) => {
            let folders = runs.iter().map(|run| RunFolder::open(run));
            let out = out.as_deref().unwrap_or(Path::new("report.html"));
            // A link that the user named is followed, if it leads somewhere.
            let out = match out.canonicalize() {
                Ok(target) if out.is_symlink() => target,
                _ => out.to_path_buf(),
            };
            (folders.collect::<Result<_>>()?, out)
        }
    };
    write(&folders.iter().collect::<Vec<_>>(), &out)?;
    errln!("saved to {}", shown(&out));
    Ok(())
}

/// Writes the report of the runs in these folders to `out`. It needs nothing else: no device, no
/// dataset.
///
/// # Errors
///
/// If a run has not ended, its files are damaged, or the report cannot be written.
pub fn write(folders: &[&RunFolder], out: &Path) -> Result<()> {
    let mut runs = Vec::new();
    for folder in folders {
        let config = folder.read_config()?;
        if config.runs == 1 {
            runs.push((folder.path().to_path_buf(), config));
            continue;
        }
        for seed in config.settings.seeds(config.runs)? {
            let path = folder.file(&format!("seed-{seed}"));
            let config = RunFolder::open(&path)?.read_config()?;
            runs.push((path, config));
        }
    }
    let names = names(&runs);
    let files = runs.iter().zip(&names);
    let files: Vec<RunFiles> = files
        .map(|((path, config), name)| read(path, config, name))
        .collect::<Result<_>>()?;
    let data: Vec<_> = files.iter().map(RunFiles::data).collect();
    write_report(out, &data)
}

/// What runs are called: by their folders' names if those differ, else by their paths.
fn names(runs: &[(PathBuf, Config)]) -> Vec<String> {
    let last = |path: &Path| {
        let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        path.file_name()
            .map_or_else(|| shown(&path), |name| name.to_string_lossy().into_owned())
    };
    let mut names: Vec<String> = runs.iter().map(|(path, _)| last(path)).collect();
    let mut sorted = names.clone();
    sorted.sort();
    sorted.dedup();
    if sorted.len() < names.len() {
        names = runs.iter().map(|(path, _)| shown(path)).collect();
    }
    names
}

fn read(path: &Path, config: &Config, name: &str) -> Result<RunFiles> {
    let folder = RunFolder::open(path)?;
    let read = || RunFiles::read(path, name, config, filters(&folder, config)?);
    read().with_context(|| {
        let (run, quoted) = (shown(path), quoted(path));
        format!("{run} cannot be reported — if its training has not ended, go on with `fmnist train --resume {quoted}`")
    })
}

/// The weights `[out, 1, 3, 3]` of the CNN's first layer; none without a CNN.
fn filters(folder: &RunFolder, config: &Config) -> Result<Option<Vec<f32>>> {
    let models = config
        .settings
        .models
        .iter()
        .map(|model| &model.architecture);
    let Some(architecture) = models.into_iter().find(|model| !model.widths.is_empty()) else {
        return Ok(None);
    };
    // Nothing is computed: any device will do.
    let cpu = device::select(BackendChoice::Cpu, None)?.device;
    let model = folder.read_model(config, architecture, Kept::Model, &cpu)?;
    let first = model
        .blocks
        .first()
        .map(|block| host::read(block.weight.val()));
    first.transpose()
}
