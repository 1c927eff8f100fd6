//! The flags that decide what is trained and how.

use std::num::{IntErrorKind, ParseIntError};

use anyhow::{Result, bail, ensure};
use clap::{Args, ValueEnum};

use super::positive;
use crate::dataset::{Dataset, Spec, Split};
use crate::model::{Implementation, ModelKind, Stage};
use crate::ops::gather::{MAX_CROP, Normalization};
use crate::train::recipe::{BATCH_SIZE, Recipe, VALIDATION_IMAGES};
use crate::train::schedule::Decay;
use crate::train::{ClassWeights, ModelSettings, Settings};
use crate::util::text::count;

/// What to train and how.
#[derive(Args, Clone, Debug, Default, PartialEq)]
pub struct RecipeArgs {
    /// Model to train [default: both]
    #[arg(long, value_enum)]
    model: Option<Models>,
    /// Settings to start from; the flags below change single ones [default: standard for files of 28×28 grey
    /// images, light on black, as Fashion-MNIST's; else pictures]
    #[arg(long, value_enum)]
    recipe: Option<Recipe>,
    /// Passes over the training images [default: the recipe's]
    #[arg(long, value_name = "N", value_parser = positive)]
    epochs: Option<usize>,
    /// Images per step [default: the recipe's, 128 or 32]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(super) batch_size: Option<usize>,
    /// Train on the first N images only; `fmnist web` packs N, spread over all, into the page, and a quarter as many
    /// to validate and to test with [default: all; 2000]
    #[arg(long, value_name = "N", value_parser = positive)]
    samples: Option<usize>,
    /// Hold about N training images out to validate with, chosen by a hash; of Fashion-MNIST the last N
    /// [default: a tenth; of Fashion-MNIST 5000]
    #[arg(long, value_name = "N", value_parser = positive)]
    pub(super) validation: Option<usize>,
    /// Seed of the initial weights, the order of the images and all that is random [default: 0]
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// Run Burn's own operations instead of this program's fused kernels, to compare them: on the CPU a CNN takes
    /// hundreds of times as long
    #[arg(long)]
    no_fused: bool,

    /// Outputs of the dense model's hidden layers, such as 512,256
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = outputs, allow_negative_numbers = true, help_heading = MODEL)]
    hidden: Option<Vec<usize>>,
    /// Channels of the CNN's convolutions: 32,64,128 for a pool after each, 64-64,128-128 for one after two
    #[arg(long, value_name = "N,…", value_delimiter = ',', allow_hyphen_values = true, help_heading = MODEL)]
    widths: Option<Vec<Stage>>,
    /// Outputs of the CNN's hidden fully connected layers
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = outputs, allow_negative_numbers = true, help_heading = MODEL)]
    cnn_hidden: Option<Vec<usize>>,

    /// Normalise the output of each of the CNN's convolutions in training
    #[arg(long, value_name = "BOOL", help_heading = MODEL)]
    normalize: Option<bool>,

    /// Largest learning rate; by default the recipe's, times the root of the batch size over 128
    #[arg(long, value_name = "RATE", value_parser = rate, allow_negative_numbers = true, help_heading = LEARNING)]
    learning_rate: Option<f64>,
    /// Epochs over which the learning rate grows
    #[arg(long, value_name = "N", value_parser = amount, allow_negative_numbers = true, help_heading = LEARNING)]
    warm_up_epochs: Option<f64>,
    /// What the learning rate does after the warm-up
    #[arg(long, value_enum, help_heading = LEARNING)]
    decay: Option<Decay>,
    /// AdamW's weight decay
    #[arg(long, value_name = "RATE", value_parser = amount, allow_negative_numbers = true, help_heading = LEARNING)]
    weight_decay: Option<f64>,
    /// Decay of the exponential moving average of the weights that is evaluated; 0 for none
    #[arg(long, value_name = "P", value_parser = fraction, allow_negative_numbers = true, help_heading = LEARNING)]
    average_decay: Option<f64>,
    /// Share of each target that is spread over all classes
    #[arg(long, value_name = "P", value_parser = fraction, allow_negative_numbers = true, help_heading = LEARNING)]
    label_smoothing: Option<f64>,
    /// Probability with which an activation before a fully connected layer is dropped
    #[arg(long, value_name = "P", value_parser = fraction, allow_negative_numbers = true, help_heading = LEARNING)]
    dropout: Option<f64>,
    /// How much each class counts in the training loss [default: none]
    #[arg(long, value_enum, help_heading = LEARNING)]
    class_weights: Option<ClassWeights>,

    #[command(flatten)]
    images: ImageArgs,
}

