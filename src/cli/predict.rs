//! `fmnist predict`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use burn::tensor::Device;
use burn::tensor::activation::softmax;
use clap::Args;
use console::Term;

use super::evaluate::same_backend;
use super::{DeviceArgs, open_run};
use crate::dataset::{Spec, Split};
use crate::device;
use crate::model::{Classifier, ModelKind};
use crate::ops::gather::Normalization;
use crate::predict::output::{self, Prediction};
use crate::predict::{Show, expand, prepare};
use crate::run::{CheckpointKind, Config, RunFolder};
use crate::train::DeviceSplit;
use crate::util::text;

/// Columns where the output is no terminal.
const DEFAULT_WIDTH: usize = 100;

/// Flags of `fmnist predict`.
#[derive(Args, Debug)]
pub struct PredictArgs {
    /// Folder of a run
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Pictures: PNG, JPEG, WebP, BMP, GIF and TIFF files, and folders that hold some
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<PathBuf>,
    /// Write the images that the models saw: a file that ends in .png, or a folder
    #[arg(long, value_name = "PATH")]
    show: Option<PathBuf>,
    /// Say “unsure” where no class is as probable as P, such as 0.8. A model knows nothing but its
    /// classes: of a picture of something else it may be sure all the same
    #[arg(long, value_name = "P", value_parser = probability)]
    threshold: Option<f32>,
    /// Print a JSON object per picture
    #[arg(long)]
    json: bool,
}

/// Says what the models of a run take each picture for.
pub fn run(args: PredictArgs, device_args: &DeviceArgs) -> Result<()> {
    let (folder, config) = open_run(&args.run)?;
    let files = expand(&args.images);
    let show = args.show.map(|path| Show::at(&path, files.len()));
    let mut show = show.transpose()?;
    let selected = same_backend(device_args, &config).select(|line| errln!("{line}"))?;
    let models = Models::read(&folder, &config, &selected.device)?;
    let resize = config.preparation.as_ref().and_then(|own| own.resize);
    let columns = Term::stdout()
        .size_checked()
        .map(|(_, columns)| columns.into());
    let width = columns.unwrap_or(DEFAULT_WIDTH);

    let (classes, threshold) = (&config.class_names, args.threshold.unwrap_or(0.0));
    let (mut failed, mut unshown) = (0, 0);
    for path in &files {
        let file = path.to_string_lossy();
        let seen = match prepare(path, models.spec.shape, resize) {
            Ok(seen) => seen,
            Err(error) => {
                failed += 1;
                let message = format!("{error:#}");
                if args.json {
                    outln!("{}", output::json_error(&file, &message)?)?;
                }
                errln!("error: {message}");
                continue;
            }
        };
        // Written first: whoever reads the prediction may be gone.
        let shape = models.spec.shape;
        let shown = show
            .as_mut()
            .map(|show| show.write(path, &seen.image, shape));
        let predictions = models.ask(seen.image)?;
        let warning = (!seen.is_sure).then(|| unsure(path));
        let warning = warning.as_deref();
        if let Some(warning) = warning {
            errln!("warning: {warning}");
        }
        let text = match files.len() {
            _ if args.json => output::json(&file, &predictions, classes, threshold, warning)?,
            1 => output::details(&file, &predictions, classes, threshold, width),
            _ => output::row(&file, &predictions, classes, threshold, width),
        };
        outln!("{}", text.trim_end())?;
        if let Some(Err(error)) = shown {
            unshown += 1;
            errln!("error: --show: {error:#}");
        }
    }
    ensure!(
        failed == 0,
        "{failed} of {} could not be used — see above",
        text::count(files.len(), "picture")
    );
    ensure!(
        unshown == 0,
        "{unshown} of {} could not be written by --show — see above",
        text::count(files.len(), "image")
    );
    Ok(())
}

fn probability(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(probability) if (0.0..=1.0).contains(&probability) => Ok(probability),
        _ => Err("expected a number from 0 to 1, such as 0.8".to_string()),
    }
}

/// What is said of a picture without a plain background.
fn unsure(path: &Path) -> String {
    format!(
        "{} shows no plain background, so that the object may not have been found — use a picture of \
         one thing on a plain background, or see with --show what the models saw",
        path.display()
    )
}

/// The models of a run on a device.
struct Models<'a> {
    models: Vec<(ModelKind, Normalization, Classifier)>,
    spec: Spec,
    device: &'a Device,
}

impl<'a> Models<'a> {
    fn read(folder: &RunFolder, config: &Config, device: &'a Device) -> Result<Self> {
        let models = config.settings.models.iter().map(|settings| {
            let architecture = &settings.architecture;
            let model = folder.read_model(config, architecture, CheckpointKind::Model, device)?;
            Ok((architecture.model, architecture.normalization, model))
        });
        Ok(Self {
            models: models.collect::<Result<_>>()?,
            spec: config.spec(),
            device,
        })
    }

    /// What each model says of an image.
    fn ask(&self, image: Vec<u8>) -> Result<Vec<Prediction<'static>>> {
        let split = Split {
            images: image.into(),
            labels: vec![0], // unknown, and not looked at
            ..Split::empty(self.spec)
        };
        let split = DeviceSplit::upload(split, self.device);
        let mut predictions = Vec::new();
        for (kind, normalization, model) in &self.models {
            let mut batches = split.batches(1).normalized(*normalization);
            let batch = batches.next().context("a split of one image has a batch")?;
            let probabilities = device::read(softmax(model.forward(batch.images), 1))?;
            predictions.push((kind.name(), probabilities));
        }
        Ok(predictions)
    }
}
