//! The layer as a node of Burn's autodiff graph.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, TensorMetadata};

use super::{LinearKernels, LinearLayer, LinearShape};

/// Backward step of the layer; its parents are input, weight and bias.
#[derive(Debug)]
struct LinearBackward;

/// What the backward pass needs of the forward pass.
#[derive(Clone, Debug)]
struct LinearState<Float> {
    shape: LinearShape,
    input: NodeId,
    weight: NodeId,
    relu_output: Option<Float>,
}

impl<B: LinearKernels> Backward<B, 3> for LinearBackward {
    type State = LinearState<FloatTensor<B>>;

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let [input_node, weight_node, bias_node] = ops.parents;
        let grad_output = grads.consume::<B>(&ops.node);
        let state = ops.state;
        let input = checkpointer.retrieve_node_output::<FloatTensor<B>>(state.input);
        let weight = checkpointer.retrieve_node_output::<FloatTensor<B>>(state.weight);

        // The first layer of a network has no use for the gradient of the images.
        if let Some(node) = input_node {
            let grad = B::grad_input(
                state.shape,
                state.relu_output.clone(),
                weight,
                grad_output.clone(),
            );
            grads.register::<B>(node.id, grad);
        }
        if weight_node.is_some() || bias_node.is_some() {
            let (grad_weight, grad_bias) =
                B::grad_weight_bias(state.shape, state.relu_output, input, grad_output);
            if let Some(node) = weight_node {
                grads.register::<B>(node.id, grad_weight);
            }
            if let Some(node) = bias_node {
                grads.register::<B>(node.id, grad_bias);
            }
        }
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
        match LinearBackward
            .prepare::<C>([input.node(), weight.node(), bias.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(mut prep) => {
                let input_id = prep.checkpoint(&input);
                let weight_id = prep.checkpoint(&weight);
                let output = B::linear_layer(
                    input.into_primitive(),
                    weight.into_primitive(),
                    bias.into_primitive(),
                    relu,
                );
                let state = LinearState {
                    shape,
                    input: input_id,
                    weight: weight_id,
                    relu_output: relu.then(|| output.clone()),
                };
                prep.finish(state, output)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::linear_layer(
                input.into_primitive(),
                weight.into_primitive(),
                bias.into_primitive(),
                relu,
            )),
        }
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
