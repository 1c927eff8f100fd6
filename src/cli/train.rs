//! `fmnist train`.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use clap::Args;

use super::recipe::RecipeArgs;
use super::{DeviceArgs, dataset, positive};
use crate::dataset::DeviceSplit;
use crate::device::Selected;
use crate::report::curves::{Metric, draw_curves};
use crate::report::summary::{ModelSummary, RunsSummary, Summary};
use crate::report::table::table;
use crate::run_folder::{Config, RunFolder};
use crate::train::history::History;
use crate::train::progress::{Progress, Style};
use crate::train::{self, Learner, Settings};
use crate::wgsl::MAX_GRID;

/// Flags of `fmnist train`.
#[derive(Args, Debug)]
pub struct TrainArgs {
    #[command(flatten)]
    pub recipe: RecipeArgs,
    /// Repeat the run N times, with seeds counted up from --seed, and report means and deviations
    #[arg(long, value_name = "N", value_parser = positive, default_value_t = 1)]
    runs: usize,
    /// Folder for the run; must not exist yet [default: runs/<date-time>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    dataset: dataset::DatasetArgs,
    /// Show the final table only
    #[arg(long)]
    quiet: bool,
}

/// What the runs of a command share.
struct Shared {
    dataset: String,
    selected: Selected,
    training: DeviceSplit,
    validation: DeviceSplit,
    test: DeviceSplit,
    quiet: bool,
}

/// Trains, reports, and leaves a run folder; with `--runs` a folder of run folders.
pub fn run(args: TrainArgs, device: &DeviceArgs) -> Result<()> {
    let say = |line: &str| {
        if !args.quiet {
            errln!("{line}");
        }
    };
    let settings = args.recipe.settings()?;
    let last_seed = settings.seed.checked_add(args.runs as u64 - 1);
    ensure!(
        last_seed.is_some(),
        "--seed {}: seeds are counted up for --runs {}, and this one leaves too few — use a smaller one",
        settings.seed,
        args.runs
    );
    RunFolder::check_new(args.out.as_deref())?;
    let mut data = args.dataset.load(args.quiet)?;
    let (training, validation) = train::split(&settings, &mut data)?;
    let selected = device.select(say)?;
    check_batch_size(&settings, training.len(), &selected)?;
    dataset::check_size("train on", &training, &selected)?;
    dataset::check_size("test with", &data.test, &selected)?;
    let folder = RunFolder::create(args.out.as_deref())?;
    say(&format!(
        "{}: {} images to train on, {} to validate, {} to test",
        data.name,
        training.len(),
        validation.len(),
        data.test.len()
    ));
    let [training, validation, test] =
        [training, validation, data.test].map(|split| DeviceSplit::upload(split, &selected.device));
    let shared = Shared {
        dataset: data.name,
        selected,
        training,
        validation,
        test,
        quiet: args.quiet,
    };

    let mut histories = Vec::new();
    let mut summaries = Vec::new();
    for seed in (settings.seed..).take(args.runs) {
        let settings = Settings {
            seed,
            ..settings.clone()
        };
        let (history, summary) = if args.runs == 1 {
            one_run(&settings, &shared, &folder)?
        } else {
            say(&format!("seed {seed}"));
            let seed_folder = folder.file(&format!("seed-{seed}"));
            let seed_folder = RunFolder::create(Some(&seed_folder))?;
            let (history, summary) = one_run(&settings, &shared, &seed_folder)?;
            draw(&seed_folder, &summary, std::slice::from_ref(&history))?;
            (history, summary)
        };
        histories.push(history);
        summaries.push(summary);
    }
    draw(&folder, &summaries[0], &histories)?;
    if args.runs > 1
        && let Some(runs) = RunsSummary::of(&summaries)
    {
        runs.write(&folder.file("runs.json"))?;
    }
    say("");
    outln!("{}", table(&summaries).trim_end());
    say(&format!("saved to {}", shown(folder.path())));
    Ok(())
}

/// One run with its seed: everything in its folder but the curves.
fn one_run(settings: &Settings, shared: &Shared, folder: &RunFolder) -> Result<(History, Summary)> {
    folder.write_config(&Config {
        version: env!("CARGO_PKG_VERSION").to_string(),
        dataset: shared.dataset.clone(),
        backend: shared.selected.backend,
        device: shared.selected.name.clone(),
        settings: settings.clone(),
    })?;
    let names: Vec<&str> = settings.kinds().map(|kind| kind.name()).collect();
    let progress = Progress::new(
        Style::detect(shared.quiet),
        &names,
        settings.epochs,
        shared.training.len(),
    );
    let (mut learners, history) = train::train(
        settings,
        &shared.training,
        &shared.validation,
        &shared.selected.device,
        &progress,
        |history| history.write_csv(&folder.file("history.csv")),
    )?;

    let mut summary = Summary {
        dataset: shared.dataset.clone(),
        backend: shared.selected.backend.to_string(),
        device: shared.selected.name.clone(),
        recipe: settings.recipe.name().to_string(),
        seed: settings.seed,
        epochs: settings.epochs,
        models: Default::default(),
    };
    for learner in &mut learners {
        let kind = learner.kind();
        folder.write_model(kind, &learner.model())?;
        // The only time that training or its report looks at the test images.
        let metrics = learner.evaluate(&shared.test)?;
        let result = model_summary(learner, &history, metrics);
        summary.models.insert(kind.name().to_string(), result);
    }
    summary.write(&folder.file("summary.json"))?;
    Ok((history, summary))
}

/// Refuses a batch whose tensors the device cannot address, before it fails in the middle of a step.
pub fn check_batch_size(settings: &Settings, images: usize, selected: &Selected) -> Result<()> {
    let Some(largest_tensor) = selected.largest_tensor else {
        return Ok(());
    };
    for model in &settings.models {
        let values = model.architecture.largest_activation(settings.kernels);
        let bytes = (values * size_of::<f32>()) as u64;
        // A dispatch has at most so many workgroups in each direction, one of which counts images.
        let most = (largest_tensor / bytes).min(MAX_GRID.into());
        ensure!(
            settings.batch_size.min(images) as u64 <= most,
            "--batch-size {}: the {} model's tensors would be larger than {} can address — use at \
             most {most}",
            settings.batch_size,
            model.architecture.model,
            selected.name
        );
    }
    Ok(())
}

fn model_summary(learner: &Learner, history: &History, test: train::Metrics) -> ModelSummary {
    let epochs: Vec<_> = history.of(learner.kind().name()).collect();
    let (train_accuracy, validation_accuracy) = match epochs.last() {
        Some(last) => (last.train_accuracy, last.validation_accuracy),
        None => (f64::NAN, f64::NAN),
    };
    ModelSummary {
        parameters: learner.parameters(),
        train_accuracy,
        validation_accuracy,
        test_accuracy: test.accuracy,
        test_loss: test.loss,
        seconds_per_epoch: epochs.iter().map(|epoch| epoch.seconds).sum::<f64>()
            / epochs.len() as f64,
        total_seconds: learner.busy_seconds(),
    }
}

fn draw(folder: &RunFolder, summary: &Summary, histories: &[History]) -> Result<()> {
    let subject = format!(
        "{}, {}: {}",
        summary.dataset, summary.backend, summary.device
    );
    let accuracy = folder.file("accuracy.png");
    draw_curves(&accuracy, Metric::Accuracy, &subject, histories)?;
    draw_curves(&folder.file("loss.png"), Metric::Loss, &subject, histories)
}

/// A path as it can be printed.
fn shown(path: &Path) -> String {
    crate::text::one_line(&path.to_string_lossy(), 4096)
}
