//! The normalisation as a node of Burn's autodiff graph.

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;

use super::{ChannelNorm, ChannelNormKernels};

/// Backward step; its state are output and factors.
#[derive(Debug)]
struct ChannelNormBackward;

impl<B: ChannelNormKernels> Backward<B, 1> for ChannelNormBackward {
    type State = (FloatTensor<B>, FloatTensor<B>);

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let [node] = ops.parents;
        let grad_output = grads.consume::<B>(&ops.node);
        let (output, factors) = ops.state;
        if let Some(node) = node {
            grads.register::<B>(node.id, B::backward(output, factors, grad_output));
        }
    }
}

impl<B: ChannelNormKernels, C: CheckpointStrategy> ChannelNorm for Autodiff<B, C> {
    fn channel_norm(input: FloatTensor<Self>) -> FloatTensor<Self> {
        let node = input.node();
        let (output, factors) = B::forward(input.into_primitive());
        match ChannelNormBackward
            .prepare::<C>([node])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => prep.finish((output.clone(), factors), output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }
}
