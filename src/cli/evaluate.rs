//! `fmnist evaluate`.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Result, ensure};
use clap::Args;

use super::{DeviceArgs, dataset, open_run};
use crate::dataset::Split;
use crate::device::{self, Backend, BackendChoice};
use crate::report::evaluation::{Evaluation, tables::tables};
use crate::report::summary::Summary;
use crate::report::test_set::TestSet;
use crate::run::{CheckpointKind, Config, RunFolder};
use crate::train::{DeviceSplit, Inference};
use crate::util::text;

/// Flags of `fmnist evaluate`.
#[derive(Args, Debug)]
pub struct EvaluateArgs {
    /// Folder of a run
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// See each image as it is and mirrored, and average the probabilities
    #[arg(long)]
    flip_average: bool,
    /// Take the weights of the epoch with the best validation accuracy, not the last one's
    #[arg(long)]
    best: bool,
    #[command(flatten)]
    dataset: dataset::DatasetArgs,
}

/// Loads the models of a run and prints how they do on the test set.
pub fn run(args: EvaluateArgs, device_args: &DeviceArgs) -> Result<()> {
    let (folder, config) = open_run(&args.run)?;
    let kept = match args.best {
        true => CheckpointKind::Best,
        false => CheckpointKind::Model,
    };
    let test = test_images(&args, &folder, &config)?;
    let selected = same_backend(device_args, &config).select(|line| errln!("{line}"))?;
    let summary = Summary::read(&folder.file("summary.json")).ok();

    outln!(
        "{} of {}, {}: {}",
        text::count(test.len(), "test image"),
        config.dataset,
        selected.backend,
        selected.name
    )?;
    let labels = test.labels.clone();
    let test = DeviceSplit::fit(test, &selected.device, selected.largest_tensor);
    let mut predictions = Vec::new();
    for settings in &config.settings.models {
        let architecture = &settings.architecture;
        let implementation = config.settings.implementation;
        let inference = Inference {
            model: folder.read_model(&config, architecture, kept, &selected.device)?,
            normalization: architecture.normalization,
            implementation,
            flip_average: args.flip_average,
        };
        let name = architecture.model.name();
        let started = Instant::now();
        let (metrics, rows) = inference.predict(&test)?;
        let seconds = started.elapsed().as_secs_f64();
        let note = match summary.as_ref().and_then(|s| s.models.get(name)) {
            _ if args.best && args.flip_average => {
                "the epoch with the best validation accuracy, averaged with the mirrored images"
                    .into()
            }
            _ if args.best => "the epoch with the best validation accuracy".into(),
            _ if args.flip_average => "averaged with the mirrored images".into(),
            Some(then) if then.test_accuracy == metrics.accuracy => "as in summary.json".into(),
            Some(then) => format!(
                "summary.json, on {}: {} %",
                config.device,
                text::percent(then.test_accuracy)
            ),
            None => "the run has no summary".into(),
        };
        outln!(
            "{name:<5}  accuracy {} %  loss {}  in {seconds:.3} s  ({note})",
            text::percent(metrics.accuracy),
            text::loss(metrics.loss),
        )?;
        predictions.push((name, rows));
    }
    let predictions: Vec<_> = predictions
        .iter()
        .map(|(name, rows)| (*name, rows))
        .collect();
    let evaluation = Evaluation::new(&config.dataset, &config.class_names, &labels, &predictions)?;
    outln!("\n{}", tables(&evaluation).trim_end())?;
    Ok(())
}

/// The test images that the folder of a run that has ended holds; those of the run's dataset if the
/// user names it, or if the run has not ended.
fn test_images(args: &EvaluateArgs, folder: &RunFolder, config: &Config) -> Result<Split> {
    let own = folder.file("test-images.gz");
    let whole = own.exists() && folder.file("test-labels.gz").exists();
    if !args.dataset.is_given() && whole {
        let test = TestSet::read(folder.path(), &[], config.spec())?.split;
        ensure!(
            config.is_tested_with(&test),
            "{} holds other images than those of {}, which the run was trained on — pass the run's \
             dataset with --data-dir or --dataset",
            text::shown(&own),
            config.dataset_label()
        );
        return Ok(test);
    }
    let data = (args.dataset).load_for_run(config, folder, "evaluate", false)?;
    Ok(data.test)
}

/// With `--backend auto` the backend that the run was trained on, and of several GPUs the same
/// one, as far as they are here.
pub fn same_backend(args: &DeviceArgs, config: &Config) -> DeviceArgs {
    let mut args = args.clone();
    if args.backend != BackendChoice::Auto || args.device.is_some() {
        return args;
    }
    let adapters = match config.backend {
        Backend::Wgpu => device::adapters(),
        Backend::Cpu => Vec::new(),
    };
    args.backend = match adapters.is_empty() {
        true => BackendChoice::Cpu,
        false => BackendChoice::Wgpu,
    };
    let is_here = adapters
        .iter()
        .any(|adapter| adapter.name() == config.device);
    args.device = is_here.then(|| config.device.clone());
    args.reason = Some(match (config.backend, args.backend) {
        (Backend::Wgpu, BackendChoice::Cpu) => "no GPU adapter found",
        (Backend::Wgpu, _) if !is_here => "the run's own GPU is not here",
        _ => "as the run",
    });
    args
}
