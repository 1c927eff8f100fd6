//! How long a model takes to reach an accuracy.

use std::fmt::Write;
use std::time::Instant;

use anyhow::Result;
use burn::tensor::Device;
use serde::Serialize;

use crate::model::ModelKind;
use crate::train::recipe::Recipe;
use crate::train::{DeviceSplit, Learner, ModelSettings, Settings};
use crate::util::statistics::MeanStd;
use crate::util::text;

/// Steps of a model that is thrown away: they compile the pipelines and fill the memory pools.
const WARM_UP_STEPS: usize = 20;

/// What `fmnist bench --until-accuracy` measured, as `--json` prints it.
#[derive(Clone, Debug, Serialize)]
pub struct UntilReport {
    /// Version of the program.
    pub version: &'static str,
    /// `cpu` or `wgpu`, and the device's name.
    pub device: String,
    /// Name of the dataset.
    pub dataset: String,
    /// What the settings started from.
    pub recipe: Recipe,
    /// Epochs after which a run gives up; the recipe's schedule spans them.
    pub most_epochs: usize,
    /// Images per step.
    pub batch_size: usize,
    /// Validation accuracy to reach, 0 to 1.
    pub target: f64,
    /// The models in the order measured.
    pub models: Vec<UntilModel>,
}

/// One model's part of it.
#[derive(Clone, Debug, Serialize)]
pub struct UntilModel {
    /// Which model.
    pub model: ModelKind,
    /// Its runs, one for each seed.
    pub runs: Vec<UntilRun>,
    /// Over the runs that arrived.
    pub seconds: Option<MeanStd>,
    /// Over the runs that arrived.
    pub epochs: Option<MeanStd>,
}

/// One run: from fresh weights until the accuracy was measured, each epoch's validation included.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct UntilRun {
    /// Its seed.
    pub seed: u64,
    /// How long it took; none if it did not arrive.
    pub seconds: Option<f64>,
    /// Epochs it trained for.
    pub epochs: usize,
    /// The highest validation accuracy it had.
    pub best_accuracy: f64,
}

/// Trains each model `runs` times, with seeds counted up, until it reaches `target` or its epochs are
/// over.
///
/// # Errors
///
/// If the device fails, a model diverges, or there are not as many seeds.
pub fn run_until(
    settings: &Settings,
    target: f64,
    runs: usize,
    [training, validation]: [&DeviceSplit; 2],
    device: &Device,
    say: impl Fn(&str),
) -> Result<Vec<UntilModel>> {
    let mut models = Vec::new();
    for model in &settings.models {
        let kind = model.architecture.model;
        warm_up(model, settings, [training, validation], device)?;
        let mut all = Vec::new();
        for seed in settings.seeds(runs)? {
            let settings = Settings {
                seed,
                ..settings.clone()
            };
            let run = run_once(model, &settings, target, [training, validation], device)?;
            let outcome = match run.seconds {
                Some(seconds) => format!("{seconds:.2} s"),
                None => "not reached".to_string(),
            };
            say(&format!(
                "{kind}, seed {seed}: {outcome}, {}, best {} %",
                text::count(run.epochs, "epoch"),
                text::percent(run.best_accuracy)
            ));
            all.push(run);
        }
        let arrived = || all.iter().filter(|run| run.seconds.is_some());
        let seconds: Vec<f64> = arrived().filter_map(|run| run.seconds).collect();
        let epochs: Vec<f64> = arrived().map(|run| run.epochs as f64).collect();
        models.push(UntilModel {
            model: kind,
            seconds: MeanStd::of(&seconds),
            epochs: MeanStd::of(&epochs),
            runs: all,
        });
    }
    Ok(models)
}

fn warm_up(
    model: &ModelSettings,
    settings: &Settings,
    [training, validation]: [&DeviceSplit; 2],
    device: &Device,
) -> Result<()> {
    let mut learner = Learner::new(model, settings, training, device);
    let mut batches = learner.batches(1);
    for step in 0..WARM_UP_STEPS {
        learner.advance(&mut batches, step, model.training.learning_rate);
    }
    learner.wait()?;
    learner.evaluate(validation)?;
    Ok(())
}

fn run_once(
    model: &ModelSettings,
    settings: &Settings,
    target: f64,
    [training, validation]: [&DeviceSplit; 2],
    device: &Device,
) -> Result<UntilRun> {
    let started = Instant::now();
    let mut learner = Learner::new(model, settings, training, device);
    let mut run = UntilRun {
        seed: settings.seed,
        seconds: None,
        epochs: 0,
        best_accuracy: 0.0,
    };
    while run.seconds.is_none() && run.epochs < settings.epochs {
        run.epochs += 1;
        learner.train_epoch(&mut ())?;
        let accuracy = learner.evaluate(validation)?.accuracy;
        run.best_accuracy = run.best_accuracy.max(accuracy);
        run.seconds = (accuracy >= target).then(|| started.elapsed().as_secs_f64());
    }
    Ok(run)
}

/// The report as plain text.
pub fn until_table(report: &UntilReport) -> String {
    let mut table = format!(
        "{}\n{}, recipe {}, batches of {}\n\n",
        report.device,
        report.dataset,
        report.recipe.name(),
        report.batch_size
    );
    for model in &report.models {
        let arrived = model
            .runs
            .iter()
            .filter(|run| run.seconds.is_some())
            .count();
        let runs = format!("{arrived} of {}", text::count(model.runs.len(), "run"));
        let took = match (model.seconds, model.epochs) {
            (Some(seconds), Some(epochs)) => format!(
                "{} s, {} epochs ({runs})",
                seconds.to_text(2),
                epochs.to_text(1)
            ),
            _ => {
                let epochs = text::count(report.most_epochs, "epoch");
                format!("not reached in {epochs} ({runs})")
            }
        };
        // Writing to a string does not fail.
        let _ = writeln!(
            table,
            "{:<6} to {} % validation accuracy: {took}",
            model.model.name(),
            text::percent(report.target)
        );
    }
    table
}
