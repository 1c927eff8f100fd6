//! `fmnist train`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};

use super::evaluate::same_backend;
use super::recipe::RecipeArgs;
use super::{DeviceArgs, dataset, positive, report};
use crate::checkpoint::{Checkpoint, RunIdentity};
use crate::dataset::{CLASSES, DeviceSplit, Split};
use crate::device::{Backend, Selected};
use crate::interrupt;
use crate::keeper::RunKeeper;
use crate::model::ModelKind;
use crate::report::curves::{Metric, draw_curves};
use crate::report::run_files::write_evaluation;
use crate::report::summary::{ModelSummary, RunsSummary, Summary};
use crate::report::table::table;
use crate::report::test_set::TestSet;
use crate::run_folder::{Config, Kept, RunFolder, unusable};
use crate::text::shown;
use crate::train::history::History;
use crate::train::progress::{Progress, Style, print_event};
use crate::train::{self, Learner, Settings};
use crate::wgsl::MAX_GRID;

/// Flags of `fmnist train`.
#[derive(Args, Debug)]
pub struct TrainArgs {
    #[command(flatten)]
    pub recipe: RecipeArgs,
    /// Repeat the run N times, with seeds counted up from --seed, and report means and deviations
    /// [default: 1]
    #[arg(long, value_name = "N", value_parser = positive)]
    runs: Option<usize>,
    /// Folder for the run; must not exist yet [default: runs/<date-time>]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on with a run that was stopped, as if it had not been; with --epochs for longer
    #[arg(long, value_name = "RUN", conflicts_with = "out")]
    resume: Option<PathBuf>,
    /// Save at least so often within an epoch; after each epoch in any case
    #[arg(long, value_name = "N", value_parser = minutes, default_value = "5")]
    checkpoint_minutes: Duration,
    #[command(flatten)]
    dataset: dataset::DatasetArgs,
    /// Show the final table only
    #[arg(long)]
    quiet: bool,
    /// What is printed on stdout
    #[arg(long, value_enum, default_value_t)]
    log_format: LogFormat,
}

/// The value of `--log-format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// The final table; what goes on is shown on stderr
    #[default]
    Text,
    /// A JSON object per line: the run's configuration, each epoch, and the summary
    Json,
}

/// What the runs of a command share.
struct Shared {
    dataset: String,
    selected: Selected,
    training: DeviceSplit,
    /// Digest of the images to train on.
    digest: String,
    validation: DeviceSplit,
    test: DeviceSplit,
    test_split: Split,
    class_names: [String; CLASSES],
    checkpoint_interval: Duration,
    style: Style,
}

/// Trains, reports, and leaves a run folder; with `--runs` a folder of run folders.
pub fn run(args: TrainArgs, device: &DeviceArgs) -> Result<()> {
    let say = |line: &str| {
        if !args.quiet {
            errln!("{line}");
        }
    };
    let earlier = args.resume.as_deref().map(resumed).transpose()?;
    let (settings, runs) = match &earlier {
        None => (args.recipe.settings()?, args.runs.unwrap_or(1)),
        Some((_, config)) => {
            ensure!(
                args.runs.is_none_or(|runs| runs == config.runs),
                "--runs: the folder holds {} — leave it out with --resume",
                config.runs
            );
            (args.recipe.resumed(&config.settings)?, config.runs)
        }
    };
    let last_seed = settings.seed.checked_add(runs as u64 - 1);
    ensure!(
        last_seed.is_some(),
        "--seed {}: seeds are counted up for --runs {runs}, and this one leaves too few — use a \
         smaller one",
        settings.seed
    );
    RunFolder::check_new(args.out.as_deref())?;
    let (dataset_args, device) = match &earlier {
        None => (args.dataset.clone(), device.clone()),
        Some((_, config)) => (
            args.dataset.for_run(&config.dataset),
            same_backend(device, config),
        ),
    };
    let mut data = dataset_args.load(args.quiet)?;
    let (training, validation) = train::split(&settings, &mut data)?;
    let selected = device.select(say)?;
    check_batch_size(&settings, training.len(), &selected)?;
    dataset::check_size("train on", &training, &selected)?;
    dataset::check_size("test with", &data.test, &selected)?;
    interrupt::catch()?;

    let config = Config {
        version: env!("CARGO_PKG_VERSION").to_string(),
        dataset: data.name.clone(),
        class_names: data.class_names.clone(),
        backend: selected.backend,
        device: selected.name.clone(),
        runs,
        settings: settings.clone(),
    };
    let folder = match earlier {
        None => {
            let folder = RunFolder::create(args.out.as_deref())?;
            folder.write_config(&config)?;
            folder
        }
        Some((folder, before)) => {
            note_changes(&before, &config, say)?;
            if settings != before.settings {
                folder.write_config(&Config { settings, ..before })?;
            }
            folder
        }
    };
    say(&format!(
        "{}: {} images to train on, {} to validate, {} to test",
        data.name,
        training.len(),
        validation.len(),
        data.test.len()
    ));
    let digest = training.digest();
    let test_split = data.test.clone();
    let [training, validation, test] =
        [training, validation, data.test].map(|split| DeviceSplit::upload(split, &selected.device));
    let shared = Shared {
        dataset: data.name,
        selected,
        training,
        digest,
        validation,
        test,
        test_split,
        class_names: data.class_names,
        checkpoint_interval: args.checkpoint_minutes,
        style: match args.log_format {
            LogFormat::Json => Style::Json,
            LogFormat::Text => Style::detect(args.quiet),
        },
    };
    let (histories, summaries) = match runs {
        1 => {
            let (history, summary) = one_run(&config.settings, &shared, &folder, &folder)?;
            (vec![history], vec![summary])
        }
        _ => several_runs(&config, &shared, &folder)?,
    };
    draw(&folder, &summaries[0], &histories)?;
    report::write(&[&folder], &folder.file("report.html"))?;
    if args.log_format == LogFormat::Text {
        say("");
        outln!("{}", table(&summaries).trim_end());
    }
    let report = folder.file("report.html");
    say(&format!(
        "saved to {}; open {} to see more",
        shown(folder.path()),
        shown(&report)
    ));
    Ok(())
}

