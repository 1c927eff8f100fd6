//! The flags that decide what is trained and how.

use anyhow::{Error, Result};
use clap::{Args, ValueEnum};

use super::positive;
use crate::device::OutOfMemory;
use crate::gather::Pixels;
use crate::model::{Kernels, ModelKind};
use crate::train::recipe::{BATCH_SIZE, Recipe};
use crate::train::schedule::Decay;
use crate::train::{ModelSettings, Settings};

/// What to train and how.
#[derive(Args, Debug)]
pub struct RecipeArgs {
    /// Model to train
    #[arg(long, value_enum, default_value_t = Models::Both)]
    model: Models,
    /// Settings to start from; the flags below change single ones
    #[arg(long, value_enum, default_value_t)]
    recipe: Recipe,
    /// Passes over the training images [default: the recipe's]
    #[arg(long, value_name = "N", value_parser = positive)]
    epochs: Option<usize>,
    /// Images per step
    #[arg(long, default_value_t = BATCH_SIZE, value_parser = positive)]
    batch_size: usize,
    /// Train on the first N images only
    #[arg(long, value_name = "N", value_parser = positive)]
    samples: Option<usize>,
    /// Seed of the initial weights, the order of the images and all that is random
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Run Burn's own operations instead of this program's fused kernels
    #[arg(long)]
    no_fused: bool,

    /// Outputs of the dense model's hidden layers, such as 512,256
    #[arg(long, value_name = "N,…", value_delimiter = ',', help_heading = MODEL)]
    hidden: Option<Vec<usize>>,
    /// Channels of the CNN's blocks, such as 32,64,128
    #[arg(long, value_name = "N,…", value_delimiter = ',', help_heading = MODEL)]
    widths: Option<Vec<usize>>,
    /// Outputs of the CNN's hidden fully connected layers
    #[arg(long, value_name = "N,…", value_delimiter = ',', help_heading = MODEL)]
    cnn_hidden: Option<Vec<usize>>,

    /// Normalise the output of the CNN's blocks in training
    #[arg(long, value_name = "BOOL", help_heading = MODEL)]
    normalize: Option<bool>,

    /// Largest step size; by default the recipe's, times the root of the batch size over 128
    #[arg(long, value_name = "RATE", value_parser = rate, allow_negative_numbers = true, help_heading = LEARNING)]
    learning_rate: Option<f64>,
    /// Epochs over which the step size grows
    #[arg(long, value_name = "N", value_parser = amount, allow_negative_numbers = true, help_heading = LEARNING)]
    warm_up_epochs: Option<f64>,
    /// What the step size does after the warm-up
    #[arg(long, value_enum, help_heading = LEARNING)]
    decay: Option<Decay>,
    /// AdamW's weight decay
    #[arg(long, value_name = "RATE", value_parser = amount, allow_negative_numbers = true, help_heading = LEARNING)]
    weight_decay: Option<f64>,
    /// Decay of the running average of the weights that is evaluated; 0 for none
    #[arg(long, value_name = "P", value_parser = fraction, allow_negative_numbers = true, help_heading = LEARNING)]
    average_decay: Option<f64>,
    /// Share of each target that is spread over all classes
    #[arg(long, value_name = "P", value_parser = fraction, allow_negative_numbers = true, help_heading = LEARNING)]
    label_smoothing: Option<f64>,
    /// Probability with which an activation before a fully connected layer is dropped
    #[arg(long, value_name = "P", value_parser = fraction, allow_negative_numbers = true, help_heading = LEARNING)]
    dropout: Option<f64>,

    #[command(flatten)]
    images: ImageArgs,
}

/// What the models see of the images.
#[derive(Args, Debug)]
struct ImageArgs {
    /// What number the models see for a pixel
    #[arg(long, value_enum, help_heading = IMAGES)]
    pixels: Option<Pixels>,
    /// Mirror half of the images left to right
    #[arg(long, value_name = "BOOL", help_heading = IMAGES)]
    flip: Option<bool>,
    /// Shift images by up to N pixels
    #[arg(long, value_name = "N", value_parser = pixels(), help_heading = IMAGES)]
    shift: Option<u8>,
    /// Percentage of images of which a rectangle is erased
    #[arg(long, value_name = "PERCENT", value_parser = percent(), help_heading = IMAGES)]
    erase: Option<u8>,
    /// Largest side of that rectangle
    #[arg(long, value_name = "N", value_parser = pixels(), help_heading = IMAGES)]
    erase_side: Option<u8>,
    /// Percentage of images of which a part shows another image
    #[arg(long, value_name = "PERCENT", value_parser = percent(), help_heading = IMAGES)]
    cutmix: Option<u8>,
    /// Percentage of images that are blended with another
    #[arg(long, value_name = "PERCENT", value_parser = percent(), help_heading = IMAGES)]
    mixup: Option<u8>,
}

