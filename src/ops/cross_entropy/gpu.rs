//! The loss on `burn-wgpu`: tensors in and out of the kernel in `shaders/cross_entropy/`.

use burn::backend::tensor::FloatTensor;
use burn::backend::{DType, TensorMetadata};
use burn_wgpu::{CubeBackend, into_contiguous};

use super::{CrossEntropyKernels, plan};
use crate::ops::wgsl::{DeviceOf, Queue};

/// What a batch's logits say.
pub struct Losses<T> {
    /// `[1]`, their mean.
    pub loss: T,
    /// `[3]`, what is added up over batches.
    pub tally: T,
    /// `[batch, classes]`, the gradient of the mean.
    pub grad_logits: T,
}

/// Loss, tally and gradient of a batch.
pub fn forward_backward<Q: Queue>(
    queue: &mut Q,
    [batch, classes]: [usize; 2],
    [logits, targets]: [&Q::Tensor; 2],
    class_weights: Option<&Q::Tensor>,
) -> Losses<Q::Tensor> {
    let grad_logits = queue.empty(&[batch, classes], DType::F32);
    let tally = queue.empty(&[3], DType::F32);
    let loss = queue.empty(&[1], DType::F32);
    let mut tensors = vec![logits, targets, &grad_logits, &tally, &loss];
    tensors.extend(class_weights);
    let plan = plan::step(batch, classes, class_weights.is_some());
    queue.launch(plan, &tensors);
    Losses {
        loss,
        tally,
        grad_logits,
    }
}

impl CrossEntropyKernels for CubeBackend {
    fn forward_backward(
        logits: FloatTensor<Self>,
        targets: FloatTensor<Self>,
        class_weights: Option<FloatTensor<Self>>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let dims = logits.shape().dims();
        let [logits, targets] = [logits, targets].map(into_contiguous);
        let class_weights = class_weights.map(into_contiguous);
        let queue = &mut DeviceOf(&logits);
        let losses = forward_backward(queue, dims, [&logits, &targets], class_weights.as_ref());
        (losses.loss, losses.tally, losses.grad_logits)
    }
}
