//! Several runs that differ in their seeds, each in a folder of its own.

use anyhow::{Result, bail};

use super::folder::refuse_link;
use super::one_run::{Shared, draw, one_run};
use super::progress::{Style, print_event};
use super::report::write_run_report;
use super::{Config, RunFolder};
use crate::report::summary::{RunsSummary, Summary};
use crate::train::Settings;
use crate::util::text::shown;

/// A run for each seed in a folder of its own, and what they come to in `folder`.
pub fn several_runs(
    config: &Config,
    shared: &Shared<'_>,
    folder: &RunFolder,
) -> Result<Vec<Summary>> {
    folder.write_config(config)?;
    let mut histories = Vec::new();
    let mut summaries = Vec::new();
    for seed in config.settings.seeds(config.runs)? {
        (shared.say)(&format!("seed {seed}"));
        let settings = Settings {
            seed,
            ..config.settings.clone()
        };
        let (seed_folder, config) = seed_folder(config, settings, folder)?;
        let (history, summary) = one_run(&config, shared, &seed_folder, folder)?;
        histories.push(history);
        summaries.push(summary);
    }
    if let Some(runs) = RunsSummary::of(&summaries) {
        runs.write(&folder.file("runs.json"))?;
        if shared.style == Style::Json {
            print_event("runs", &runs);
        }
    }
    draw(folder, &summaries[0], &histories)?;
    write_run_report(folder, &folder.file("report.html"))?;
    Ok(summaries)
}

/// The folder of one of several runs, new or with what there is of it, and what `config.json` in it is
/// to be.
fn seed_folder(
    config: &Config,
    settings: Settings,
    folder: &RunFolder,
) -> Result<(RunFolder, Config)> {
    let path = folder.file(&format!("seed-{}", settings.seed));
    refuse_link(&path)?;
    if !path.join("config.json").exists() {
        let config = Config {
            runs: 1,
            settings,
            ..config.clone()
        };
        return Ok((RunFolder::create(Some(&path))?, config));
    }
    let seed_folder = RunFolder::open_to_write(&path)?;
    let before = seed_folder.read_config()?;
    let as_long = Settings {
        epochs: settings.epochs,
        ..before.settings.clone()
    };
    if let Some(difference) = settings.difference(&as_long) {
        bail!("{} is another run: {difference}", shown(&path));
    }
    if let Some(other) = before.other_dataset(&config.dataset, config.dataset_digest.as_ref()) {
        bail!("{} is another run: it {other}", shown(&path));
    }
    Ok((seed_folder, Config { settings, ..before }))
}
