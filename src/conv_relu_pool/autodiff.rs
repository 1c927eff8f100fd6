//! The block as a node of Burn's autodiff graph.

use burn::backend::Autodiff;
use burn::backend::TensorMetadata;
use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::{FloatTensor, IntTensor};

use super::{BlockKernels, BlockShape, ConvReluPool};

/// Backward step of the block; its parents are input, weight and bias.
#[derive(Debug)]
struct BlockBackward;

/// What the backward pass needs of the forward pass.
#[derive(Clone, Debug)]
struct BlockState<Codes> {
    shape: BlockShape,
    input: NodeId,
    weight: NodeId,
    codes: Codes,
}

impl<B: BlockKernels> Backward<B, 3> for BlockBackward {
    type State = BlockState<IntTensor<B>>;

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

        // The first block of a network has no use for the gradient of the images.
        if let Some(node) = input_node {
            let grad = B::grad_input(
                state.shape,
                weight,
                state.codes.clone(),
                grad_output.clone(),
            );
            grads.register::<B>(node.id, grad);
        }
        if weight_node.is_some() || bias_node.is_some() {
            let (grad_weight, grad_bias) =
                B::grad_weight_bias(state.shape, input, state.codes, grad_output);
            if let Some(node) = weight_node {
                grads.register::<B>(node.id, grad_weight);
            }
            if let Some(node) = bias_node {
                grads.register::<B>(node.id, grad_bias);
            }
        }
    }
}

impl<B: BlockKernels, C: CheckpointStrategy> ConvReluPool for Autodiff<B, C> {
    fn conv_relu_pool(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let shape = block_shape(&input, &weight, &bias);
        match BlockBackward
            .prepare::<C>([input.node(), weight.node(), bias.node()])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(mut prep) => {
                let input_id = prep.checkpoint(&input);
                let weight_id = prep.checkpoint(&weight);
                let (output, codes) = B::forward(
                    input.into_primitive(),
                    weight.into_primitive(),
                    bias.into_primitive(),
                );
                let state = BlockState {
                    shape,
                    input: input_id,
                    weight: weight_id,
                    codes,
                };
                prep.finish(state, output)
            }
            OpsKind::UnTracked(prep) => prep.finish(B::conv_relu_pool(
                input.into_primitive(),
                weight.into_primitive(),
                bias.into_primitive(),
            )),
        }
    }
}

/// The checked shape of a call with these tensors.
pub(super) fn block_shape<T: TensorMetadata>(input: &T, weight: &T, bias: &T) -> BlockShape {
    BlockShape::of(
        input.shape().dims(),
        weight.shape().dims(),
        bias.shape().num_elements(),
    )
}
