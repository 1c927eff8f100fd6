//! Normalisation of each channel by its root mean square over the batch.
//!
//! Batch normalization (Ioffe and Szegedy, 2015) without the shift, after the pool instead of before
//! the ReLU. The block stays one operation, and after training the normalisation disappears: ReLU and
//! maximum let positive factors through, so that dividing a block's output is dividing its weights.
//!
//! Shapes: input and output `[batch, channels, height, width]`, factors `[channels]`.

pub mod cpu;
pub(crate) mod gpu;
mod ndarray;
mod plan;
pub mod reference;

use burn::Tensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};

use crate::ops::autodiff::{CheckpointStrategy, custom_vjp};

/// Added to the mean square, which may be 0.
pub const EPSILON: f32 = 1e-5;

/// The differentiable operation, as Burn dispatches it to the backend of its tensors.
#[backend_extension(Autodiff, Cube, NdArray)]
pub trait ChannelNorm: Backend {
    /// See [`channel_norm`].
    fn channel_norm(input: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// What a backend implements.
pub trait ChannelNormKernels: Backend {
    /// The output, and the factors `1 / √(mean square + ε)` that it was made with.
    fn forward(input: FloatTensor<Self>) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// The gradient with respect to the input.
    fn backward(
        output: FloatTensor<Self>,
        factors: FloatTensor<Self>,
        grad_output: FloatTensor<Self>,
    ) -> FloatTensor<Self>;
}

impl<B: ChannelNormKernels> ChannelNorm for B {
    fn channel_norm(input: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::forward(input).0
    }
}

impl<B: ChannelNormKernels, C: CheckpointStrategy> ChannelNorm for Autodiff<B, C> {
    fn channel_norm(input: FloatTensor<Self>) -> FloatTensor<Self> {
        custom_vjp::<B, C, _, _>([input], |[input]| {
            let (output, factors) = B::forward(input);
            let saved = output.clone();
            let backward = |grad_output, _| [Some(B::backward(saved, factors, grad_output))];
            (output, backward)
        })
    }
}

/// The input with each channel divided by its root mean square over batch, height and width.
pub fn channel_norm(input: Tensor<4>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::channel_norm(input.into_dispatch()))
}
