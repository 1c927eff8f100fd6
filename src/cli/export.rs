//! `fmnist export`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};

use super::open_run;
use crate::device::{self, BackendChoice};
use crate::export::{Layer, Network, onnx, safetensors};
use crate::model::{Architecture, Classifier, ModelKind};
use crate::run::{CheckpointKind, Config, RunFolder};
use crate::util::text::shown;
use crate::util::whole_file;

/// Flags of `fmnist export`.
#[derive(Args, Debug)]
pub struct ExportArgs {
    /// Folder of a run
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Model to export [default: the run's, if it has one only]
    #[arg(long, value_enum)]
    model: Option<ModelKind>,
    /// What the file is for
    #[arg(long, value_enum)]
    format: Format,
    /// The file to write; an existing one is not overwritten
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// The value of `--format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The whole model, from pixels in [0, 1] to probabilities: for onnxruntime and many others
    Onnx,
    /// The weights alone: for PyTorch
    Safetensors,
}

/// Writes a model of a run as a file that other programs read.
pub fn run(args: ExportArgs) -> Result<()> {
    let (folder, config) = open_run(&args.run)?;
    let settings = config.settings.models.iter();
    let mut asked = settings.map(|settings| &settings.architecture);
    let architecture = match (args.model, config.settings.models.len()) {
        (None, 1) => asked.next(),
        (None, _) => bail!(
            "{} has several models — choose one with --model",
            shown(&args.run)
        ),
        (Some(model), _) => asked.find(|architecture| architecture.model == model),
    };
    let architecture = architecture.with_context(|| {
        format!(
            "{} has no such model — choose another with --model",
            shown(&args.run)
        )
    })?;
    let network = network(&folder, &config, architecture)?;
    let bytes = match args.format {
        Format::Onnx => onnx::to_bytes(&network),
        Format::Safetensors => safetensors::to_bytes(&network),
    };
    whole_file::write_new(&args.out, &bytes)?;
    errln!("saved to {}", shown(&args.out));
    Ok(())
}

/// A model of the run in `folder`, which `config` describes, in plain data.
pub(super) fn network(
    folder: &RunFolder,
    config: &Config,
    architecture: &Architecture,
) -> Result<Network> {
    // Nothing is computed: any device will do.
    let cpu = device::select(BackendChoice::Cpu, None)?.device;
    let model = folder.read_model(config, architecture, CheckpointKind::Model, &cpu)?;
    let (name, layers) = (architecture.model.name(), layers(&model)?);
    let normalization = architecture.normalization;
    Ok(Network::new(
        name,
        config.spec(),
        normalization,
        layers,
        &config.class_names,
    )?)
}

fn layers(model: &Classifier) -> Result<Vec<Layer>> {
    let mut layers = Vec::new();
    for block in &model.blocks {
        layers.push(Layer::ConvReluPool {
            shape: block.weight.dims(),
            weight: device::read(block.weight.val())?,
            bias: device::read(block.bias.val())?,
            pool: block.pool,
        });
    }
    for layer in &model.layers {
        layers.push(Layer::Linear {
            shape: layer.weight.dims(),
            weight: device::read(layer.weight.val())?,
            bias: device::read(layer.bias.val())?,
            relu: layer.has_relu(),
        });
    }
    Ok(layers)
}