/// A run that is to go on, and what it is.
fn resumed(path: &Path) -> Result<(RunFolder, Config)> {
    let folder = RunFolder::open_to_write(path)?;
    let config = folder.read_config()?;
    Ok((folder, config))
}

/// Refuses other images, and says what else is not as it was.
fn note_changes(before: &Config, now: &Config, say: impl Fn(&str)) -> Result<()> {
    ensure!(
        before.dataset == now.dataset,
        "the run trains on {}, but this is {} — pass the run's dataset with --data-dir or --dataset",
        before.dataset,
        now.dataset
    );
    let hardware = |config: &Config| match config.backend {
        // Its name ends in the number of threads, which changes nothing.
        Backend::Cpu => config
            .device
            .rsplit_once(", ")
            .map(|(name, _)| name.to_string()),
        Backend::Wgpu => Some(config.device.clone()),
    };
    if before.backend != now.backend || hardware(before) != hardware(now) {
        say(&format!(
            "warning: the run began on {} ({}): other hardware rounds in other ways, and the result \
             will not be the same to the last digit",
            before.device, before.backend
        ));
    }
    Ok(())
}

/// A run for each seed in a folder of its own, and what they come to in `folder`.
fn several_runs(
    config: &Config,
    shared: &Shared,
    folder: &RunFolder,
) -> Result<(Vec<History>, Vec<Summary>)> {
    let mut histories = Vec::new();
    let mut summaries = Vec::new();
    for seed in (config.settings.seed..).take(config.runs) {
        if shared.style != Style::Quiet {
            errln!("seed {seed}");
        }
        let settings = Settings {
            seed,
            ..config.settings.clone()
        };
        let path = folder.file(&format!("seed-{seed}"));
        let seed_folder = match path.symlink_metadata().is_ok() {
            true => RunFolder::open_to_write(&path)?,
            false => RunFolder::create(Some(&path))?,
        };
        seed_folder.write_config(&Config {
            runs: 1,
            settings: settings.clone(),
            ..config.clone()
        })?;
        let (history, summary) = one_run(&settings, shared, &seed_folder, folder)?;
        draw(&seed_folder, &summary, std::slice::from_ref(&history))?;
        report::write(&[&seed_folder], &seed_folder.file("report.html"))?;
        histories.push(history);
        summaries.push(summary);
    }
    if let Some(runs) = RunsSummary::of(&summaries) {
        runs.write(&folder.file("runs.json"))?;
    }
    Ok((histories, summaries))
}

