//! Operations that bring their own gradients, after JAX's `custom_vjp`. Burn's autodiff graph is
//! known in this file alone.

use std::fmt::{Debug, Formatter, Result};
use std::marker::PhantomData;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
pub use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend};

/// Runs `forward` on the inputs, and records how the gradient gets from its output back to them.
///
/// Besides the output `forward` returns the backward pass: a closure that takes the gradient with
/// respect to the output, and for each input whether it is tracked, that is, whether its gradient
/// is asked for. It returns the gradients of those; of the others it should compute none. What it
/// captures is kept until it runs.
pub fn custom_vjp<B: Backend, C: CheckpointStrategy, F, const N: usize>(
    inputs: [FloatTensor<Autodiff<B, C>>; N],
    forward: impl FnOnce([FloatTensor<B>; N]) -> (FloatTensor<B>, F),
) -> FloatTensor<Autodiff<B, C>>
where
    F: FnOnce(FloatTensor<B>, [bool; N]) -> [Option<FloatTensor<B>>; N] + Clone + Send + 'static,
{
    let nodes = inputs.each_ref().map(|input| input.node());
    let (output, backward) = forward(inputs.map(|input| input.into_primitive()));
    match CustomVjp::<F>(PhantomData)
        .prepare::<C>(nodes)
        .compute_bound()
        .stateful()
    {
        OpsKind::Tracked(prep) => prep.finish(Closure(backward), output),
        OpsKind::UnTracked(prep) => {
            drop(backward);
            prep.finish(output)
        }
    }
}

/// The node of the graph.
struct CustomVjp<F>(PhantomData<fn() -> F>);

/// The state that the node saves from the forward pass.
#[derive(Clone)]
struct Closure<F>(F);

impl<B: Backend, F, const N: usize> Backward<B, N> for CustomVjp<F>
where
    F: FnOnce(FloatTensor<B>, [bool; N]) -> [Option<FloatTensor<B>>; N] + Clone + Send + 'static,
{
    type State = Closure<F>;

    fn backward(self, ops: Ops<Self::State, N>, grads: &mut Gradients, _: &mut Checkpointer) {
        let Closure(backward) = ops.state;
        let grad_output = grads.consume::<B>(&ops.node);
        let tracked = ops.parents.each_ref().map(Option::is_some);
        let gradients = backward(grad_output, tracked);
        for (node, gradient) in ops.parents.into_iter().zip(gradients) {
            if let Some((node, gradient)) = node.zip(gradient) {
                grads.register::<B>(node.id, gradient);
            }
        }
    }
}

impl<F> Debug for CustomVjp<F> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str("CustomVjp")
    }
}

impl<F> Debug for Closure<F> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str("Closure")
    }
}
