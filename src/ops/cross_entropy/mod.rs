//! Softmax and cross-entropy as one operation, which also counts the right predictions.

// burn-ndarray is deprecated: it ends with Burn 0.22, which this project stays on.
#![allow(deprecated)]

mod autodiff;
pub mod cpu;
mod gpu;
mod ndarray;
mod plan;
pub mod reference;

use burn::Tensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};

/// The differentiable loss, as Burn dispatches it to the backend of its tensors.
#[backend_extension(Autodiff, Cube, NdArray)]
pub trait CrossEntropy: Backend {
    /// See [`cross_entropy`].
    fn cross_entropy(
        logits: FloatTensor<Self>,
        targets: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

/// What a backend implements: loss, tally and gradient in one go.
pub trait CrossEntropyKernels: CrossEntropy {
    /// The two results of [`cross_entropy`], and the gradient of the mean loss with respect to the
    /// logits, `[batch, classes]`.
    fn forward_backward(
        logits: FloatTensor<Self>,
        targets: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

/// The mean cross-entropy of logits against targets in nats, `[1]`; and, without gradient, `[3]`:
/// the sum of the losses, the number of right predictions, and 1 if that sum is finite, else 0.
///
/// Logits and targets are `[batch, classes]`; a row of targets is a distribution, such as 1 at the
/// label. An prediction is right where the largest logit, the first of equal ones, is at the largest
/// target.
pub fn cross_entropy(logits: Tensor<2>, targets: Tensor<2>) -> (Tensor<1>, Tensor<1>) {
    let (loss, tally) = Dispatch::cross_entropy(logits.into_dispatch(), targets.into_dispatch());
    (Tensor::from_dispatch(loss), Tensor::from_dispatch(tally))
}
