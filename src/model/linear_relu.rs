//! The fully connected layer as a module of Burn.

use burn::Tensor;
use burn::config::Config;
use burn::module::{Module, Param};
use burn::tensor::Device;

use super::Implementation;
use super::init::Init;
use crate::ops::linear::{linear, reference};

/// Configuration of a [`LinearRelu`]; [`init`](Self::init) makes it.
#[derive(Config, Debug)]
pub struct LinearReluConfig {
    /// Values of an input.
    pub inputs: usize,
    /// Values of an output.
    pub outputs: usize,
    /// Whether a ReLU follows, as it does not after a model's last layer.
    #[config(default = true)]
    pub relu: bool,
}

/// `relu(input · weight + bias)`, or the same without ReLU, computed as one operation on every backend,
/// in both directions.
///
/// Input `[batch, inputs]`, output `[batch, outputs]`.
///
/// ```
/// use burn::Tensor;
/// use fmnist::device::{self, BackendChoice};
/// use fmnist::model::LinearReluConfig;
///
/// let device = device::select(BackendChoice::Cpu, None)?.device;
/// let hidden = LinearReluConfig::new(784, 128).init(&device);
/// let last = LinearReluConfig::new(128, 10).with_relu(false).init(&device);
///
/// let logits = last.forward(hidden.forward(Tensor::ones([8, 784], &device)));
/// assert_eq!(logits.dims(), [8, 10]);
/// # anyhow::Ok(())
/// ```
#[derive(Module, Debug)]
pub struct LinearRelu {
    /// `[inputs, outputs]`.
    pub weight: Param<Tensor<2>>,
    /// `[outputs]`.
    pub bias: Param<Tensor<1>>,
    #[module(skip)]
    relu: bool,
    #[module(skip)]
    implementation: Implementation,
}

impl LinearReluConfig {
    /// A layer with fresh weights on `device`: uniform in ±1/√inputs, as Burn's own `Linear` has them.
    pub fn init(&self, device: &Device) -> LinearRelu {
        self.init_with(Implementation::Fused, &mut Init::random(device))
    }

    pub(super) fn init_with(&self, implementation: Implementation, init: &mut Init) -> LinearRelu {
        LinearRelu {
            weight: init.uniform([self.inputs, self.outputs], self.inputs),
            bias: init.uniform([self.outputs], self.inputs),
            relu: self.relu,
            implementation,
        }
    }
}

impl LinearRelu {
    /// `[batch, inputs]` → `[batch, outputs]`.
    ///
    /// # Panics
    ///
    /// If the input has another number of columns.
    pub fn forward(&self, input: Tensor<2>) -> Tensor<2> {
        let (weight, bias) = (self.weight.val(), self.bias.val());
        match self.implementation {
            Implementation::Fused => linear(input, weight, bias, self.relu),
            Implementation::Reference => reference::linear(input, weight, bias, self.relu),
        }
    }

    /// Whether it ends in a ReLU.
    pub fn has_relu(&self) -> bool {
        self.relu
    }
}
