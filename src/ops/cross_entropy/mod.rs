//! Softmax and cross-entropy as one operation, which also counts the correct predictions.

pub mod cpu;
mod gpu;
mod ndarray;
mod plan;
pub mod reference;

use burn::Tensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, Backend, Dispatch, backend_extension};

use crate::ops::autodiff::{CheckpointStrategy, custom_vjp};

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
pub trait CrossEntropyKernels: Backend {
    /// The two results of [`cross_entropy`], and the gradient of the mean loss with respect to the
    /// logits, `[batch, classes]`.
    fn forward_backward(
        logits: FloatTensor<Self>,
        targets: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

impl<B: CrossEntropyKernels> CrossEntropy for B {
    fn cross_entropy(
        logits: FloatTensor<Self>,
        targets: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let (loss, tally, _) = Self::forward_backward(logits, targets);
        (loss, tally)
    }
}

impl<B: CrossEntropyKernels, C: CheckpointStrategy> CrossEntropy for Autodiff<B, C> {
    fn cross_entropy(
        logits: FloatTensor<Self>,
        targets: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let (loss, tally, grad_logits) =
            B::forward_backward(logits.clone().into_primitive(), targets.into_primitive());
        let loss = custom_vjp::<B, C, _, _>([logits], |_| {
            let backward = move |grad_loss, _| {
                // The loss is one number: its gradient scales that of the logits.
                let grad_loss = B::float_reshape(grad_loss, [1, 1].into());
                [Some(B::float_mul(grad_logits, grad_loss))]
            };
            (loss, backward)
        });
        (loss, Self::from_inner(tally))
    }
}

/// The mean cross-entropy of logits against targets in nats, `[1]`; and, without gradient, `[3]`:
/// the sum of the losses, the number of correct predictions, and 1 if that sum is finite, else 0.
///
/// Logits and targets are `[batch, classes]`; a row of targets is a distribution, such as 1 at the
/// label. A prediction is correct where the largest logit, the first of equal ones, is at the largest
/// target.
///
/// # Panics
///
/// If the two have different shapes.
pub fn cross_entropy(logits: Tensor<2>, targets: Tensor<2>) -> (Tensor<1>, Tensor<1>) {
    assert_eq!(
        logits.dims(),
        targets.dims(),
        "cross_entropy: logits and targets have different shapes"
    );
    let (loss, tally) = Dispatch::cross_entropy(logits.into_dispatch(), targets.into_dispatch());
    (Tensor::from_dispatch(loss), Tensor::from_dispatch(tally))
}
