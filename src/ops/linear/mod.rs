//! The fully connected layer as one operation: `relu(input · weight + bias)`, or without the ReLU.
//!
//! Shapes: input `[batch, inputs]`, weight `[inputs, outputs]`, bias `[outputs]`, output
//! `[batch, outputs]`. The backward pass knows by the output where the ReLU was active.

pub mod cpu;
pub(crate) mod gpu;
mod ndarray;
mod plan;
pub mod reference;

use burn::Tensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, TensorMetadata, backend_extension};

use crate::ops::autodiff::{CheckpointStrategy, custom_vjp};

/// The sizes of one call of the layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinearShape {
    /// Rows of input and output.
    pub batch: usize,
    /// Columns of the input.
    pub inputs: usize,
    /// Columns of the output.
    pub outputs: usize,
}

/// The differentiable layer, as Burn dispatches it to the backend of its tensors.
#[backend_extension(Autodiff, Cube, NdArray)]
pub trait LinearLayer: Backend {
    /// See [`linear`].
    fn linear_layer(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        relu: bool,
    ) -> FloatTensor<Self>;
}

/// What a backend implements.
///
/// `relu_output` is the layer's output if it ends in a ReLU, which masks `grad_output`.
pub trait LinearKernels: Backend {
    /// The output.
    fn forward(
        shape: LinearShape,
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        relu: bool,
    ) -> FloatTensor<Self>;

    /// The gradient with respect to the input.
    fn grad_input(
        shape: LinearShape,
        relu_output: Option<FloatTensor<Self>>,
        weight: FloatTensor<Self>,
        grad_output: FloatTensor<Self>,
    ) -> FloatTensor<Self>;

    /// The gradients with respect to weight and bias.
    fn grad_weight_bias(
        shape: LinearShape,
        relu_output: Option<FloatTensor<Self>>,
        input: FloatTensor<Self>,
        grad_output: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

impl<B: LinearKernels> LinearLayer for B {
    fn linear_layer(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        relu: bool,
    ) -> FloatTensor<Self> {
        let shape = linear_shape(&input, &weight, &bias);
        Self::forward(shape, input, weight, bias, relu)
    }
}

impl<B: LinearKernels, C: CheckpointStrategy> LinearLayer for Autodiff<B, C> {
    fn linear_layer(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        relu: bool,
    ) -> FloatTensor<Self> {
        let shape = linear_shape(&input, &weight, &bias);
        custom_vjp::<B, C, _, _>([input, weight, bias], |[input, weight, bias]| {
            let output = B::forward(shape, input.clone(), weight.clone(), bias, relu);
            let relu_output = relu.then(|| output.clone());
            let backward = move |grad_output: FloatTensor<B>, tracked: [bool; 3]| {
                // The first layer of a network has no use for the gradient of the images.
                let [input_tracked, weight_tracked, bias_tracked] = tracked;
                let grad_input = input_tracked.then(|| {
                    B::grad_input(shape, relu_output.clone(), weight, grad_output.clone())
                });
                let (grad_weight, grad_bias) = (weight_tracked || bias_tracked)
                    .then(|| B::grad_weight_bias(shape, relu_output, input, grad_output))
                    .unzip();
                [grad_input, grad_weight, grad_bias]
            };
            (output, backward)
        })
    }
}

/// The shape of a call with these tensors.
///
/// # Panics
///
/// If they do not fit together, which is a mistake of the program.
pub(crate) fn linear_shape<T: TensorMetadata>(input: &T, weight: &T, bias: &T) -> LinearShape {
    let [batch, inputs] = input.shape().dims();
    let [weight_inputs, outputs] = weight.shape().dims();
    assert_eq!(
        inputs, weight_inputs,
        "linear: input has {inputs} columns, weight expects {weight_inputs}"
    );
    let [biases] = bias.shape().dims();
    assert_eq!(
        outputs, biases,
        "linear: weight has {outputs} columns, bias {biases}"
    );
    LinearShape {
        batch,
        inputs,
        outputs,
    }
}

/// `input · weight + bias`, and with `relu` its positive part.
///
/// # Panics
///
/// If the tensors do not fit together.
pub fn linear(input: Tensor<2>, weight: Tensor<2>, bias: Tensor<1>, relu: bool) -> Tensor<2> {
    Tensor::from_dispatch(Dispatch::linear_layer(
        input.into_dispatch(),
        weight.into_dispatch(),
        bias.into_dispatch(),
        relu,
    ))
}
