//! `fmnist train`.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};

use super::{DeviceArgs, dataset, positive};
use crate::device::Selected;
use crate::model::{Kernels, ModelKind};
use crate::report::curves::{Metric, draw_curves};
use crate::report::summary::{ModelSummary, Summary};
use crate::report::table::table;
use crate::run_folder::{Config, RunFolder};
use crate::train::history::History;
use crate::train::progress::{Progress, Style};
use crate::train::{self, Learner, Settings};
use crate::wgsl::MAX_GRID;

/// Flags of `fmnist train`.
#[derive(Args, Debug)]
pub struct TrainArgs {
    /// Model to train
    #[arg(long, value_enum, default_value_t = Models::Both)]
    model: Models,
    /// Passes over the training images
    #[arg(long, default_value_t = 10, value_parser = positive)]
    epochs: usize,
    /// Images per step
    #[arg(long, default_value_t = 128, value_parser = positive)]
    batch_size: usize,
    /// Step size of Adam
    #[arg(long, default_value_t = 1e-3, value_parser = learning_rate, allow_negative_numbers = true)]
    learning_rate: f64,
    /// Train on the first N images only
    #[arg(long, value_name = "N", value_parser = positive)]
    samples: Option<usize>,
    /// Seed of the initial weights and of the order of the images
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Run Burn's own operations instead of this program's fused kernels
    #[arg(long)]
    no_fused: bool,
    /// Folder for the run; must not exist yet [default: runs/<date-time>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    dataset: dataset::DatasetArgs,
    /// Show the final table only
    #[arg(long)]
    quiet: bool,
}

/// The value of `--model`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Models {
    Dense,
    Cnn,
    Both,
}

impl TrainArgs {
    fn settings(&self) -> Settings {
        Settings {
            models: match self.model {
                Models::Dense => vec![ModelKind::Dense],
                Models::Cnn => vec![ModelKind::Cnn],
                Models::Both => ModelKind::ALL.to_vec(),
            },
            epochs: self.epochs,
            batch_size: self.batch_size,
            learning_rate: self.learning_rate,
            samples: self.samples,
            seed: self.seed,
            kernels: if self.no_fused {
                Kernels::Reference
            } else {
                Kernels::Fused
            },
        }
    }
}

/// Trains, reports, and leaves a run folder.
pub fn run(args: TrainArgs, device: &DeviceArgs) -> Result<()> {
    let say = |line: &str| {
        if !args.quiet {
            errln!("{line}");
        }
    };
    let settings = args.settings();
    RunFolder::check_new(args.out.as_deref())?;
    let mut data = args.dataset.load(args.quiet)?;
    let (training, validation) = train::split(&settings, &mut data)?;
    let selected = device.select(say)?;
    check_batch_size(&settings, training.len(), &selected)?;
    let folder = RunFolder::create(args.out.as_deref())?;
    folder.write_config(&Config {
        version: env!("CARGO_PKG_VERSION").to_string(),
        dataset: data.name.clone(),
        backend: selected.backend,
        device: selected.name.clone(),
        settings: settings.clone(),
    })?;
    say(&format!(
        "{}: {} images to train on, {} to validate, {} to test",
        data.name,
        training.len(),
        validation.len(),
        data.test.len()
    ));

    let names: Vec<&str> = settings.models.iter().map(|kind| kind.name()).collect();
    let progress = Progress::new(
        Style::detect(args.quiet),
        &names,
        settings.epochs,
        training.len(),
    );
    let (mut learners, history) = train::train(
        &settings,
        &training,
        &validation,
        &selected.device,
        &progress,
        |history| history.write_csv(&folder.file("history.csv")),
    )?;

    let mut summary = Summary {
        dataset: data.name.clone(),
        backend: selected.backend.to_string(),
        device: selected.name.clone(),
        seed: settings.seed,
        epochs: settings.epochs,
        models: Default::default(),
    };
    for learner in &mut learners {
        let kind = learner.kind();
        folder.write_model(kind, &learner.model())?;
        // The only time that training or its report looks at the test images.
        let test = learner.evaluate(&data.test)?;
        let result = model_summary(learner, &history, test);
        summary.models.insert(kind.name().to_string(), result);
    }
    summary.write(&folder.file("summary.json"))?;
    draw(&folder, &summary, &selected, &history)?;
    say("");
    outln!("{}", table(&summary).trim_end());
    say(&format!("saved to {}", shown(folder.path())));
    Ok(())
}

/// Refuses a batch whose tensors the device cannot address, before it fails in the middle of a step.
fn check_batch_size(settings: &Settings, images: usize, selected: &Selected) -> Result<()> {
    let Some(largest_tensor) = selected.largest_tensor else {
        return Ok(());
    };
    for kind in &settings.models {
        let bytes = (kind.largest_activation(settings.kernels) * size_of::<f32>()) as u64;
        // A dispatch has at most so many workgroups in each direction, one of which counts images.
        let most = (largest_tensor / bytes).min(MAX_GRID.into());
        ensure!(
            settings.batch_size.min(images) as u64 <= most,
            "--batch-size {}: the {kind} model's tensors would be larger than {} can address — use \
             at most {most}",
            settings.batch_size,
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

fn draw(
    folder: &RunFolder,
    summary: &Summary,
    selected: &Selected,
    history: &History,
) -> Result<()> {
    let subject = format!(
        "{}, {}: {}",
        summary.dataset, summary.backend, selected.name
    );
    draw_curves(
        &folder.file("accuracy.png"),
        Metric::Accuracy,
        &subject,
        history,
    )?;
    draw_curves(&folder.file("loss.png"), Metric::Loss, &subject, history)
}

/// A path as it can be printed.
fn shown(path: &Path) -> String {
    crate::text::one_line(&path.to_string_lossy(), 4096)
}

fn learning_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate.is_finite() => Ok(rate),
        _ => Err("expected a number above 0, such as 0.001".to_string()),
    }
}
