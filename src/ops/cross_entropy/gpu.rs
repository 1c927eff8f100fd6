//! The loss on `burn-wgpu`: tensors in and out of the kernel in `shaders/cross_entropy/`.

use burn::backend::tensor::FloatTensor;
use burn::backend::{DType, TensorMetadata};
use burn_wgpu::{CubeBackend, into_contiguous};

use super::{CrossEntropyKernels, plan};
use crate::ops::wgsl::{empty, launch};

impl CrossEntropyKernels for CubeBackend {
    fn forward_backward(
        logits: FloatTensor<Self>,
        targets: FloatTensor<Self>,
        class_weights: Option<FloatTensor<Self>>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let [batch, classes] = logits.shape().dims();
        let [logits, targets] = [logits, targets].map(into_contiguous);
        let grad_logits = empty(&logits, &[batch, classes], DType::F32);
        let tally = empty(&logits, &[3], DType::F32);
        let loss = empty(&logits, &[1], DType::F32);
        let class_weights = class_weights.map(into_contiguous);
        let mut tensors = vec![&logits, &targets, &grad_logits, &tally, &loss];
        tensors.extend(&class_weights);
        let is_weighted = class_weights.is_some();
        launch(plan::step(batch, classes, is_weighted), &tensors);
        (loss, tally, grad_logits)
    }
}
