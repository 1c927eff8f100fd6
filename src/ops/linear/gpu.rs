//! The layer on `burn-wgpu`: tensors in and out of the kernels in `shaders/linear/`.

use burn::backend::DType;
use burn::backend::tensor::FloatTensor;
use burn_wgpu::{CubeBackend, into_contiguous};

use super::{LinearKernels, LinearShape, plan};
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
    let grad_weight = queue.empty(&[shape.inputs, shape.outputs], DType::F32);
    let grad_bias = queue.empty(&[shape.outputs], DType::F32);
    let plan = plan::grad_weight(shape, relu_output.is_some(), queue.class());
    match plan.sums {
        None => {
            let tensors = [grad_output, input, &grad_weight, &grad_bias];
            launch_masked(queue, plan.product, tensors, relu_output);
        }
        Some([weight_sum, bias_sum]) => {
            let weight_splits = [plan.splits, shape.inputs, shape.outputs];
            let weight_splits = queue.empty(&weight_splits, DType::F32);
            let bias_splits = queue.empty(&[plan.splits, shape.outputs], DType::F32);
            let tensors = [grad_output, input, &weight_splits, &bias_splits];
            launch_masked(queue, plan.product, tensors, relu_output);
            queue.launch(weight_sum, &[&weight_splits, &grad_weight]);
            queue.launch(bias_sum, &[&bias_splits, &grad_bias]);
        }
    }
    (grad_weight, grad_bias)
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