/// What the models see of the images.
#[derive(Args, Clone, Debug, Default, PartialEq)]
struct ImageArgs {
    /// What number the models see for a pixel
    #[arg(long, value_enum, help_heading = IMAGES)]
    pixels: Option<Normalization>,
    /// Cut up to PERCENT off the width and the height of images, and enlarge what is left
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=MAX_CROP as i64), help_heading = IMAGES)]
    crop: Option<u8>,
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
    /// Change brightness, contrast and tint of images by up to PERCENT
    #[arg(long, value_name = "PERCENT", value_parser = percent(), help_heading = IMAGES)]
    color: Option<u8>,
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

impl Models {
    fn kinds(self) -> &'static [ModelKind] {
        match self {
            Self::Dense => &[ModelKind::Dense],
            Self::Cnn => &[ModelKind::Cnn],
            Self::Both => &ModelKind::ALL,
        }
    }
}

impl RecipeArgs {
    /// How many images to train on, if the user says it.
    pub fn samples(&self) -> Option<usize> {
        self.samples
    }

    /// Whether the user says nothing but how many images.
    pub fn is_usual(&self) -> bool {
        let usual = Self {
            samples: self.samples,
            ..Self::default()
        };
        *self == usual
    }

    /// The recipe for a dataset, with what the flags change.
    ///
    /// # Errors
    ///
    /// If a model cannot be built, or the dataset says itself what to validate with.
    pub fn settings(&self, data: &Dataset) -> Result<Settings> {
        let usual = usual_recipe(data);
        let settings = self.of_spec(data.train.spec, data.train.len(), usual)?;
        let validation = data.validation.as_ref().map(Split::len);
        Ok(Settings {
            validation: validation.unwrap_or(settings.validation),
            ..settings
        })
    }

    /// The same for so many images, which are trained on by such a recipe unless the flags say it.
    ///
    /// # Errors
    ///
    /// If a model cannot be built.
    pub fn of_spec(&self, spec: Spec, images: usize, usual: Recipe) -> Result<Settings> {
        let recipe = self.recipe.unwrap_or(usual);
        let batch_size = self.batch_size.unwrap_or(recipe.batch_size(images));
        let kinds = self.model.unwrap_or(Models::Both).kinds();
        let mut settings = Settings::new(recipe, kinds, spec);
        settings.batch_size = batch_size;
        settings.validation = usual_validation(images);
        for model in &mut settings.models {
            model.training.learning_rate *= (batch_size as f64 / BATCH_SIZE as f64).sqrt();
        }
        let settings = self.change(settings)?;
        if let Some(epochs) = self.warm_up_epochs {
            ensure!(
                epochs <= settings.epochs as f64,
                "--warm-up-epochs {epochs}: the learning rate would still grow when the run ends after {} — \
                 use fewer",
                count(settings.epochs, "epoch")
            );
        }
        Ok(settings)
    }

    /// The settings of a run that is to go on, perhaps for more epochs.
    ///
    /// # Errors
    ///
    /// If a flag asks for anything else: which.
    pub fn resumed(&self, run: &Settings) -> Result<Settings> {
        let kinds: Vec<ModelKind> = run.kinds().collect();
        if let Some(models) = self.model {
            ensure!(
                models.kinds() == kinds,
                "--model: the run trains other models — leave it out with --resume"
            );
        }
        let mut asked = self.change(Settings {
            recipe: self.recipe.unwrap_or(run.recipe),
            batch_size: self.batch_size.unwrap_or(run.batch_size),
            ..run.clone()
        })?;
        ensure!(
            asked.epochs >= run.epochs,
            "--epochs {}: the run has {} — ask for more, or leave it out",
            asked.epochs,
            run.epochs
        );
        let epochs = std::mem::replace(&mut asked.epochs, run.epochs);
        if let Some(difference) = asked.difference(run) {
            bail!(
                "{difference} — a run goes on with its own settings: leave them out with --resume"
            );
        }
        Ok(Settings { epochs, ..asked })
    }

