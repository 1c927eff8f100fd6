//! `fmnist bench`.

use std::time::Instant;

use anyhow::{Result, ensure};
use clap::Args;

use super::data::console;
use super::recipe::RecipeArgs;
use super::train::check_batch_size;
use super::{DeviceArgs, positive};
use crate::bench::{self, table};
use crate::dataset::{self, Choice, Places, Split, synthetic};

/// Flags of `fmnist bench`.
#[derive(Args, Debug)]
pub struct BenchArgs {
    #[command(flatten)]
    pub recipe: RecipeArgs,
    /// Training steps to measure [default: as many as take 3 seconds]
    #[arg(long, value_name = "N", value_parser = positive)]
    steps: Option<usize>,
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
}

/// Measures training steps and prints what they take.
pub fn run(args: BenchArgs, device: &DeviceArgs, process_start: Instant) -> Result<()> {
    let say = |line: &str| errln!("{line}");
    let settings = args.recipe.settings()?;
    let (name, images) = images(settings.batch_size)?;
    ensure!(
        settings.batch_size <= images.len(),
        "--batch-size {}: {name} has {} training images — use at most {}",
        settings.batch_size,
        images.len(),
        images.len()
    );
    let selected = device.select(say)?;
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
        outln!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        outln!("{}", table(&report).trim_end());
    }
    Ok(())
}

/// Fashion-MNIST's training images if they are on this machine, else drawings: what is on them has
/// little to do with how long a step takes.
fn images(batch_size: usize) -> Result<(String, Split)> {
    if Places::of_user().found().is_some() {
        let data = dataset::load(Choice::FashionMnist, None, &mut console(false))?;
        return Ok((data.name, data.train));
    }
    // As few as make the batches differ, and no more than Fashion-MNIST has.
    let drawn = batch_size.clamp(10_000, 60_000);
    let images = synthetic::split(0, synthetic::Part::Train, drawn);
    Ok((synthetic::NAME.to_string(), images))
}
