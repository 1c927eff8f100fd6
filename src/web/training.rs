//! The training part of a page's data: the settings, and images if there are any.

use anyhow::{Result, ensure};
use serde::Serialize;

use super::programs::EVALUATION_BATCH;
use super::{Place, packed, places};
use crate::dataset::Split;
use crate::ops::adamw::Layout;
use crate::ops::gather::Normalization;
use crate::train::{ModelSettings, Settings, Training as Learning};
use crate::util::text::count;

/// How the models of a page are trained.
#[derive(Serialize)]
pub struct Training {
    recipe: &'static str,
    epochs: usize,
    batch_size: usize,
    /// Its lower and its upper half: JavaScript has no integers of 64 bits in JSON.
    seed: [u32; 2],
    evaluation_batch: usize,
    models: Vec<Model>,
    packed: Option<Packed>,
}

/// A model and how it learns.
#[derive(Serialize)]
struct Model {
    name: &'static str,
    layers: Vec<Place>,
    /// Where in the buffer of a training step each layer's weight, then its bias, begins.
    starts: Vec<usize>,
    /// What becomes of a byte.
    pixels: Normalization,
    normalize: bool,
    learning: Learning,
}

/// Images in the page.
#[derive(Serialize)]
pub struct Packed {
    train: Part,
    validation: Part,
    test: Option<Part>,
}

#[derive(Serialize)]
struct Part {
    len: usize,
    /// All images, then all labels as little-endian u16, [packed].
    bytes: String,
}

impl Training {
    /// The settings of a run, for a page with these images or without any.
    pub fn new(settings: &Settings, packed: Option<Packed>) -> Self {
        Self {
            recipe: settings.recipe.name(),
            epochs: settings.epochs,
            batch_size: settings.batch_size,
            seed: [settings.seed as u32, (settings.seed >> 32) as u32],
            evaluation_batch: EVALUATION_BATCH,
            models: settings.models.iter().map(Model::new).collect(),
            packed,
        }
    }
}

impl Model {
    fn new(model: &ModelSettings) -> Self {
        let architecture = &model.architecture;
        let layout = Layout::new(architecture.parameter_shapes().into_iter());
        Self {
            name: architecture.model.name(),
            layers: places(architecture),
            starts: layout
                .segments
                .iter()
                .map(|segment| segment.start)
                .collect(),
            pixels: architecture.normalization,
            normalize: architecture.channel_norm,
            learning: model.training,
        }
    }
}

impl Packed {
    /// About `images` of a training set, and a quarter as many of each of the other parts: spread evenly over
    /// all there are.
    ///
    /// # Errors
    ///
    /// If these are not as many as `batch_size`: an epoch in the page has whole batches only.
    pub fn new(
        [train, validation, test]: [&Split; 3],
        images: usize,
        batch_size: usize,
    ) -> Result<Self> {
        let remedy = match train.len() >= batch_size {
            true => "pack as many at least with --samples",
            false => "leave them out with --no-samples",
        };
        ensure!(
            images.min(train.len()) >= batch_size,
            "{} to train on are fewer than a batch, {batch_size} — {remedy}",
            count(images.min(train.len()), "image")
        );
        let few = images.div_ceil(4);
        Ok(Self {
            train: Part::new(train, images)?,
            validation: Part::new(validation, few)?,
            test: match test.is_empty() {
                true => None,
                false => Some(Part::new(test, few)?),
            },
        })
    }
}

impl Part {
    fn new(split: &Split, most: usize) -> Result<Self> {
        let len = most.min(split.len());
        let chosen: Vec<usize> = (0..len).map(|place| place * split.len() / len).collect();
        let mut bytes = Vec::with_capacity(len * (split.spec.shape.values() + size_of::<u16>()));
        for &index in &chosen {
            bytes.extend_from_slice(split.image(index));
        }
        bytes.extend(
            chosen
                .iter()
                .flat_map(|&index| split.labels[index].to_le_bytes()),
        );
        Ok(Self {
            len,
            bytes: packed(&bytes)?,
        })
    }
}
