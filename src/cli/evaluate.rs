//! `fmnist evaluate`.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, ensure};
use clap::Args;

use super::{DeviceArgs, dataset};
use crate::device::{Backend, BackendChoice};
use crate::report::summary::Summary;
use crate::run_folder::RunFolder;
use crate::text;
use crate::train::evaluate;

/// Flags of `fmnist evaluate`.
#[derive(Args, Debug)]
pub struct EvaluateArgs {
    /// Folder of a run
    #[arg(value_name = "RUN")]
    run: PathBuf,
    #[command(flatten)]
    dataset: dataset::DatasetArgs,
}

/// Loads the models of a run and prints their loss and accuracy on the test set.
pub fn run(args: EvaluateArgs, device: &DeviceArgs) -> Result<()> {
    let folder = RunFolder::open(&args.run)?;
    let config = folder.read_config()?;
    let data = args.dataset.for_run(&config.dataset).load(false)?;
    ensure!(
        data.name == config.dataset,
        "the run was trained on {}, but this is {} — pass the run's dataset with --data-dir or \
         --dataset",
        config.dataset,
        data.name
    );
    let selected = same_backend(device, config.backend).select(|line| eprintln!("{line}"))?;
    let summary = Summary::read(&folder.file("summary.json")).ok();

    println!(
        "{} test images of {}, {}: {}",
        text::thousands(data.test.len() as u64),
        data.name,
        selected.backend,
        selected.name
    );
    for kind in &config.settings.models {
        let model = folder.read_model(*kind, &config.settings, &selected.device)?;
        let started = Instant::now();
        let metrics = evaluate(
            &model,
            config.settings.kernels,
            &data.test,
            &selected.device,
        );
        let note = match summary.as_ref().and_then(|s| s.models.get(kind.name())) {
            Some(then) if then.test_accuracy == metrics.accuracy => "as in summary.json".into(),
            Some(then) => format!(
                "summary.json, on {}: {} %",
                config.device,
                text::percent(then.test_accuracy)
            ),
            None => "the run has no summary".into(),
        };
        println!(
            "{kind:<5}  accuracy {} %  loss {}  in {:.3} s  ({note})",
            text::percent(metrics.accuracy),
            text::loss(metrics.loss),
            started.elapsed().as_secs_f64()
        );
    }
    Ok(())
}

/// With `--backend auto` the backend that the run was trained on, if it is here.
fn same_backend(args: &DeviceArgs, backend: Backend) -> DeviceArgs {
    let mut args = args.clone();
    if args.backend == BackendChoice::Auto && args.device.is_none() {
        let has_adapter = || !crate::device::adapters().is_empty();
        args.backend = match backend {
            Backend::Wgpu if has_adapter() => BackendChoice::Wgpu,
            _ => BackendChoice::Cpu,
        };
    }
    args
}
