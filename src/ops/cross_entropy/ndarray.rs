//! The loss on `burn-ndarray`: tensors in and out of the kernel in [`cpu`].

use burn::backend::tensor::FloatTensor;
use burn::backend::{NdArray, TensorMetadata};

use super::{CrossEntropyKernels, cpu};
use crate::device::recorder;
use crate::ops::ndarray_tensor::{floats, tensor};

impl CrossEntropyKernels for NdArray {
    fn forward_backward(
        logits: FloatTensor<Self>,
        targets: FloatTensor<Self>,
        class_weights: Option<FloatTensor<Self>>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let _timed = recorder::operation("cross_entropy/step");
        let [batch, classes] = logits.shape().dims();
        let mut grad_logits = vec![0.0; batch * classes];
        let class_weights = class_weights.map(floats);
        let sums = cpu::forward_backward(
            classes,
            &floats(logits),
            &floats(targets),
            class_weights.as_deref(),
            &mut grad_logits,
        );
        let loss_sum = sums.loss_sum as f32;
        let is_finite = f32::from(u8::from(loss_sum.is_finite()));
        (
            tensor(vec![(sums.loss_sum / batch as f64) as f32], &[1]),
            tensor(vec![loss_sum, sums.correct as f32, is_finite], &[3]),
            tensor(grad_logits, &[batch, classes]),
        )
    }
}