const MODEL: &str = "Layers";
const LEARNING: &str = "Learning";
const IMAGES: &str = "Images";

/// The value of `--model`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Models {
    Dense,
    Cnn,
    Both,
}

impl RecipeArgs {
    /// The recipe with what the flags change.
    ///
    /// # Errors
    ///
    /// If a model cannot be built.
    pub fn settings(&self) -> Result<Settings> {
        let kinds = match self.model {
            Models::Dense => vec![ModelKind::Dense],
            Models::Cnn => vec![ModelKind::Cnn],
            Models::Both => ModelKind::ALL.to_vec(),
        };
        let models = kinds.into_iter().map(|kind| self.model_settings(kind));
        Ok(Settings {
            recipe: self.recipe,
            models: models.collect::<Result<_>>()?,
            epochs: self.epochs.unwrap_or(self.recipe.epochs()),
            batch_size: self.batch_size,
            samples: self.samples,
            seed: self.seed,
            kernels: if self.no_fused {
                Kernels::Reference
            } else {
                Kernels::Fused
            },
        })
    }

    /// Says what to change if the device runs out of memory.
    pub fn memory_advice(&self) -> impl FnOnce(Error) -> Error + use<> {
        let batch_size = self.batch_size;
        move |error| match error.is::<OutOfMemory>() {
            false => error,
            true => error.context(format!(
                "--batch-size {batch_size} is too large for this device — use a smaller one"
            )),
        }
    }

    fn model_settings(&self, kind: ModelKind) -> Result<ModelSettings> {
        let mut model = self.recipe.model(kind);
        let (hidden, widths) = match kind {
            ModelKind::Dense => (&self.hidden, &None),
            ModelKind::Cnn => (&self.cnn_hidden, &self.widths),
        };
        set(&mut model.architecture.hidden, hidden);
        set(&mut model.architecture.widths, widths);
        if kind == ModelKind::Cnn {
            set(&mut model.architecture.normalize, &self.normalize);
        }
        set(&mut model.architecture.pixels, &self.images.pixels);
        model.architecture.check()?;

        let training = &mut model.training;
        training.learning_rate *= (self.batch_size as f64 / BATCH_SIZE as f64).sqrt();
        set(&mut training.learning_rate, &self.learning_rate);
        set(&mut training.warm_up_epochs, &self.warm_up_epochs);
        set(&mut training.decay, &self.decay);
        set(&mut training.weight_decay, &self.weight_decay);
        set(&mut training.label_smoothing, &self.label_smoothing);
        set(&mut training.dropout, &self.dropout);
        if let Some(decay) = self.average_decay {
            training.average_decay = (decay > 0.0).then_some(decay);
        }
        let augment = &mut training.augment;
        set(&mut augment.flip, &self.images.flip);
        set(&mut augment.shift, &self.images.shift);
        set(&mut augment.erase, &self.images.erase);
        set(&mut augment.erase_side, &self.images.erase_side);
        set(&mut augment.cutmix, &self.images.cutmix);
        set(&mut augment.mixup, &self.images.mixup);
        Ok(model)
    }
}

fn set<T: Clone>(value: &mut T, flag: &Option<T>) {
    if let Some(given) = flag {
        value.clone_from(given);
    }
}

fn percent() -> clap::builder::RangedI64ValueParser<u8> {
    clap::value_parser!(u8).range(0..=100)
}

fn pixels() -> clap::builder::RangedI64ValueParser<u8> {
    clap::value_parser!(u8).range(0..=28)
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate.is_finite() => Ok(rate),
        _ => Err("expected a number above 0, such as 0.001".to_string()),
    }
}

fn amount(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(amount) if amount >= 0.0 && amount.is_finite() => Ok(amount),
        _ => Err("expected 0 or a number above it".to_string()),
    }
}

fn fraction(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(fraction) if (0.0..1.0).contains(&fraction) => Ok(fraction),
        _ => Err("expected a number from 0 up to, but not, 1".to_string()),
    }
}
