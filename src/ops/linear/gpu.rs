//! The layer on `burn-wgpu`: tensors in and out of the kernels in `shaders/linear/`.

use burn::backend::DType;
use burn::backend::tensor::FloatTensor;
use burn_wgpu::{CubeBackend, into_contiguous};

use super::{LinearKernels, LinearShape, plan};
use crate::ops::partial_sums::PartialSums;
use crate::ops::wgsl::{DeviceOf, Launch, Queue};

/// The output.
pub fn forward<Q: Queue>(
    queue: &mut Q,
    shape: &LinearShape,
    [input, weight, bias]: [&Q::Tensor; 3],
    relu: bool,
) -> Q::Tensor {
    let output = queue.empty(&[shape.batch, shape.outputs], DType::F32);
    let plan = plan::forward(shape, relu, queue.class());
    match plan.sum {
        None => queue.launch(plan.product, &[input, weight, bias, &output]),
        Some(sum) => {
            let products = queue.empty(&[plan.splits, shape.batch, shape.outputs], DType::F32);
            queue.launch(plan.product, &[input, weight, bias, &products]);
            queue.launch(sum, &[&products, &output]);
        }
    }
    output
}

/// The output before its ReLU, while it is still to be summed; None, and nothing is launched, if it is no sum.
pub fn forward_sums<Q: Queue>(
    queue: &mut Q,
    shape: &LinearShape,
    [input, weight, bias]: [&Q::Tensor; 3],
) -> Option<PartialSums<Q::Tensor>> {
    let plan = plan::forward(shape, true, queue.class());
    plan.sum?;
    let rows = queue.empty(&[plan.splits, shape.batch, shape.outputs], DType::F32);
    queue.launch(plan.product, &[input, weight, bias, &rows]);
    Some(PartialSums {
        rows,
        count: plan.splits,
        pitch: shape.batch * shape.outputs,
        first: 0,
        stride: plan.stride,
    })
}

/// The gradient of the input; `relu_output` is the output of a layer that ends in a ReLU.
pub fn grad_input<Q: Queue>(
    queue: &mut Q,
    shape: &LinearShape,
    relu_output: Option<&Q::Tensor>,
    [weight, grad_output]: [&Q::Tensor; 2],
) -> Q::Tensor {
    let grad_input = queue.empty(&[shape.batch, shape.inputs], DType::F32);
    let plan = plan::grad_input(shape, relu_output.is_some(), queue.class());
    launch_masked(queue, plan, [grad_output, weight, &grad_input], relu_output);
    grad_input
}

/// The gradients of weight and bias; `relu_output` is the output of a layer that ends in a ReLU.
pub fn grad_weight_bias<Q: Queue>(
    queue: &mut Q,
    shape: &LinearShape,
    relu_output: Option<&Q::Tensor>,
    [input, grad_output]: [&Q::Tensor; 2],
) -> (Q::Tensor, Q::Tensor) {
    let plan = plan::grad_weight(shape, relu_output.is_some(), queue.class());
    let sums = grad_sums(queue, shape, relu_output, [input, grad_output]);
    let [weight_rows, bias_rows] = sums.map(|sums| sums.rows);
    let Some([weight_sum, bias_sum]) = plan.sums else {
        return (weight_rows, bias_rows);
    };
    let grad_weight = queue.empty(&[shape.inputs, shape.outputs], DType::F32);
    let grad_bias = queue.empty(&[shape.outputs], DType::F32);
    queue.launch(weight_sum, &[&weight_rows, &grad_weight]);
    queue.launch(bias_sum, &[&bias_rows, &grad_bias]);
    (grad_weight, grad_bias)
}

/// The same before they are summed.
pub fn grad_sums<Q: Queue>(
    queue: &mut Q,
    shape: &LinearShape,
    relu_output: Option<&Q::Tensor>,
    [input, grad_output]: [&Q::Tensor; 2],
) -> [PartialSums<Q::Tensor>; 2] {
    let plan = plan::grad_weight(shape, relu_output.is_some(), queue.class());
    // A product that is not split is no row, but the gradient itself.
    let dims = |of_split: &[usize]| match plan.splits {
        1 => of_split.to_vec(),
        splits => [&[splits], of_split].concat(),
    };
    let weight_rows = queue.empty(&dims(&[shape.inputs, shape.outputs]), DType::F32);
    let bias_rows = queue.empty(&dims(&[shape.outputs]), DType::F32);
    let tensors = [grad_output, input, &weight_rows, &bias_rows];
    launch_masked(queue, plan.product, tensors, relu_output);
    let sums = |rows, pitch| PartialSums {
        rows,
        count: plan.splits,
        pitch,
        first: 0,
        stride: plan.stride,
    };
    [
        sums(weight_rows, shape.inputs * shape.outputs),
        sums(bias_rows, shape.outputs),
    ]
}

/// Queues a kernel that binds the layer's output last if it masks by it.
fn launch_masked<Q: Queue, const TENSORS: usize>(
    queue: &mut Q,
    plan: Launch,
    tensors: [&Q::Tensor; TENSORS],
    relu_output: Option<&Q::Tensor>,
) {
    let mut tensors = tensors.to_vec();
    tensors.extend(relu_output);
    queue.launch(plan, &tensors);
}

impl LinearKernels for CubeBackend {
    fn forward(
        shape: LinearShape,
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        relu: bool,
    ) -> FloatTensor<Self> {
        let [input, weight, bias] = [input, weight, bias].map(into_contiguous);
        let tensors = [&input, &weight, &bias];
        forward(&mut DeviceOf(&input), &shape, tensors, relu)
    }

    fn grad_input(
        shape: LinearShape,
        relu_output: Option<FloatTensor<Self>>,
        weight: FloatTensor<Self>,
        grad_output: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let [weight, grad_output] = [weight, grad_output].map(into_contiguous);
        let queue = &mut DeviceOf(&weight);
        grad_input(queue, &shape, relu_output.as_ref(), [&weight, &grad_output])
    }

    fn grad_weight_bias(
        shape: LinearShape,
        relu_output: Option<FloatTensor<Self>>,
        input: FloatTensor<Self>,
        grad_output: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let [input, grad_output] = [input, grad_output].map(into_contiguous);
        let queue = &mut DeviceOf(&input);
        grad_weight_bias(queue, &shape, relu_output.as_ref(), [&input, &grad_output])
    }
}
