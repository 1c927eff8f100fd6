//! Softmax and cross-entropy as one operation, which also counts the correct predictions.

pub mod cpu;
pub(crate) mod gpu;
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

    /// The same with class weights: see [`cross_entropy`].
    fn weighted_cross_entropy(
        logits: FloatTensor<Self>,
        targets: FloatTensor<Self>,
        class_weights: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

/// What a backend implements: loss, tally and gradient in one go.
pub trait CrossEntropyKernels: Backend {
    /// The two results of [`cross_entropy`], and the gradient of the mean loss with respect to the
    /// logits, `[batch, classes]`.
    fn forward_backward(
        logits: FloatTensor<Self>,
        targets: FloatTensor<Self>,
        class_weights: Option<FloatTensor<Self>>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

impl<B: CrossEntropyKernels> CrossEntropy for B {
    fn cross_entropy(
        logits: FloatTensor<Self>,
        targets: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let (loss, tally, _) = Self::forward_backward(logits, targets, None);
        (loss, tally)
    }

    fn weighted_cross_entropy(
        logits: FloatTensor<Self>,
        targets: FloatTensor<Self>,
        class_weights: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let (loss, tally, _) = Self::forward_backward(logits, targets, Some(class_weights));
        (loss, tally)
    }
}

impl<B: CrossEntropyKernels, C: CheckpointStrategy> CrossEntropy for Autodiff<B, C> {
    fn cross_entropy(
        logits: FloatTensor<Self>,
        targets: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        differentiable::<B, C>(logits, targets, None)
    }

    fn weighted_cross_entropy(
        logits: FloatTensor<Self>,
        targets: FloatTensor<Self>,
        class_weights: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        differentiable::<B, C>(logits, targets, Some(class_weights))
    }
}

type LossAndTally<B> = (FloatTensor<B>, FloatTensor<B>);

/// The gradient is computed with the loss.
fn differentiable<B: CrossEntropyKernels, C: CheckpointStrategy>(
    logits: FloatTensor<Autodiff<B, C>>,
    targets: FloatTensor<Autodiff<B, C>>,
    class_weights: Option<FloatTensor<Autodiff<B, C>>>,
) -> LossAndTally<Autodiff<B, C>> {
    let (loss, tally, grad_logits) = B::forward_backward(
        logits.clone().into_primitive(),
        targets.into_primitive(),
        class_weights.map(|weights| weights.into_primitive()),
    );
    let loss = custom_vjp::<B, C, _, _>([logits], |_| {
        let backward = move |grad_loss, _| {
            // The loss is one number: its gradient scales that of the logits.
            let grad_loss = B::float_reshape(grad_loss, [1, 1].into());
            [Some(B::float_mul(grad_logits, grad_loss))]
        };
        (loss, backward)
    });
    (loss, Autodiff::<B, C>::from_inner(tally))
}

/// The mean cross-entropy of logits against targets in nats, `[1]`; and, without gradient, `[3]`:
/// the sum of the losses, the number of correct predictions, and 1 if that sum is finite, else 0.
///
/// Logits and targets are `[batch, classes]`; a row of targets is a distribution, such as 1 at the
/// label. A prediction is correct where the largest logit, the first of equal ones, is at the largest
/// target.
///
/// With class weights, `[classes]`, a row's loss counts as much as its classes do: it is multiplied by
/// Σ weight · target. For targets of 1 at a label that is PyTorch's `weight`. The mean is still over the
/// rows, whatever they weigh, and the weights have no gradient and no say in what is correct.
///
/// # Panics
///
/// If logits and targets have different shapes, or there are not as many weights as classes.
pub fn cross_entropy(
    logits: Tensor<2>,
    targets: Tensor<2>,
    class_weights: Option<Tensor<1>>,
) -> (Tensor<1>, Tensor<1>) {
    assert_eq!(
        logits.dims(),
        targets.dims(),
        "cross_entropy: logits and targets have different shapes"
    );
    let [_, classes] = logits.dims();
    let (logits, targets) = (logits.into_dispatch(), targets.into_dispatch());
    let (loss, tally) = match class_weights {
        None => Dispatch::cross_entropy(logits, targets),
        Some(weights) => {
            assert_eq!(weights.dims(), [classes], "cross_entropy: class weights");
            Dispatch::weighted_cross_entropy(logits, targets, weights.into_dispatch())
        }
    };
    (Tensor::from_dispatch(loss), Tensor::from_dispatch(tally))
}