    /// Refuses flags of a model that is not trained.
    fn check_kinds(&self, settings: &Settings) -> Result<()> {
        let flags = [
            ("--hidden", ModelKind::Dense, self.hidden.is_some()),
            ("--widths", ModelKind::Cnn, self.widths.is_some()),
            ("--cnn-hidden", ModelKind::Cnn, self.cnn_hidden.is_some()),
            ("--normalize", ModelKind::Cnn, self.normalize.is_some()),
        ];
        for (flag, kind, given) in flags {
            ensure!(
                !given || settings.kinds().any(|trained| trained == kind),
                "{flag} is of the {kind} model, which is not trained — leave it out, or train that model \
                 with --model"
            );
        }
        Ok(())
    }

    /// The settings with what the flags change.
    fn change(&self, mut settings: Settings) -> Result<Settings> {
        self.check_kinds(&settings)?;
        set(&mut settings.epochs, &self.epochs);
        set(&mut settings.seed, &self.seed);
        set(&mut settings.validation, &self.validation);
        if self.samples.is_some() {
            settings.samples = self.samples;
        }
        if self.no_fused {
            settings.implementation = Implementation::Reference;
        }
        for model in &mut settings.models {
            self.change_model(model)?;
        }
        settings.check()?;
        Ok(settings)
    }

    fn change_model(&self, model: &mut ModelSettings) -> Result<()> {
        let architecture = &mut model.architecture;
        match architecture.model {
            ModelKind::Dense => set(&mut architecture.hidden, &self.hidden),
            ModelKind::Cnn => {
                set(&mut architecture.hidden, &self.cnn_hidden);
                set(&mut architecture.widths, &self.widths);
                set(&mut architecture.channel_norm, &self.normalize);
            }
        }
        set(&mut architecture.normalization, &self.images.pixels);
        architecture.check()?;
        let side = architecture.input.height.min(architecture.input.width);
        for (flag, pixels) in [
            ("--shift", self.images.shift),
            ("--erase-side", self.images.erase_side),
        ] {
            ensure!(
                pixels.is_none_or(|pixels| usize::from(pixels) <= side),
                "{flag}: the images have {side} pixels from side to side — use at most so many"
            );
        }

        let training = &mut model.training;
        set(&mut training.learning_rate, &self.learning_rate);
        set(&mut training.warm_up_epochs, &self.warm_up_epochs);
        set(&mut training.decay, &self.decay);
        set(&mut training.weight_decay, &self.weight_decay);
        set(&mut training.label_smoothing, &self.label_smoothing);
        set(&mut training.dropout, &self.dropout);
        set(&mut training.class_weights, &self.class_weights);
        if let Some(decay) = self.average_decay {
            training.average_decay = (decay > 0.0).then_some(decay);
        }
        let augment = &mut training.augment;
        set(&mut augment.crop, &self.images.crop);
        set(&mut augment.flip, &self.images.flip);
        set(&mut augment.shift, &self.images.shift);
        set(&mut augment.erase, &self.images.erase);
        set(&mut augment.erase_side, &self.images.erase_side);
        set(&mut augment.cutmix, &self.images.cutmix);
        set(&mut augment.mixup, &self.images.mixup);
        set(&mut augment.color, &self.images.color);
        Ok(())
    }
}

/// How a dataset is trained on, unless somebody says it: folders of pictures, and arrays of other images than
/// Fashion-MNIST's like, as pictures.
pub(super) fn usual_recipe(data: &Dataset) -> Recipe {
    let resize = data
        .preparation
        .as_ref()
        .and_then(|preparation| preparation.resize);
    match resize {
        Some(_) => Recipe::Pictures,
        None => Recipe::default(),
    }
}

/// How many of so many images are held out to validate with, unless somebody says it.
pub(super) fn usual_validation(images: usize) -> usize {
    VALIDATION_IMAGES.min(images / 10).max(1)
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
    clap::value_parser!(u8).range(0..=255)
}

/// Outputs of a layer, one of a list that may have spaces between.
fn outputs(text: &str) -> Result<usize, String> {
    text.trim()
        .parse()
        .map_err(|error: ParseIntError| match error.kind() {
            IntErrorKind::PosOverflow => "too large".to_string(),
            _ => "expected whole numbers, such as 512,256".to_string(),
        })
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
