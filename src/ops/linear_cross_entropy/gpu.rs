//! The last layer and its loss on `burn-wgpu`: tensors in and out of the kernels in `shaders/linear_cross_entropy/`.

use burn::backend::DType;
use burn::backend::tensor::FloatTensor;
use burn_wgpu::{CubeBackend, into_contiguous};

use super::{LinearCrossEntropyKernels, Results, plan};
use crate::ops::linear::{LinearShape, linear_shape};
use crate::ops::wgsl::{DeviceOf, Queue};

/// All in two launches; None where the layer and the loss by themselves do as well.
pub fn forward_backward<Q: Queue>(
    queue: &mut Q,
    shape: &LinearShape,
    [input, weight, bias, targets]: [&Q::Tensor; 4],
    class_weights: Option<&Q::Tensor>,
) -> Option<Results<Q::Tensor>> {
    let LinearShape {
        batch,
        inputs,
        outputs,
    } = *shape;
    let plan = plan::plan(shape, class_weights.is_some(), queue.class())?;
    let grad_logits = queue.empty(&[batch, outputs], DType::F32);
    let grad_input = queue.empty(&[batch, inputs], DType::F32);
    let row_sums = queue.empty(&[batch, 2], DType::F32);
    let mut tensors = vec![input, weight, bias, targets];
    tensors.extend([&grad_logits, &grad_input, &row_sums]);
    tensors.extend(class_weights);
    queue.launch(plan.rows, &tensors);

    let grad_weight = queue.empty(&[inputs, outputs], DType::F32);
    let grad_bias = queue.empty(&[outputs], DType::F32);
    let tally = queue.empty(&[3], DType::F32);
    let loss = queue.empty(&[1], DType::F32);
    let gradients = [&grad_weight, &grad_bias];
    let mut tensors = vec![input, &grad_logits, &row_sums];
    tensors.extend(gradients);
    tensors.extend([&tally, &loss]);
    queue.launch(plan.sums, &tensors);
    Some(Results {
        loss,
        tally,
        grad_input,
        grad_weight,
        grad_bias,
    })
}

impl LinearCrossEntropyKernels for CubeBackend {
    fn all_at_once(
        tensors: [FloatTensor<Self>; 4],
        class_weights: Option<FloatTensor<Self>>,
    ) -> Option<Results<FloatTensor<Self>>> {
        let tensors = tensors.map(into_contiguous);
        let class_weights = class_weights.map(into_contiguous);
        let [input, weight, bias, _] = &tensors;
        let shape = linear_shape(input, weight, bias);
        let queue = &mut DeviceOf(input);
        forward_backward(queue, &shape, tensors.each_ref(), class_weights.as_ref())
    }
}
