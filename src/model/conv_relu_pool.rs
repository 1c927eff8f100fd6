//! The convolutional block as a module of Burn.

use burn::Tensor;
use burn::config::Config;
use burn::module::{Module, Param};
use burn::tensor::Device;

use super::Implementation;
use super::init::Init;
use crate::ops::conv_relu_pool::{conv_relu, conv_relu_pool, reference};

/// Side of the convolution's kernel in this project's own models.
pub(crate) const KERNEL: usize = 3;

/// Configuration of a [`ConvReluPool`]; [`init`](Self::init) makes it.
#[derive(Config, Debug)]
pub struct ConvReluPoolConfig {
    /// Channels of the input and of the output.
    pub channels: [usize; 2],
    /// Side of the convolution's kernel, 3 or 5.
    #[config(default = 3)]
    pub kernel_size: usize,
    /// Side and stride of the pool's windows: 2, or 1 for none.
    #[config(default = 2)]
    pub pool: usize,
}

/// Convolution with "same" padding and stride 1, bias, ReLU and 2×2 max-pooling or none, computed as
/// one operation on every backend, in both directions.
///
/// Input `[batch, in_channels, height, width]`, output
/// `[batch, out_channels, height / pool, width / pool]`; the pool drops an odd last row or column.
///
/// ```
/// use burn::Tensor;
/// use burn::module::Module;
/// use fmnist::device::{self, BackendChoice};
/// use fmnist::model::ConvReluPoolConfig;
///
/// let device = device::select(BackendChoice::Cpu, None)?.device.autodiff();
/// let block = ConvReluPoolConfig::new([1, 32]).init(&device);
/// assert_eq!(block.num_params(), 32 * (1 * 3 * 3 + 1));
///
/// let images = Tensor::<4>::ones([8, 1, 28, 28], &device);
/// let features = block.forward(images);
/// assert_eq!(features.dims(), [8, 32, 14, 14]);
///
/// let gradients = features.sum().backward();
/// let gradient = block.weight.val().grad(&gradients).expect("a weight learns");
/// assert_eq!(gradient.dims(), [32, 1, 3, 3]);
/// # anyhow::Ok(())
/// ```
#[derive(Module, Debug)]
pub struct ConvReluPool {
    /// `[out_channels, in_channels, kernel_size, kernel_size]`.
    pub weight: Param<Tensor<4>>,
    /// `[out_channels]`.
    pub bias: Param<Tensor<1>>,
    /// Side and stride of the pool's windows: 2, or 1 for none.
    #[module(skip)]
    pub pool: usize,
    #[module(skip)]
    implementation: Implementation,
}

impl ConvReluPoolConfig {
    /// A block with fresh weights on `device`: uniform in ±1/√(in_channels · kernel_size²), as Burn's
    /// own convolution has them.
    pub fn init(&self, device: &Device) -> ConvReluPool {
        self.init_with(Implementation::Fused, &mut Init::random(device))
    }

    pub(super) fn init_with(
        &self,
        implementation: Implementation,
        init: &mut Init,
    ) -> ConvReluPool {
        let [in_channels, out_channels] = self.channels;
        let side = self.kernel_size;
        let fan_in = in_channels * side * side;
        ConvReluPool {
            weight: init.uniform([out_channels, in_channels, side, side], fan_in),
            bias: init.uniform([out_channels], fan_in),
            pool: self.pool,
            implementation,
        }
    }
}

impl ConvReluPool {
    /// `[batch, in_channels, height, width]` → `[batch, out_channels, height / pool, width / pool]`.
    ///
    /// # Panics
    ///
    /// If the input has another number of channels or is smaller than a window of the pool, if the kernel
    /// is neither 3×3 nor 5×5, or if the pool is neither 2 nor 1.
    pub fn forward(&self, input: Tensor<4>) -> Tensor<4> {
        let (weight, bias) = (self.weight.val(), self.bias.val());
        match (self.implementation, self.pool) {
            (Implementation::Fused, 2) => conv_relu_pool(input, weight, bias),
            (Implementation::Fused, 1) => conv_relu(input, weight, bias),
            (Implementation::Reference, 2) => reference::conv_relu_pool(input, weight, bias),
            (Implementation::Reference, 1) => reference::conv_relu(input, weight, bias),
            (_, pool) => panic!("a pool of {pool}×{pool} is not supported, use 2, or 1 for none"),
        }
    }

    /// Multiplies each channel of the output with a positive factor `[1, out_channels, 1, 1]`: ReLU
    /// and maximum let it through, so that it can be a part of the weights.
    pub(super) fn scale(&mut self, factor: Tensor<4>) {
        let [channels] = self.bias.dims();
        let of_weight = factor.clone().reshape([channels, 1, 1, 1]);
        self.weight = self.weight.clone().map(|weight| weight * of_weight);
        let of_bias = factor.reshape([channels]);
        self.bias = self.bias.clone().map(|bias| bias * of_bias);
    }
}
