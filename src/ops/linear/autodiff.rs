//! The layer in Burn's autodiff graph.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, TensorMetadata};

use super::{LinearKernels, LinearLayer, LinearShape};
use crate::ops::layer_node::{self, Saved};

/// The output tells where a ReLU was open.
#[derive(Clone, Debug)]
struct SavedLinear<Float> {
    shape: LinearShape,
    relu_output: Option<Float>,
}

impl<B: LinearKernels> Saved<B> for SavedLinear<FloatTensor<B>> {
    fn grad_input(self, weight: FloatTensor<B>, grad_output: FloatTensor<B>) -> FloatTensor<B> {
        B::grad_input(self.shape, self.relu_output, weight, grad_output)
    }

    fn grad_weight_bias(
        self,
        input: FloatTensor<B>,
        grad_output: FloatTensor<B>,
    ) -> (FloatTensor<B>, FloatTensor<B>) {
        B::grad_weight_bias(self.shape, self.relu_output, input, grad_output)
    }
}

impl<B: LinearKernels, C: CheckpointStrategy> LinearLayer for Autodiff<B, C> {
    fn linear_layer(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        relu: bool,
    ) -> FloatTensor<Self> {
        let shape = linear_shape(&input, &weight);
        layer_node::connect::<B, C, _>([input, weight, bias], |[input, weight, bias]| {
            let output = B::linear_layer(input, weight, bias, relu);
            let relu_output = relu.then(|| output.clone());
            (output, SavedLinear { shape, relu_output })
        })
    }
}

/// The shape of a call with these tensors.
///
/// # Panics
///
/// If they do not fit together, which is a mistake of the program.
pub(super) fn linear_shape<T: TensorMetadata>(input: &T, weight: &T) -> LinearShape {
    let [batch, inputs] = input.shape().dims();
    let [weight_inputs, outputs] = weight.shape().dims();
    assert_eq!(
        inputs, weight_inputs,
        "linear: input has {inputs} columns, weight expects {weight_inputs}"
    );
    LinearShape {
        batch,
        inputs,
        outputs,
    }
}
