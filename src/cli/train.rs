//! `fmnist train`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};
use clap::{Args, ValueEnum};

use super::evaluate::same_backend;
use super::limits::{check_batch_size, check_memory, runs_at_once};
use super::recipe::RecipeArgs;
use super::{DeviceArgs, dataset, positive};
use crate::dataset::FASHION_MNIST_SPEC;
use crate::device::{Backend, advise_without_memory};
use crate::model::ModelKind;
use crate::report::data_check::DataCheck;
use crate::report::table::table;
use crate::run::interrupt;
use crate::run::progress::{Progress, Style};
use crate::run::{self, Config, RunFolder, Shared, split_file};
use crate::train;
use crate::train::DeviceSplit;
use crate::train::recipe::Recipe;
use crate::util::text::{count, shown, thousands};

/// Images of Fashion-MNIST to train on.
const FASHION_MNIST_IMAGES: usize = 60_000;

/// Flags of `fmnist train`.
#[derive(Args, Debug)]
pub struct TrainArgs {
    #[command(flatten)]
    pub recipe: RecipeArgs,
    /// Repeat the run N times, with seeds counted up from --seed, on the CPU side by side, and report means and
    /// deviations [default: 1]
    #[arg(long, value_name = "N", value_parser = positive)]
    runs: Option<usize>,
    /// Folder for the run; must not exist yet [default: runs/DATE_TIME]
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

/// Trains, reports, and leaves a run folder; with `--runs` a folder of run folders.
pub fn run(args: TrainArgs, device: &DeviceArgs) -> Result<()> {
    let say = |line: &str| {
        if !args.quiet {
            errln!("{line}");
        }
    };
    check_memory(0)?;
    let earlier = args.resume.as_deref().map(resumed).transpose()?;
    let (mut data, settings, runs, device) = match &earlier {
        None => {
            RunFolder::check_new(args.out.as_deref())?;
            if !args.dataset.is_given() {
                // Before anything is downloaded.
                let (recipe, spec) = (&args.recipe, FASHION_MNIST_SPEC);
                recipe.of_spec(spec, FASHION_MNIST_IMAGES, Recipe::default())?;
            }
            let preparation = args.dataset.preparation(&args.recipe);
            let data = args.dataset.load(&preparation, args.quiet)?;
            let settings = args.recipe.settings(&data)?;
            (data, settings, args.runs.unwrap_or(1), device.clone())
        }
        Some((folder, config)) => {
            ensure!(
                args.runs.is_none_or(|runs| runs == config.runs),
                "--runs: the folder holds {} — leave it out with --resume",
                config.runs
            );
            let settings = args.recipe.resumed(&config.settings)?;
            let dataset = &args.dataset;
            let data = dataset.load_for_run(config, folder, "train --resume", args.quiet)?;
            (data, settings, config.runs, same_backend(device, config))
        }
    };
    settings.seeds(runs)?;
    let (training, validation) = train::split(&settings, &mut data)?;
    // A larger one would be a batch of all, and the learning rate that of the larger.
    if let Some(batch_size) = args.recipe.batch_size {
        ensure!(
            earlier.is_some() || batch_size <= training.len(),
            "--batch-size {batch_size}: there are {} — use at most {}",
            count(training.len(), "training image"),
            training.len()
        );
    }
    // What everybody knows is not told again.
    let check = (data.preparation.is_some() || !data.warnings.is_empty())
        .then(|| DataCheck::new(&data, &training, &validation).table());
    let selected = device.select(say)?;
    check_batch_size(&settings, training.len(), &selected)?;
    interrupt::catch()?;
    advise_without_memory(format!(
        "train with a --batch-size smaller than {}",
        settings.batch_size
    ));

    let config = Config {
        version: env!("CARGO_PKG_VERSION").to_string(),
        dataset: data.name,
        dataset_digest: Some(data.digest),
        class_names: data.class_names,
        channels: training.spec.channels().to_vec(),
        preparation: data.preparation,
        backend: selected.backend,
        device: selected.name.clone(),
        runs,
        settings: settings.clone(),
    };
    let (folder, config) = match earlier {
        None => (RunFolder::create(args.out.as_deref())?, config),
        Some((folder, before)) => {
            note_changes(&before, &config);
            (folder, Config { settings, ..before })
        }
    };
    if let Some(inventory) = &data.inventory {
        split_file::write(folder.path(), inventory, &config.class_names)?;
    }
    if let Some(warning) = folder.warning() {
        errln!("warning: {warning}");
    }
    for line in check.iter().flat_map(|check| check.lines()) {
        say(line);
    }
    say(&format!(
        "{}: {} to train on, {} to validate, {} to test",
        config.dataset,
        count(training.len(), "image"),
        thousands(validation.len() as u64),
        thousands(data.test.len() as u64)
    ));
    let digest = training.digest();
    let test_split = data.test.clone();
    let [training, validation, test] = [training, validation, data.test]
        .map(|split| DeviceSplit::fit(split, &selected.device, selected.largest_tensor));
    let style = match args.log_format {
        LogFormat::Json => Style::Json,
        LogFormat::Text => Style::detect(args.quiet),
    };
    let models: Vec<&str> = config.settings.kinds().map(ModelKind::name).collect();
    let progress = Progress::new(style, &models, config.settings.epochs, training.len());
    let runs_at_once = runs_at_once(&config.settings, &training, [&validation, &test], &selected);
    let shared = Shared {
        selected,
        training,
        digest,
        validation,
        test,
        test_split,
        data_dir: args.dataset.data_dir().map(Path::to_path_buf),
        checkpoint_interval: args.checkpoint_minutes,
        say: &say,
        runs_at_once,
        progress,
    };
    let summaries = run::execute(&config, &shared, &folder)?;
    if args.log_format == LogFormat::Text {
        say("");
        // The run is saved, and what follows tells where: the program ends with the failure.
        drop(outln!("{}", table(&summaries).trim_end()));
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

/// Says what is not as it was.
fn note_changes(before: &Config, now: &Config) {
    let hardware = |config: &Config| match config.backend {
        // Its name ends in the number of threads, which changes nothing.
        Backend::Cpu => config
            .device
            .rsplit_once(", ")
            .map(|(name, _)| name.to_string()),
        Backend::Wgpu => Some(config.device.clone()),
    };
    if before.backend != now.backend || hardware(before) != hardware(now) {
        errln!(
            "warning: the run began on {} ({}): other hardware rounds in other ways, and the result \
             will not be the same to the last digit",
            before.device,
            before.backend
        );
    }
}

/// A time in minutes; one beyond all clocks is never over.
fn minutes(text: &str) -> Result<Duration, String> {
    let minutes = text.parse::<f64>().ok().filter(|minutes| *minutes > 0.0);
    let duration = |minutes| Duration::try_from_secs_f64(60.0 * minutes).unwrap_or(Duration::MAX);
    let minutes = minutes.map(duration);
    minutes.ok_or_else(|| "expected a number above 0".to_string())
}
