//! The node of Burn's autodiff graph that an operation on input, weight and bias becomes.

use std::fmt::Debug;
use std::marker::PhantomData;

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend};

/// What an operation saves of its forward pass, from which its gradients are computed.
pub trait Saved<B: Backend>: Clone + Debug + Send + 'static {
    /// The gradient with respect to the input.
    fn grad_input(self, weight: FloatTensor<B>, grad_output: FloatTensor<B>) -> FloatTensor<B>;

    /// The gradients with respect to weight and bias.
    fn grad_weight_bias(
        self,
        input: FloatTensor<B>,
        grad_output: FloatTensor<B>,
    ) -> (FloatTensor<B>, FloatTensor<B>);
}

/// Runs `forward` on input, weight and bias, and where one of them has a gradient connects its
/// result with them.
pub fn connect<B: Backend, C: CheckpointStrategy, S: Saved<B>>(
    [input, weight, bias]: [FloatTensor<Autodiff<B, C>>; 3],
    forward: impl FnOnce([FloatTensor<B>; 3]) -> (FloatTensor<B>, S),
) -> FloatTensor<Autodiff<B, C>> {
    match LayerBackward::<S>(PhantomData)
        .prepare::<C>([input.node(), weight.node(), bias.node()])
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(mut prep) => {
            let ids = [prep.checkpoint(&input), prep.checkpoint(&weight)];
            let (output, saved) = forward([input, weight, bias].map(|t| t.into_primitive()));
            let [input, weight] = ids;
            let state = State {
                input,
                weight,
                saved,
            };
            prep.finish(state, output)
        }
        OpsKind::UnTracked(prep) => {
            prep.finish(forward([input, weight, bias].map(|t| t.into_primitive())).0)
        }
    }
}

/// Backward step; the parents are input, weight and bias.
#[derive(Debug)]
struct LayerBackward<S>(PhantomData<fn() -> S>);

/// What the backward step needs.
#[derive(Clone, Debug)]
struct State<S> {
    input: NodeId,
    weight: NodeId,
    saved: S,
}

impl<B: Backend, S: Saved<B>> Backward<B, 3> for LayerBackward<S> {
    type State = State<S>;

    fn backward(
        self,
        ops: Ops<Self::State, 3>,
        grads: &mut Gradients,
        checkpointer: &mut Checkpointer,
    ) {
        let [input_node, weight_node, bias_node] = ops.parents;
        let grad_output = grads.consume::<B>(&ops.node);
        let State {
            input,
            weight,
            saved,
        } = ops.state;
        let input = checkpointer.retrieve_node_output::<FloatTensor<B>>(input);
        let weight = checkpointer.retrieve_node_output::<FloatTensor<B>>(weight);

        // The first layer of a network has no use for the gradient of the images.
        if let Some(node) = input_node {
            let grad = saved.clone().grad_input(weight, grad_output.clone());
            grads.register::<B>(node.id, grad);
        }
        if weight_node.is_some() || bias_node.is_some() {
            let (grad_weight, grad_bias) = saved.grad_weight_bias(input, grad_output);
            if let Some(node) = weight_node {
                grads.register::<B>(node.id, grad_weight);
            }
            if let Some(node) = bias_node {
                grads.register::<B>(node.id, grad_bias);
            }
        }
    }
}
