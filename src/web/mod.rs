//! Models as a page: one HTML file that recognises pictures in any browser and trains before one's eyes, with
//! the shaders of this program.
//!
//! `page/` holds the page: a template, its style, and modules of plain script, one for each job. They are
//! joined here into one script, next to what they work on: the models' weights, their [programs](crate::program)
//! and images. The file needs no other and no network, and its content security policy forbids both.

mod page;
mod programs;
mod training;

use std::io::Write;

use anyhow::Result;
use base64::prelude::{BASE64_STANDARD, Engine};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use serde::Serialize;

use crate::dataset::{ImageShape, Resize, Spec, Split};
use crate::export::{Layer, Network};
use crate::model::{Architecture, KERNEL};
use crate::train::Settings;

pub use page::page;
pub use programs::EVALUATION_BATCH;
use programs::Programs;
pub use training::Packed;
use training::Training;

/// Images of the test set that lie ready, at most; of different classes.
const SAMPLES: usize = 12;

/// What a page is made of.
pub struct Contents<'a> {
    /// The dataset's name.
    pub dataset: &'a str,
    /// In the order of the probabilities.
    pub class_names: &'a [String],
    /// Of the images that the models see.
    pub spec: Spec,
    /// How pictures become such images; none if as Fashion-MNIST's did.
    pub resize: Option<Resize>,
    /// What is trained, and how.
    pub settings: &'a Settings,
    /// The models that were trained so, each with its test accuracy if that is known; perhaps none.
    pub trained: Vec<(Network, Option<f64>)>,
    /// Images of which the page shows some.
    pub test: &'a Split,
    /// Images to train on.
    pub packed: Option<Packed>,
}

/// What the page's script works on.
#[derive(Serialize)]
pub struct Data {
    /// Of this program.
    version: &'static str,
    dataset: String,
    class_names: Vec<String>,
    shape: ImageShape,
    resize: Option<Resize>,
    channels: Vec<Channel>,
    /// The trained ones.
    models: Vec<Model>,
    samples: Vec<Sample>,
    training: Training,
    programs: String,
}

/// Bytes of a channel over the training images.
#[derive(Serialize)]
struct Channel {
    mean: u8,
    std: u8,
}

/// A trained model.
#[derive(Serialize)]
struct Model {
    name: String,
    test_accuracy: Option<f64>,
    /// Of each channel.
    scales: Vec<Scale>,
    weights: String,
    layers: Vec<Place>,
}

/// A byte becomes `(byte - offset) * factor`.
#[derive(Serialize)]
struct Scale {
    offset: u8,
    factor: f32,
}

/// The sizes of a layer, and where among the model's weights its own begin.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Place {
    Block {
        in_channels: usize,
        out_channels: usize,
        height: usize,
        width: usize,
        kernel: usize,
        /// Side and stride of the pool's windows: 2, or 1 for none.
        pool: usize,
        weight: usize,
        bias: usize,
    },
    Linear {
        inputs: usize,
        outputs: usize,
        relu: bool,
        weight: usize,
        bias: usize,
    },
}

/// An image with its label.
#[derive(Serialize)]
struct Sample {
    label: u16,
    pixels: String,
}

impl Data {
    /// The data of a page.
    ///
    /// # Errors
    ///
    /// None that is known: all of it has a form in JSON.
    ///
    /// # Panics
    ///
    /// If a model is too large for its batch size.
    pub fn new(contents: Contents) -> Result<Self> {
        let Contents { spec, settings, .. } = contents;
        let architecture = |name: &str| {
            let mut all = settings.models.iter().map(|model| &model.architecture);
            all.find(|architecture| architecture.model.name() == name)
        };
        let models = contents.trained.iter().filter_map(|(network, accuracy)| {
            let architecture = architecture(network.name())?;
            Some(Model::new(network, architecture, *accuracy))
        });
        Ok(Self {
            version: env!("CARGO_PKG_VERSION"),
            dataset: contents.dataset.to_owned(),
            class_names: contents.class_names.to_vec(),
            shape: spec.shape,
            resize: contents.resize,
            channels: spec
                .channels()
                .iter()
                .map(|channel| Channel {
                    mean: channel.mean,
                    std: channel.std,
                })
                .collect(),
            models: models.collect(),
            samples: samples(contents.test),
            training: Training::new(settings, contents.packed),
            programs: Programs::new(settings).to_text()?,
        })
    }
}

impl Model {
    fn new(network: &Network, architecture: &Architecture, test_accuracy: Option<f64>) -> Self {
        let scale = |scale: crate::ops::gather::Scale| Scale {
            offset: scale.offset,
            factor: scale.factor(),
        };
        let weights = network.layers().iter().flat_map(|layer| {
            let (Layer::ConvReluPool { weight, bias, .. } | Layer::Linear { weight, bias, .. }) =
                layer;
            weight.iter().chain(bias)
        });
        let weights: Vec<u8> = weights.flat_map(|value| value.to_le_bytes()).collect();
        Self {
            name: network.name().to_owned(),
            test_accuracy,
            scales: network.scales().map(scale).collect(),
            weights: BASE64_STANDARD.encode(weights),
            layers: places(architecture),
        }
    }
}

/// The layers' sizes, and where each one's weight and bias begin among all weights.
fn places(architecture: &Architecture) -> Vec<Place> {
    let mut next = 0;
    let mut place = |len| {
        next += len;
        next - len
    };
    let mut places = Vec::new();
    for convolution in architecture.convolutions() {
        let [in_channels, out_channels] = convolution.channels;
        let [height, width] = convolution.size;
        places.push(Place::Block {
            in_channels,
            out_channels,
            height,
            width,
            kernel: KERNEL,
            pool: convolution.pool,
            weight: place(out_channels * in_channels * KERNEL * KERNEL),
            bias: place(out_channels),
        });
    }
    let connected = architecture.connected();
    let last = connected.len() - 1;
    for (number, [inputs, outputs]) in connected.into_iter().enumerate() {
        places.push(Place::Linear {
            inputs,
            outputs,
            relu: number < last,
            weight: place(inputs * outputs),
            bias: place(outputs),
        });
    }
    places
}

/// Bytes as the page unpacks them: zlib, in base64.
fn packed(bytes: &[u8]) -> Result<String> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(BASE64_STANDARD.encode(encoder.finish()?))
}

/// The first image of each class, in the order of the test set.
fn samples(test: &Split) -> Vec<Sample> {
    let mut seen = vec![false; test.spec.classes];
    let is_new =
        |(_, label): &(usize, &u16)| !std::mem::replace(&mut seen[usize::from(**label)], true);
    let sample = |(index, &label): (usize, &u16)| Sample {
        label,
        pixels: BASE64_STANDARD.encode(test.image(index)),
    };
    let labels = test.labels.iter().enumerate();
    labels.filter(is_new).take(SAMPLES).map(sample).collect()
}
