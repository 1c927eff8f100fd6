//! The last layer of a classifier and its loss as one operation.
//!
//! The layer has few outputs, so that its matrix products leave most of a GPU idle, and what they compute is read by
//! the next launch at once. Where kernels for that are better they take both, forward and backward; elsewhere this is
//! [`linear`](crate::ops::linear), then [`cross_entropy`](crate::ops::cross_entropy), which also define it.

pub(crate) mod gpu;
pub(crate) mod plan;

use burn::Tensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{
    Autodiff, AutodiffBackend, Backend, Dispatch, NdArray, TensorMetadata, backend_extension,
};

use crate::ops::autodiff::{CheckpointStrategy, custom_vjp};
use crate::ops::cross_entropy::{CrossEntropy, CrossEntropyKernels};
use crate::ops::linear::{LinearKernels, LinearLayer, linear_shape};

/// The differentiable operation, as Burn dispatches it to the backend of its tensors.
#[backend_extension(Autodiff, Cube, NdArray)]
pub trait LinearCrossEntropy: Backend {
    /// See [`linear_cross_entropy`].
    fn linear_cross_entropy(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        targets: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);

    /// The same with class weights: see [`linear_cross_entropy`].
    fn weighted_linear_cross_entropy(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        targets: FloatTensor<Self>,
        class_weights: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

/// Loss and tally of a batch, as [`cross_entropy`](crate::ops::cross_entropy::cross_entropy) gives them, and the
/// gradients of the mean loss.
pub struct Results<T> {
    /// `[1]`
    pub loss: T,
    /// `[3]`
    pub tally: T,
    /// `[batch, inputs]`
    pub grad_input: T,
    /// `[inputs, classes]`
    pub grad_weight: T,
    /// `[classes]`
    pub grad_bias: T,
}

/// What a backend implements that has kernels for it.
pub trait LinearCrossEntropyKernels: LinearKernels + CrossEntropyKernels {
    /// All in one go; None where the layer and the loss by themselves do as well.
    fn all_at_once(
        _tensors: [FloatTensor<Self>; 4],
        _class_weights: Option<FloatTensor<Self>>,
    ) -> Option<Results<FloatTensor<Self>>> {
        None
    }
}

impl LinearCrossEntropyKernels for NdArray {}

type LossAndTally<B> = (FloatTensor<B>, FloatTensor<B>);

impl<B: LinearCrossEntropyKernels> LinearCrossEntropy for B {
    fn linear_cross_entropy(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        targets: FloatTensor<Self>,
    ) -> LossAndTally<Self> {
        one_after_other::<Self>([input, weight, bias, targets], None)
    }

    fn weighted_linear_cross_entropy(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        targets: FloatTensor<Self>,
        class_weights: FloatTensor<Self>,
    ) -> LossAndTally<Self> {
        one_after_other::<Self>([input, weight, bias, targets], Some(class_weights))
    }
}

impl<B: LinearCrossEntropyKernels, C: CheckpointStrategy> LinearCrossEntropy for Autodiff<B, C> {
    fn linear_cross_entropy(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        targets: FloatTensor<Self>,
    ) -> LossAndTally<Self> {
        let tensors = [input, weight, bias, targets];
        differentiable::<B, C>(&tensors, None)
            .unwrap_or_else(|| one_after_other::<Self>(tensors, None))
    }

    fn weighted_linear_cross_entropy(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        targets: FloatTensor<Self>,
        class_weights: FloatTensor<Self>,
    ) -> LossAndTally<Self> {
        let tensors = [input, weight, bias, targets];
        differentiable::<B, C>(&tensors, Some(&class_weights))
            .unwrap_or_else(|| one_after_other::<Self>(tensors, Some(class_weights)))
    }
}

/// By the layer, then the loss.
fn one_after_other<B: LinearLayer + CrossEntropy>(
    [input, weight, bias, targets]: [FloatTensor<B>; 4],
    class_weights: Option<FloatTensor<B>>,
) -> LossAndTally<B> {
    let logits = B::linear_layer(input, weight, bias, false);
    match class_weights {
        None => B::cross_entropy(logits, targets),
        Some(weights) => B::weighted_cross_entropy(logits, targets, weights),
    }
}

/// The gradients are computed with the loss, where there are kernels for that.
fn differentiable<B: LinearCrossEntropyKernels, C: CheckpointStrategy>(
    [input, weight, bias, targets]: &[FloatTensor<Autodiff<B, C>>; 4],
    class_weights: Option<&FloatTensor<Autodiff<B, C>>>,
) -> Option<LossAndTally<Autodiff<B, C>>> {
    linear_shape(input, weight, bias);
    let tensors = [input, weight, bias, targets].map(|tensor| tensor.clone().into_primitive());
    let class_weights = class_weights.map(|weights| weights.clone().into_primitive());
    let results = B::all_at_once(tensors, class_weights)?;
    let inputs = [input, weight, bias].map(Clone::clone);
    let loss = custom_vjp::<B, C, _, _>(inputs, |_| {
        let gradients = [results.grad_input, results.grad_weight, results.grad_bias];
        let backward = move |grad_loss: FloatTensor<B>, _: [bool; 3]| {
            // The loss is one number: its gradient scales those of all.
            gradients.map(|gradient| {
                let ones = vec![1; gradient.shape().num_dims()];
                let factor = B::float_reshape(grad_loss.clone(), ones.into());
                Some(B::float_mul(gradient, factor))
            })
        };
        (results.loss, backward)
    });
    Some((loss, Autodiff::<B, C>::from_inner(results.tally)))
}

/// Loss and tally of [`cross_entropy`](crate::ops::cross_entropy::cross_entropy) for the logits
/// `input · weight + bias`: input `[batch, inputs]`, weight `[inputs, classes]`, bias `[classes]`, targets
/// `[batch, classes]`, class weights `[classes]`.
///
/// # Panics
///
/// If the tensors do not fit together.
pub fn linear_cross_entropy(
    input: Tensor<2>,
    weight: Tensor<2>,
    bias: Tensor<1>,
    targets: Tensor<2>,
    class_weights: Option<Tensor<1>>,
) -> (Tensor<1>, Tensor<1>) {
    let dims = [input.dims()[0], weight.dims()[1]];
    assert_eq!(targets.dims(), dims, "linear_cross_entropy: targets");
    let [input, weight] = [input, weight].map(Tensor::into_dispatch);
    let (bias, targets) = (bias.into_dispatch(), targets.into_dispatch());
    let (loss, tally) = match class_weights {
        None => Dispatch::linear_cross_entropy(input, weight, bias, targets),
        Some(weights) => {
            assert_eq!(weights.dims(), [dims[1]], "linear_cross_entropy: weights");
            let class_weights = weights.into_dispatch();
            Dispatch::weighted_linear_cross_entropy(input, weight, bias, targets, class_weights)
        }
    };
    (Tensor::from_dispatch(loss), Tensor::from_dispatch(tally))
}
