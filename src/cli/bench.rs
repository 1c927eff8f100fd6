//! `fmnist bench`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, anyhow, ensure};
use clap::Args;

use super::limits::{CEILINGS, check_batch_size, check_counted, check_memory};
use super::recipe::{RecipeArgs, usual_recipe};
use super::{DeviceArgs, dataset::DatasetArgs, positive};
use crate::Error;
use crate::bench::{self, UntilReport, table, until_table};
use crate::dataset::{DatasetChoice, SearchPaths, Split, synthetic};
use crate::device::{AdapterClass, advise_without_memory};
use crate::model::Implementation;
use crate::program::Program;
use crate::train::recipe::{BATCH_SIZE, Recipe};
use crate::train::{self, DeviceSplit, Settings};
use crate::util::text::{count, shown};
use crate::util::whole_file;

/// Flags of `fmnist bench`.
#[derive(Args, Debug)]
pub struct BenchArgs {
    #[command(flatten)]
    pub recipe: RecipeArgs,
    /// Training steps to measure, after some that are not [default: as many as take 3 seconds]
    #[arg(long, value_name = "N", value_parser = positive)]
    steps: Option<usize>,
    /// Measure the time to this validation accuracy instead, such as 0.92
    #[arg(long, value_name = "ACCURACY", value_parser = accuracy, conflicts_with = "steps")]
    until_accuracy: Option<f64>,
    /// Runs to the accuracy, with seeds counted up from --seed
    #[arg(long, value_name = "N", value_parser = positive, default_value_t = 1, requires = "until_accuracy")]
    runs: usize,
    /// Measure nothing: write the launches of a training step, in their order, each a shader's text and its
    /// grid, as JSON
    #[arg(long, value_name = "FILE", conflicts_with_all = ["steps", "until_accuracy", "json"])]
    dump_step: Option<PathBuf>,
    /// Kernels to choose, whatever the GPU [default: those of the GPU; for --dump-step discrete]
    #[arg(
        long,
        value_name = "CLASS",
        value_enum,
        conflicts_with = "until_accuracy"
    )]
    adapter_class: Option<AdapterClass>,
    #[command(flatten)]
    dataset: DatasetArgs,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// Measures training steps, or the time to an accuracy, and prints what they take.
pub fn run(args: BenchArgs, device: &DeviceArgs, process_start: Instant) -> Result<()> {
    let say = |line: &str| errln!("{line}");
    check_memory(CEILINGS)?;
    let batch_size = args.recipe.batch_size.unwrap_or(BATCH_SIZE);
    if batch_size > 1 {
        advise_without_memory(format!("use a --batch-size smaller than {batch_size}"));
    }
    if let Some(target) = args.until_accuracy {
        return until(target, &args, device);
    }
    let (name, images, recipe) = images(&args, batch_size)?;
    let settings = args.recipe.of_spec(images.spec, images.len(), recipe)?;
    ensure!(
        settings.batch_size <= images.len(),
        "--batch-size {}: {name} has {} — use at most {}",
        settings.batch_size,
        count(images.len(), "training image"),
        images.len()
    );
    if let Some(path) = &args.dump_step {
        let class = args.adapter_class.unwrap_or_default();
        return dump_step(&settings, images.len(), class, path);
    }
    let selected = device.select_as(args.adapter_class, say)?;
    check_batch_size(&settings, images.len(), &selected)?;
    let report = bench::run(
        &settings,
        args.steps,
        &name,
        images,
        &selected,
        process_start,
        say,
    )?;
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        outln!("{}", table(&report).trim_end())?;
    }
    Ok(())
}

/// Writes down what a GPU is given in a step of each model.
fn dump_step(settings: &Settings, images: usize, class: AdapterClass, path: &Path) -> Result<()> {
    ensure!(
        settings.implementation == Implementation::Fused,
        "--dump-step writes this program's own launches — leave out --no-fused"
    );
    check_counted(settings, 1)?;
    let programs = settings.models.iter();
    let programs: Vec<_> = programs
        .map(|model| model.program(images, settings.batch_size, class))
        .collect();
    let launches: Vec<_> = programs.iter().flat_map(Program::listed).collect();
    whole_file::write(path, serde_json::to_string(&launches)?.as_bytes())
        .context("the launches are not saved — name another file with --dump-step")?;
    errln!("saved {} launches to {}", launches.len(), shown(path));
    Ok(())
}

/// Trains on real data until the accuracy is reached.
fn until(target: f64, args: &BenchArgs, device: &DeviceArgs) -> Result<()> {
    let say = |line: &str| errln!("{line}");
    let dataset = args.dataset.or(DatasetChoice::FashionMnist);
    let mut data = dataset.load(&dataset.preparation(&args.recipe), false)?;
    let settings = &args.recipe.settings(&data)?;
    settings.seeds(args.runs)?;
    let (training, validation) = train::split(settings, &mut data)?;
    let selected = device.select(say)?;
    check_batch_size(settings, training.len(), &selected)?;
    let [training, validation] = [training, validation]
        .map(|split| DeviceSplit::fit(split, &selected.device, selected.largest_tensor));
    let splits = [&training, &validation];
    let report = UntilReport {
        version: env!("CARGO_PKG_VERSION"),
        device: format!("{} — {}", selected.backend, selected.name),
        dataset: data.name,
        recipe: settings.recipe,
        most_epochs: settings.epochs,
        batch_size: settings.batch_size,
        target,
        models: bench::run_until(settings, target, args.runs, splits, &selected.device, say)
            .map_err(|error| match Error::from(error) {
                Error::Diverged(error) => {
                    anyhow!("{error} — use a smaller {}", settings.suspects(error.model))
                }
                error => error.into(),
            })?,
    };
    if args.json {
        outln!("{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        outln!("{}", until_table(&report).trim_end())?;
    }
    Ok(())
}

fn accuracy(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(accuracy) if accuracy > 0.0 && accuracy <= 1.0 => Ok(accuracy),
        _ => Err("expected a fraction above 0 and up to 1, such as 0.92".to_string()),
    }
}

/// The training images of the user's dataset; without, Fashion-MNIST's if they are on this machine, else
/// drawings: what is on them has little to do with how long a step takes; and the recipe for them.
fn images(args: &BenchArgs, batch_size: usize) -> Result<(String, Split, Recipe)> {
    if args.dataset.is_given() || SearchPaths::of_user().found().is_some() {
        let dataset = args.dataset.or(DatasetChoice::FashionMnist);
        let data = dataset.load(&dataset.preparation(&args.recipe), false)?;
        let recipe = usual_recipe(&data);
        return Ok((data.name, data.train, recipe));
    }
    // As few as make the batches differ, and no more than Fashion-MNIST has.
    let drawn = batch_size.clamp(10_000, 60_000);
    let images = synthetic::split(0, synthetic::Part::Train, drawn);
    Ok((synthetic::NAME.to_string(), images, Recipe::default()))
}
