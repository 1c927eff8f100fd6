//! Runs that have ended, as their folders hold them, in one report.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Error, Result, anyhow, ensure};

use super::seed_folders::{seed_path, seeds_in};
use super::{CheckpointKind, Config, RunFiles, RunFolder};
use crate::device::{self, BackendChoice};
use crate::report::html::{Filters, RunData, write_report};
use crate::util::text::shown;

/// Writes the report of all runs in this folder to `out`. It needs nothing else: no device, no
/// dataset.
///
/// # Errors
///
/// If a run has not ended, its files are damaged, or the report cannot be written.
pub fn write_run_report(folder: &RunFolder, out: &Path) -> Result<()> {
    let (runs, left_out) = read_runs(&[folder.path().to_path_buf()]);
    match left_out.into_iter().next() {
        Some(reason) => Err(reason),
        None => {
            let data: Vec<RunData<'_>> = runs.iter().map(RunFiles::data).collect();
            write_report(out, &data)
        }
    }
}

/// The runs in these folders, and why some of them cannot be reported.
pub fn read_runs(folders: &[PathBuf]) -> (Vec<RunFiles>, Vec<Error>) {
    let mut left_out = Vec::new();
    let mut paths = Vec::new();
    for folder in folders {
        match seeds(folder, &mut left_out) {
            Ok(seeds) => paths.extend(seeds),
            Err(error) => left_out.push(error),
        }
    }
    // By a link, or by its own name a second time.
    let mut seen = HashSet::new();
    paths.retain(|path| {
        let is_new = seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone()));
        if !is_new {
            left_out.push(anyhow!("{} is there already", shown(path)));
        }
        is_new
    });
    let mut runs = Vec::new();
    for (path, name) in paths.iter().zip(names(&paths)) {
        match read(path, &name) {
            Ok(run) => runs.push(run),
            Err(error) => left_out.push(error),
        }
    }
    (runs, left_out)
}

/// The folder of a run itself, or of several runs those that have ended; what is missing is left out.
fn seeds(folder: &Path, left_out: &mut Vec<Error>) -> Result<Vec<PathBuf>> {
    let config = RunFolder::open(folder)?.read_config()?;
    if config.runs == 1 {
        return Ok(vec![folder.to_path_buf()]);
    }
    let seeds = config.settings.seeds(config.runs)?;
    let seeds = seeds_in(folder, &seeds).into_iter();
    let seeds = seeds.map(|seed| seed_path(folder, seed));
    let seeds: Vec<PathBuf> = seeds.filter(|path| has_ended(path)).collect();
    if seeds.len() < config.runs {
        left_out.push(anyhow!(
            "in {} {} of {} runs have ended — go on with `{}`",
            shown(folder),
            seeds.len(),
            config.runs,
            config.resume_command(folder)
        ));
    }
    Ok(seeds)
}

/// What runs are called: by their folders' names if those differ, else by their paths.
fn names(runs: &[PathBuf]) -> Vec<String> {
    let last = |path: &Path| {
        let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        path.file_name()
            .map_or_else(|| shown(&path), |name| name.to_string_lossy().into_owned())
    };
    let parents: HashSet<_> = runs.iter().map(|path| path.parent()).collect();
    let name = |path: &PathBuf| match (last(path), path.parent()) {
        // Seeds of several runs of the same command, beside other runs.
        (seed, Some(parent)) if parents.len() > 1 && seed.starts_with("seed-") => {
            format!("{}/{seed}", last(parent))
        }
        (name, _) => name,
    };
    let mut names: Vec<String> = runs.iter().map(name).collect();
    let mut sorted = names.clone();
    sorted.sort();
    sorted.dedup();
    if sorted.len() < names.len() {
        names = runs.iter().map(|path| shown(path)).collect();
    }
    names
}

/// Whether all files that a report of a run needs are there and belong together.
pub fn can_report(folder: &RunFolder) -> bool {
    let read = || read(folder.path(), "run");
    read().is_ok()
}

/// Whether a run once came to its end: it may have been made longer since.
fn has_ended(path: &Path) -> bool {
    path.join("summary.json").exists()
}

fn read(path: &Path, name: &str) -> Result<RunFiles> {
    let folder = RunFolder::open(path)?;
    let config = folder.read_config()?;
    ensure!(
        has_ended(path),
        "{} has not ended — go on with `{}`",
        shown(path),
        config.resume_command(path)
    );
    let read = || {
        let run = RunFiles::read(path, name, &config, filters(&folder, &config)?)?;
        run.data().check().map(|()| run)
    };
    read().with_context(|| {
        let (run, resume) = (shown(path), config.resume_command(path));
        format!(
            "{run} cannot be reported — `{resume}` ends its training, or makes anew what is missing"
        )
    })
}

/// The filters of the CNN's first layer; none without a CNN.
fn filters(folder: &RunFolder, config: &Config) -> Result<Option<Filters>> {
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
    let model = folder.read_model(config, architecture, CheckpointKind::Model, &cpu)?;
    let first = model.blocks.first().map(|block| {
        anyhow::Ok(Filters {
            channels: architecture.input.channels,
            weights: device::read(block.weight.val())?,
        })
    });
    first.transpose()
}
