//! The block on `burn-wgpu`: tensors in and out of the kernels in `shaders/conv_relu_pool/`.
//!
//! The argmax is packed, one byte for each element of the output: see `forward.wgsl`.

use burn::backend::DType;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn_wgpu::{CubeBackend, into_contiguous};

use super::{BlockShape, ConvReluPoolKernels, plan};
use crate::ops::partial_sums::PartialSums;
use crate::ops::wgsl::{DeviceOf, Queue};

/// The output and the argmax.
pub fn forward<Q: Queue>(
    queue: &mut Q,
    shape: &BlockShape,
    [input, weight, bias]: [&Q::Tensor; 3],
) -> (Q::Tensor, Q::Tensor) {
    let output = queue.empty(&shape.output_dims(), DType::F32);
    let argmax = queue.empty(&[shape.argmax_words()], DType::U32);
    queue.launch(
        plan::forward(shape, queue.class()),
        &[input, weight, bias, &output, &argmax],
    );
    (output, argmax)
}

/// The gradient of the input.
pub fn grad_input<Q: Queue>(
    queue: &mut Q,
    shape: &BlockShape,
    [weight, argmax, grad_output]: [&Q::Tensor; 3],
) -> Q::Tensor {
    let grad_input = queue.empty(&shape.input_dims(), DType::F32);
    queue.launch(
        plan::grad_input(shape, queue.class()),
        &[weight, argmax, grad_output, &grad_input],
    );
    grad_input
}

/// The gradients of weight and bias.
pub fn grad_weight_bias<Q: Queue>(
    queue: &mut Q,
    shape: &BlockShape,
    [input, argmax, grad_output]: [&Q::Tensor; 3],
) -> (Q::Tensor, Q::Tensor) {
    let plan = plan::grad_weight(shape, queue.class());
    let [PartialSums { rows, .. }, _] = grad_sums(queue, shape, [input, argmax, grad_output]);
    let grad_weight = queue.empty(&shape.weight_dims(), DType::F32);
    let grad_bias = queue.empty(&[shape.out_channels], DType::F32);
    queue.launch(plan.reduce, &[&rows, &grad_weight, &grad_bias]);
    (grad_weight, grad_bias)
}

/// The same before they are summed.
pub fn grad_sums<Q: Queue>(
    queue: &mut Q,
    shape: &BlockShape,
    [input, argmax, grad_output]: [&Q::Tensor; 3],
) -> [PartialSums<Q::Tensor>; 2] {
    let plan = plan::grad_weight(shape, queue.class());
    let pitch = shape.weights() + shape.out_channels;
    let rows = queue.empty(&[plan.rows, pitch], DType::F32);
    queue.launch(plan.partial, &[input, argmax, grad_output, &rows]);
    [0, shape.weights()].map(|first| PartialSums {
        rows: rows.clone(),
        count: plan.rows,
        pitch,
        first,
        stride: plan.stride,
    })
}

impl ConvReluPoolKernels for CubeBackend {
    fn forward(
        shape: BlockShape,
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, IntTensor<Self>) {
        let [input, weight, bias] = [input, weight, bias].map(into_contiguous);
        forward(&mut DeviceOf(&input), &shape, [&input, &weight, &bias])
    }

    fn grad_input(
        shape: BlockShape,
        weight: FloatTensor<Self>,
        argmax: IntTensor<Self>,
        grad_output: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let [weight, grad_output] = [weight, grad_output].map(into_contiguous);
        let tensors = [&weight, &argmax, &grad_output];
        grad_input(&mut DeviceOf(&weight), &shape, tensors)
    }

    fn grad_weight_bias(
        shape: BlockShape,
        input: FloatTensor<Self>,
        argmax: IntTensor<Self>,
        grad_output: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let [input, grad_output] = [input, grad_output].map(into_contiguous);
        let tensors = [&input, &argmax, &grad_output];
        grad_weight_bias(&mut DeviceOf(&input), &shape, tensors)
    }
}
