//! The loss made of Burn's own operations.

use burn::Tensor;
use burn::tensor::activation::log_softmax;

/// Like [`cross_entropy`](super::cross_entropy), one operation after the other.
pub fn cross_entropy(
    logits: Tensor<2>,
    targets: Tensor<2>,
    class_weights: Option<Tensor<1>>,
) -> (Tensor<1>, Tensor<1>) {
    let batch = logits.dims()[0] as f32;
    let predictions = logits.clone().inner().argmax(1);
    let correct = predictions.equal(targets.clone().inner().argmax(1));
    let targets = match class_weights {
        Some(weights) => targets.clone() * (targets * weights.unsqueeze()).sum_dim(1),
        None => targets,
    };
    let loss = (log_softmax(logits, 1) * targets).sum().neg() / batch;
    let loss_sum = loss.clone().inner() * batch;
    let is_finite = loss_sum.clone().is_finite().float();
    let tally = Tensor::cat(vec![loss_sum, correct.float().sum(), is_finite], 0);
    (loss, tally)
}
