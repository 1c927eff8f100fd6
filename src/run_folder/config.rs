//! `config.json`.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use crate::dataset::CLASSES;
use crate::device::Backend;
use crate::text::one_line;
use crate::train::Settings;

/// Characters of a name, more than any has.
const LONGEST_NAME: usize = 200;

/// What `config.json` records: enough to repeat the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Version of the program.
    pub version: String,
    /// Name of the dataset.
    pub dataset: String,
    /// Names of its classes in the order of their labels.
    pub class_names: [String; CLASSES],
    /// Backend it ran on.
    pub backend: Backend,
    /// Name of the device.
    pub device: String,
    /// How many runs: one, or the number of folders `seed-K` in this one.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub runs: usize,
    /// Everything else the training depends on.
    #[serde(flatten)]
    pub settings: Settings,
}

impl Config {
    /// The configuration that these bytes of JSON describe.
    ///
    /// # Errors
    ///
    /// If they do not, or if no such run is possible. Names are cleaned of control characters.
    pub fn parse(json: &[u8]) -> Result<Self> {
        let mut config: Self = serde_json::from_slice(json)?;
        let names = [&mut config.version, &mut config.dataset, &mut config.device];
        for name in names.into_iter().chain(&mut config.class_names) {
            *name = one_line(name, LONGEST_NAME);
        }
        config.settings.check()?;
        let seeds = (config.settings.seed).checked_add(config.runs as u64);
        ensure!(
            seeds.is_some() && config.runs > 0,
            "{} is no possible number of runs",
            config.runs
        );
        Ok(config)
    }
}

fn one() -> usize {
    1
}

fn is_one(runs: &usize) -> bool {
    *runs == 1
}
