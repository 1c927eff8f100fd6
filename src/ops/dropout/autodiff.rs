//! Dropout as a node of Burn's autodiff graph.

use burn::backend::Autodiff;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;

use super::{Drop, DropOut};

/// Backward step: gradients are dropped and scaled as the activations were.
#[derive(Debug)]
struct DropOutBackward;

impl<B: DropOut> Backward<B, 1> for DropOutBackward {
    type State = Drop;

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let [node] = ops.parents;
        let gradient = grads.consume::<B>(&ops.node);
        if let Some(node) = node {
            grads.register::<B>(node.id, B::drop_out(gradient, ops.state));
        }
    }
}

impl<B: DropOut, C: CheckpointStrategy> DropOut for Autodiff<B, C> {
    fn drop_out(tensor: FloatTensor<Self>, drop: Drop) -> FloatTensor<Self> {
        let node = tensor.node();
        let output = B::drop_out(tensor.into_primitive(), drop);
        match DropOutBackward
            .prepare::<C>([node])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => prep.finish(drop, output),
            OpsKind::UnTracked(prep) => prep.finish(output),
        }
    }
}
