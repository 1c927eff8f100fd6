//! Several runs that differ in their seeds, each in a folder of its own.

use std::mem;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, bail, ensure};

use super::folder::{is_void, refuse_link};
use super::interrupt::Interrupted;
use super::one_run::{Shared, Siblings, draw, one_run};
use super::progress_callback::ProgressCallback;
use super::report::write_run_report;
use super::seed_folders::{seed_path, seeds_in};
use super::{Config, RunFolder};
use crate::Error;
use crate::report::summary::{RunsSummary, Summary};
use crate::train::Settings;
use crate::train::history::History;
use crate::util::side_by_side::side_by_side;
use crate::util::text::{count, shown};

/// A run for each seed in a folder of its own, and what they come to in `folder`.
pub fn several_runs(
    config: &Config,
    shared: &Shared<'_>,
    folder: &RunFolder,
) -> Result<Vec<Summary>> {
    let mut seeds = config.settings.seeds(config.runs)?;
    // Before anything is written and any trains.
    for seed in seeds_in(folder.path(), &seeds) {
        resumable(
            config,
            &with_seed(config, seed),
            &seed_path(folder.path(), seed),
        )?;
    }
    folder.write_config(config)?;
    let at_once = shared.runs_at_once.min(config.runs);
    let order = match at_once {
        1 => "one after the other".to_string(),
        _ => {
            let threads = count(rayon::current_num_threads(), "thread");
            format!("{at_once} side by side on {threads}")
        }
    };
    let last = seeds.end().to_string();
    (shared.say)(&format!("seeds #{} to #{last}, {order}", seeds.start()));
    let (mut histories, mut summaries) = (Vec::new(), Vec::new());
    // Runs of one length end together: hardly a thread waits for the next ones to begin, and of the last ones, if
    // they are fewer, each has more.
    while summaries.len() < config.runs {
        let begin = |seed| begun(config, shared, folder, seed, last.len());
        let runs = seeds.by_ref().take(at_once).map(begin);
        for (history, summary) in trained(runs.collect::<Result<_>>()?, shared, folder)? {
            histories.push(history);
            summaries.push(summary);
        }
    }
    if let Some(runs) = RunsSummary::of(&summaries) {
        runs.write(&folder.file("runs.json"))?;
        shared.progress.event("runs", &runs);
    }
    draw(folder, &summaries[0], &histories)?;
    write_run_report(folder, &folder.file("report.html"))?;
    Ok(summaries)
}

/// One of several runs that is to be trained.
struct Run {
    folder: RunFolder,
    config: Config,
    progress: ProgressCallback,
}

/// The run of a seed, whose bars and lines begin with it, so wide.
fn begun(
    config: &Config,
    shared: &Shared<'_>,
    folder: &RunFolder,
    seed: u64,
    digits: usize,
) -> Result<Run> {
    let settings = with_seed(config, seed);
    let progress = (shared.progress).labelled(format!("#{seed:<digits$} "));
    let progress = ProgressCallback::new(progress, &settings);
    let (folder, config) = seed_folder(config, settings, folder)?;
    Ok(Run {
        folder,
        config,
        progress,
    })
}

/// What these runs come to, side by side. When one fails the others end too, saved.
fn trained(
    runs: Vec<Run>,
    shared: &Shared<'_>,
    whole: &RunFolder,
) -> Result<Vec<(History, Summary)>> {
    let ended = AtomicBool::new(false);
    let results = side_by_side(runs, |run| {
        let siblings = Siblings {
            whole,
            progress: run.progress,
            ended: &ended,
        };
        let ends_others = EndsOthers(&ended);
        let result = one_run(&run.config, shared, &run.folder, siblings)?;
        mem::forget(ends_others);
        Ok(result)
    })?;
    let (done, errors): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    let errors = errors.into_iter().filter_map(Result::err).map(Error::from);
    match what_ended(errors.collect()) {
        None => done.into_iter().collect(),
        Some(error) => Err(error.into()),
    }
}

/// Has the runs beside one end, unless that ends as it should: by an error or a panic it is dropped.
struct EndsOthers<'a>(&'a AtomicBool);

impl Drop for EndsOthers<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Of the errors of runs side by side the one to tell: what failed, or that all were interrupted.
fn what_ended(errors: Vec<Error>) -> Option<Error> {
    let runs = errors.len();
    let failed = errors
        .iter()
        .position(|error| !matches!(error, Error::Interrupted(_)))
        .unwrap_or(0);
    let mut error = errors.into_iter().nth(failed)?;
    if runs > 1
        && let Error::Interrupted(Interrupted { at, .. }) = &mut error
    {
        *at = format!("with {} in training", count(runs, "run"));
    }
    Some(error)
}

fn with_seed(config: &Config, seed: u64) -> Settings {
    Settings {
        seed,
        ..config.settings.clone()
    }
}

/// The folder of one of several runs, new or with what there is of it, and what `config.json` in it is
/// to be.
fn seed_folder(
    config: &Config,
    settings: Settings,
    folder: &RunFolder,
) -> Result<(RunFolder, Config)> {
    let path = seed_path(folder.path(), settings.seed);
    match resumable(config, &settings, &path)? {
        Some(before) => {
            let folder = RunFolder::open_to_write(&path)?;
            Ok((folder, Config { settings, ..before }))
        }
        None => {
            let config = Config {
                runs: 1,
                settings,
                ..config.clone()
            };
            Ok((RunFolder::create(Some(&path))?, config))
        }
    }
}

/// What the run at `path` was, which can go on with these settings; none if it is to begin.
///
/// # Errors
///
/// If what is there is something else.
fn resumable(config: &Config, settings: &Settings, path: &Path) -> Result<Option<Config>> {
    refuse_link(path)?;
    if !path.join("config.json").exists() {
        let is_free = path.symlink_metadata().is_err() || is_void(path)?;
        ensure!(
            is_free,
            "{0} has no config.json — put it back, or move {0} away to train seed {1} anew",
            shown(path),
            settings.seed
        );
        return Ok(None);
    }
    let before = RunFolder::open(path)?.read_config()?;
    let as_long = Settings {
        epochs: settings.epochs,
        ..before.settings.clone()
    };
    if let Some(difference) = settings.difference(&as_long) {
        bail!("{} is another run: {difference}", shown(path));
    }
    if let Some(other) = before.other_dataset(&config.dataset, config.dataset_digest.as_ref()) {
        bail!("{} is another run: it {other}", shown(path));
    }
    Ok(Some(before))
}
