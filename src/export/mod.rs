//! Trained models as files that other programs run.
//!
//! [`Network`] describes a model in plain data; [`onnx`] and [`safetensors`] write it.

pub mod npy;
pub mod onnx;
mod protobuf;
pub mod safetensors;

use crate::Result;
use crate::dataset::{ImageShape, Spec};
use crate::error::{bail, ensure};
use crate::ops::gather::{Normalization, Scale};

/// A layer and its weights, row-major.
#[derive(Clone, Debug, PartialEq)]
pub enum Layer {
    /// "Same" convolution + bias + ReLU, with or without a 2×2 max-pool, which drops an odd last row or
    /// column.
    ConvReluPool {
        /// Output channels, input channels, and height and width of the kernel, which are odd.
        shape: [usize; 4],
        /// Values of this shape.
        weight: Vec<f32>,
        /// One value for each output channel.
        bias: Vec<f32>,
        /// Side and stride of the pool's windows: 2, or 1 for none.
        pool: usize,
    },
    /// `input · weight + bias`, with or without a ReLU.
    Linear {
        /// Inputs and outputs.
        shape: [usize; 2],
        /// Values of this shape.
        weight: Vec<f32>,
        /// One value for each output.
        bias: Vec<f32>,
        /// Whether a ReLU follows.
        relu: bool,
    },
}

/// A classifier of images: blocks of convolution, then linear layers.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    name: String,
    spec: Spec,
    normalization: Normalization,
    layers: Vec<Layer>,
    class_names: Vec<String>,
}

impl Network {
    /// A network of which the layers fit together, and which sees images as `spec` and
    /// `normalization` say.
    ///
    /// # Errors
    ///
    /// If they do not.
    pub fn new(
        name: &str,
        spec: Spec,
        normalization: Normalization,
        layers: Vec<Layer>,
        class_names: &[String],
    ) -> Result<Self> {
        // What comes out of the layers so far: an image, or values.
        let mut image = Some(spec.shape);
        let mut values = spec.shape.values();
        for (index, layer) in layers.iter().enumerate() {
            let (fits, inputs, outputs, weight, bias) = match layer {
                Layer::ConvReluPool {
                    shape: [outputs, channels, height, width],
                    weight,
                    bias,
                    pool: pool @ (1 | 2),
                } => {
                    let odd = height % 2 == 1 && width % 2 == 1;
                    let fits = odd && image.is_some_and(|before| before.channels == *channels);
                    image = image.map(|before| ImageShape {
                        channels: *outputs,
                        height: before.height / pool,
                        width: before.width / pool,
                    });
                    values = image.map_or(0, |image| image.values());
                    (fits, channels * height * width, *outputs, weight, bias)
                }
                Layer::Linear {
                    shape: [inputs, outputs],
                    weight,
                    bias,
                    ..
                } => {
                    let fits = *inputs == values;
                    image = None;
                    values = *outputs;
                    (fits, *inputs, *outputs, weight, bias)
                }
                Layer::ConvReluPool { pool, .. } => {
                    bail!(
                        "layer {index} of the {name} model has a pool of {pool}×{pool} — use 2, or 1 for none"
                    )
                }
            };
            ensure!(
                fits && weight.len() == inputs * outputs && bias.len() == outputs && values > 0,
                "layer {index} of the {name} model has a shape that does not fit what comes before \
                 it, or its weights"
            );
        }
        ensure!(
            image.is_none() && values == class_names.len(),
            "the {name} model does not end in a linear layer of one output for each of its {} \
             classes",
            class_names.len()
        );
        Ok(Self {
            name: name.to_owned(),
            spec,
            normalization,
            layers,
            class_names: class_names.to_vec(),
        })
    }

    /// Which model it is.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The images that it sees.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// From the images to the logits.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// What becomes of the bytes of each channel.
    pub fn scales(&self) -> impl Iterator<Item = Scale> {
        let channels = self.spec.channels().iter();
        channels.map(|&channel| self.normalization.scale(channel))
    }

    /// The network in the modules of a PyTorch `nn.Sequential`.
    fn modules(&self) -> Vec<Module<'_>> {
        let mut modules = Vec::new();
        let mut flat = false;
        for layer in &self.layers {
            match layer {
                Layer::ConvReluPool {
                    shape,
                    weight,
                    bias,
                    pool,
                } => {
                    modules.extend([Module::Conv2d(*shape, weight, bias), Module::ReLU]);
                    if *pool == 2 {
                        modules.push(Module::MaxPool2d);
                    }
                }
                Layer::Linear {
                    shape,
                    weight,
                    bias,
                    relu,
                } => {
                    if !flat {
                        modules.push(Module::Flatten);
                        flat = true;
                    }
                    modules.push(Module::Linear(*shape, weight, bias));
                    if *relu {
                        modules.push(Module::ReLU);
                    }
                }
            }
        }
        modules
    }

    /// The weights by the names and in the layouts that they have in the `state_dict` of that
    /// `nn.Sequential`: the module's place, then `weight` or `bias`.
    fn tensors(&self) -> Vec<Tensor> {
        let mut tensors = Vec::new();
        for (place, module) in self.modules().into_iter().enumerate() {
            let (shape, weight, bias) = match module {
                Module::Conv2d(shape, weight, bias) => (shape.to_vec(), bytes(weight), bias),
                Module::Linear([inputs, outputs], weight, bias) => {
                    let columns = (0..outputs).flat_map(|o| weight.iter().skip(o).step_by(outputs));
                    (vec![outputs, inputs], bytes(columns), bias)
                }
                Module::ReLU | Module::MaxPool2d | Module::Flatten => continue,
            };
            tensors.push(Tensor {
                name: format!("{place}.weight"),
                shape,
                bytes: weight,
            });
            tensors.push(Tensor {
                name: format!("{place}.bias"),
                shape: vec![bias.len()],
                bytes: bytes(bias),
            });
        }
        tensors
    }

    /// What is to be subtracted from pixels in [0, 1] in each channel, and what they are then to be
    /// divided by: `mean` and `std` of torchvision's `Normalize`.
    fn mean_and_std(&self) -> [Vec<f32>; 2] {
        let part = |byte: u8| f32::from(byte) / 255.0;
        [
            self.scales().map(|scale| part(scale.offset)).collect(),
            self.scales().map(|scale| part(scale.divisor)).collect(),
        ]
    }

    /// The names of the classes as a list in JSON, for metadata, which is text.
    fn class_names(&self) -> String {
        serde_json::Value::from(self.class_names.as_slice()).to_string()
    }
}

/// A module of PyTorch by its name there; shape, weight and bias are those of its [`Layer`].
enum Module<'a> {
    Conv2d([usize; 4], &'a [f32], &'a [f32]),
    ReLU,
    MaxPool2d,
    Flatten,
    Linear([usize; 2], &'a [f32], &'a [f32]),
}

/// A weight or a bias.
struct Tensor {
    name: String,
    shape: Vec<usize>,
    /// Row-major, little-endian.
    bytes: Vec<u8>,
}

fn bytes<'a>(values: impl IntoIterator<Item = &'a f32>) -> Vec<u8> {
    values
        .into_iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}
