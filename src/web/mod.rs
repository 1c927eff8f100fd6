//! A trained model as a page: one HTML file that recognises pictures in any browser, with the shaders of
//! this program.
//!
//! `page/` holds the page: a template, its style, and modules of plain script, one for each job. They are
//! joined here into one script, next to what they work on: the models' weights, their [programs](crate::program)
//! and a few images. The file needs no other and no network, and its content security policy forbids both.

mod page;

use base64::prelude::{BASE64_STANDARD, Engine};
use serde::Serialize;

use crate::dataset::{ImageShape, Resize, Spec, Split};
use crate::export::{Layer, Network};
use crate::program::{Program, predict};

pub use page::page;

/// Images of the test set that lie ready, at most; of different classes.
const SAMPLES: usize = 12;

/// What the page's script works on.
#[derive(Clone, Debug, Serialize)]
pub struct Data {
    /// Of this program.
    version: &'static str,
    /// Its name.
    dataset: String,
    /// In the order of the probabilities.
    class_names: Vec<String>,
    /// Of the images that the models see.
    shape: ImageShape,
    /// How pictures become such images; none if as Fashion-MNIST's did.
    resize: Option<Resize>,
    models: Vec<Model>,
    samples: Vec<Sample>,
}

/// A model.
#[derive(Clone, Debug, Serialize)]
struct Model {
    name: String,
    test_accuracy: Option<f64>,
    /// Of each channel.
    scales: Vec<Scale>,
    weights: String,
    layers: Vec<Place>,
    predict: Program,
}

/// A byte becomes `(byte - offset) * factor`.
#[derive(Clone, Debug, Serialize)]
struct Scale {
    offset: u8,
    factor: f32,
}

/// The sizes of a layer, and where among the model's weights its own begin.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Place {
    Block {
        in_channels: usize,
        out_channels: usize,
        height: usize,
        width: usize,
        kernel: usize,
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
#[derive(Clone, Debug, Serialize)]
struct Sample {
    label: u16,
    pixels: String,
}

impl Data {
    /// What a page of these models has, each with its test accuracy if that is known. `test` are images of
    /// which the page shows some.
    pub fn new(
        dataset: &str,
        class_names: &[String],
        resize: Option<Resize>,
        models: &[(Network, Option<f64>)],
        test: &Split,
    ) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            dataset: dataset.to_owned(),
            class_names: class_names.to_vec(),
            shape: test.spec.shape,
            resize,
            models: models
                .iter()
                .map(|(network, test_accuracy)| Model::new(network, *test_accuracy))
                .collect(),
            samples: samples(test),
        }
    }
}

impl Model {
    fn new(network: &Network, test_accuracy: Option<f64>) -> Self {
        let Spec { shape, .. } = *network.spec();
        let ImageShape {
            channels,
            height,
            width,
        } = shape;
        let scale = |scale: crate::ops::gather::Scale| Scale {
            offset: scale.offset,
            factor: scale.factor(),
        };
        let (layers, weights) = places(network.layers(), shape);
        Self {
            name: network.name().to_owned(),
            test_accuracy,
            scales: network.scales().map(scale).collect(),
            weights: BASE64_STANDARD.encode(weights),
            layers,
            predict: predict(network.layers(), [1, channels, height, width]),
        }
    }
}

/// The layers' sizes, and all weights as little-endian bytes: each layer's weight, then its bias.
fn places(layers: &[Layer], shape: ImageShape) -> (Vec<Place>, Vec<u8>) {
    let ImageShape {
        mut height,
        mut width,
        ..
    } = shape;
    let mut places = Vec::new();
    let mut weights = Vec::new();
    for layer in layers {
        let (Layer::ConvReluPool { weight, bias, .. } | Layer::Linear { weight, bias, .. }) = layer;
        let first = weights.len() / size_of::<f32>();
        let after = first + weight.len();
        weights.extend(
            weight
                .iter()
                .chain(bias)
                .flat_map(|value| value.to_le_bytes()),
        );
        places.push(match *layer {
            Layer::ConvReluPool {
                shape: [out_channels, in_channels, kernel, _],
                ..
            } => {
                let place = Place::Block {
                    in_channels,
                    out_channels,
                    height,
                    width,
                    kernel,
                    weight: first,
                    bias: after,
                };
                (height, width) = (height / 2, width / 2);
                place
            }
            Layer::Linear {
                shape: [inputs, outputs],
                relu,
                ..
            } => Place::Linear {
                inputs,
                outputs,
                relu,
                weight: first,
                bias: after,
            },
        });
    }
    (places, weights)
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