/// One run with its seed, from where its folder leaves off: everything in its folder but the curves.
/// Who resumes it resumes `whole`.
fn one_run(
    settings: &Settings,
    shared: &Shared,
    folder: &RunFolder,
    whole: &RunFolder,
) -> Result<(History, Summary)> {
    let names: Vec<&str> = settings.kinds().map(|kind| kind.name()).collect();
    let progress = Progress::new(shared.style, &names, settings.epochs, shared.training.len());
    let (mut learners, history, fresh) = learners(settings, shared, folder, &progress)?;
    let mut keeper = RunKeeper {
        folder,
        resume: whole.path(),
        settings,
        images: &shared.digest,
        interval: shared.checkpoint_interval,
        saved: Instant::now(),
        history,
    };
    for &learner in &fresh {
        keeper.save(&learners[learner])?;
    }
    keeper.history.write_csv(&folder.file("history.csv"))?;
    if shared.style == Style::Json {
        print_event("run", &folder.read_config()?);
    }
    let before = keeper.history.clone();
    let trained = train::train(
        settings.epochs,
        &mut learners,
        before,
        &shared.validation,
        &mut keeper,
    );
    let history = trained.map_err(|error| keeper.explain(error))?;
    drop(progress);

    let mut summary = Summary {
        dataset: shared.dataset.clone(),
        backend: shared.selected.backend.to_string(),
        device: shared.selected.name.clone(),
        recipe: settings.recipe.name().to_string(),
        seed: settings.seed,
        epochs: settings.epochs,
        models: Default::default(),
    };
    let mut probabilities = Vec::new();
    for learner in &mut learners {
        let kind = learner.kind();
        keeper.save_model(Kept::Model, learner)?;
        // The only time that training or its report looks at the test images.
        let (metrics, rows) = learner.answer(&shared.test)?;
        let result = model_summary(learner, &history, metrics);
        summary.models.insert(kind.name().to_string(), result);
        probabilities.push(rows);
    }
    let test = TestSet {
        split: shared.test_split.clone(),
        probabilities,
    };
    let (path, classes) = (folder.path(), &shared.class_names);
    write_evaluation(path, &shared.dataset, classes, &names, &test)?;
    summary.write(&folder.file("summary.json"))?;
    if shared.style == Style::Json {
        print_event("summary", &summary);
    }
    Ok((history, summary))
}

/// The learners as their checkpoints left them, the epochs behind them, and which learners have no
/// checkpoint yet.
fn learners(
    settings: &Settings,
    shared: &Shared,
    folder: &RunFolder,
    progress: &Progress,
) -> Result<(Vec<Learner>, History, Vec<usize>)> {
    let mut learners = Vec::new();
    let mut histories = Vec::new();
    let mut fresh = Vec::new();
    for (place, model) in settings.models.iter().enumerate() {
        let device = &shared.selected.device;
        let mut learner = Learner::new(model, settings, &shared.training, device, progress);
        match folder.read_checkpoint(Kept::Last, learner.kind())? {
            None => fresh.push(place),
            Some(Checkpoint {
                run,
                history,
                state,
            }) => {
                let path = folder.checkpoint_file(Kept::Last, learner.kind());
                check_identity(&run, learner.kind(), settings, &shared.digest)
                    .and_then(|()| learner.restore(state))
                    .with_context(|| unusable(&path))?;
                histories.push(history);
            }
        }
        learners.push(learner);
    }
    Ok((learners, History::merged(histories), fresh))
}

/// Refuses the checkpoint of another run.
fn check_identity(
    checkpoint: &RunIdentity,
    model: ModelKind,
    settings: &Settings,
    digest: &str,
) -> Result<()> {
    ensure!(
        checkpoint.model == model,
        "it is of the {} model",
        checkpoint.model
    );
    let same_epochs = Settings {
        epochs: settings.epochs,
        ..checkpoint.settings.clone()
    };
    if let Some(difference) = settings.difference(&same_epochs) {
        bail!("it is of a run with other settings: {difference}");
    }
    ensure!(
        checkpoint.images == digest,
        "its training images were others than these — pass the run's dataset with --data-dir"
    );
    Ok(())
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
        total_seconds: learner.position().busy_seconds,
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

/// A time in minutes.
fn minutes(text: &str) -> Result<Duration, String> {
    let minutes = text.parse::<f64>().ok().filter(|minutes| *minutes > 0.0);
    let duration = minutes.and_then(|minutes| Duration::try_from_secs_f64(60.0 * minutes).ok());
    duration.ok_or_else(|| "expected a number above 0".to_string())
}
