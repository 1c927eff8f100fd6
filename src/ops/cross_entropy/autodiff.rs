//! The loss as a node of Burn's autodiff graph.

use burn::backend::Autodiff;
use burn::backend::AutodiffBackend;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;

use super::{CrossEntropy, CrossEntropyKernels};

/// Backward step of the loss; its parent are the logits, its state their gradient.
#[derive(Debug)]
struct CrossEntropyBackward;

impl<B: CrossEntropyKernels> Backward<B, 1> for CrossEntropyBackward {
    type State = FloatTensor<B>;

    fn backward(
        self,
        ops: Ops<Self::State, 1>,
        grads: &mut Gradients,
        _checkpointer: &mut Checkpointer,
    ) {
        let [logits_node] = ops.parents;
        let grad_loss = grads.consume::<B>(&ops.node);
        if let Some(node) = logits_node {
            // The loss is one number: its gradient scales that of the logits.
            let grad_loss = B::float_reshape(grad_loss, [1, 1].into());
            grads.register::<B>(node.id, B::float_mul(ops.state, grad_loss));
        }
    }
}

impl<B: CrossEntropyKernels, C: CheckpointStrategy> CrossEntropy for Autodiff<B, C> {
    fn cross_entropy(
        logits: FloatTensor<Self>,
        targets: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let node = logits.node();
        let (loss, tally, grad_logits) =
            B::forward_backward(logits.into_primitive(), targets.into_primitive());
        let loss = match CrossEntropyBackward
            .prepare::<C>([node])
            .compute_bound()
            .stateful()
        {
            OpsKind::Tracked(prep) => prep.finish(grad_logits, loss),
            OpsKind::UnTracked(prep) => prep.finish(loss),
        };
        (loss, <Self as AutodiffBackend>::from_inner(tally))
    }
}
