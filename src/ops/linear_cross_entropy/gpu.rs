//! The last layer and its loss on `burn-wgpu`: tensors in and out of the kernels in `shaders/linear_cross_entropy/`.

use burn::backend::DType;
use burn::backend::tensor::FloatTensor;
use burn_wgpu::{CubeBackend, into_contiguous};

use super::plan::{self, Plan};
use super::{LinearCrossEntropyKernels, Results};
use crate::ops::linear::{LinearShape, linear_shape};
use crate::ops::partial_sums::PartialSums;
use crate::ops::wgsl::{DeviceOf, Queue};

/// All in two launches; None where the layer and the loss by themselves do as well.
pub fn forward_backward<Q: Queue>(
    queue: &mut Q,
    shape: &LinearShape,
    [input, weight, bias, targets]: [&Q::Tensor; 4],
    class_weights: Option<&Q::Tensor>,
) -> Option<Results<Q::Tensor>> {
    let plan = plan::plan(shape, class_weights.is_some(), None, queue.class())?;
    let tensors = [input, weight, bias, targets];
    Some(launch(queue, shape, plan, tensors, class_weights, input))
}

/// The same where the input is still to be summed, which is done by the way: see [`takes_sums`](plan::takes_sums).
///
/// # Panics
///
/// If it does not take sums.
pub fn forward_backward_of_sums<Q: Queue>(
    queue: &mut Q,
    shape: &LinearShape,
    sums: &PartialSums<Q::Tensor>,
    [input, weight, bias, targets]: [&Q::Tensor; 4],
) -> Results<Q::Tensor> {
    let plan = plan::plan(shape, false, Some(&sums.moved(())), queue.class());
    let plan = plan.expect("it takes sums");
    let tensors = [&sums.rows, weight, bias, targets];
    launch(queue, shape, plan, tensors, Some(input), input)
}

/// `last` is the rows' last binding, `input` what the sums are of.
fn launch<Q: Queue>(
    queue: &mut Q,
    shape: &LinearShape,
    plan: Plan,
    tensors: [&Q::Tensor; 4],
    last: Option<&Q::Tensor>,
    input: &Q::Tensor,
) -> Results<Q::Tensor> {
    let LinearShape {
        batch,
        inputs,
        outputs,
    } = *shape;
    let grad_logits = queue.empty(&[batch, outputs], DType::F32);
    let grad_input = queue.empty(&[batch, inputs], DType::F32);
    let row_sums = queue.empty(&[batch, 2], DType::F32);
    let mut tensors = tensors.to_vec();
    tensors.extend([&grad_logits, &grad_input, &row_sums]);
    tensors.extend(last);
    queue.launch(plan.rows, &tensors);

    let grad_weight = queue.empty(&[inputs, outputs], DType::F32);
    let grad_bias = queue.empty(&[outputs], DType::F32);
    let tally = queue.empty(&[3], DType::F32);
    let loss = queue.empty(&[1], DType::F32);
    let mut tensors = vec![input, &grad_logits, &row_sums];
    tensors.extend([&grad_weight, &grad_bias, &tally, &loss]);
    queue.launch(plan.sums, &tensors);
    Results {
        loss,
        tally,
        grad_input,
        grad_weight,
        grad_bias,
    }
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
