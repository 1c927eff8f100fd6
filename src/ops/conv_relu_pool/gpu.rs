//! The block on `burn-wgpu`: tensors in and out of the kernels in `shaders/conv_relu_pool/`.
//!
//! The argmax is packed, one byte for each element of the output: see `forward.wgsl`.

use burn::backend::DType;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn_wgpu::{CubeBackend, into_contiguous};

use super::{BlockShape, ConvReluPoolKernels, block_shape, plan};
use crate::ops::wgsl::{empty, launch};

impl ConvReluPoolKernels for CubeBackend {
    fn forward(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, IntTensor<Self>) {
        let shape = block_shape(&input, &weight, &bias);
        let [input, weight, bias] = [input, weight, bias].map(into_contiguous);
        let output = empty(&input, &shape.output_dims(), DType::F32);
        let argmax = empty(&input, &[shape.argmax_words()], DType::U32);
        launch(
            plan::forward(&shape),
            &[&input, &weight, &bias, &output, &argmax],
        );
        (output, argmax)
    }

    fn grad_input(
        shape: BlockShape,
        weight: FloatTensor<Self>,
        argmax: IntTensor<Self>,
        grad_output: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let [weight, grad_output] = [weight, grad_output].map(into_contiguous);
        let grad_input = empty(&weight, &shape.input_dims(), DType::F32);
        launch(
            plan::grad_input(&shape),
            &[&weight, &argmax, &grad_output, &grad_input],
        );
        grad_input
    }

    fn grad_weight_bias(
        shape: BlockShape,
        input: FloatTensor<Self>,
        argmax: IntTensor<Self>,
        grad_output: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let [input, grad_output] = [input, grad_output].map(into_contiguous);
        let plan = plan::grad_weight(&shape);
        let partials = empty(&input, &[plan.partials], DType::F32);
        let grad_weight = empty(&input, &shape.weight_dims(), DType::F32);
        let grad_bias = empty(&input, &[shape.out_channels], DType::F32);
        launch(plan.partial, &[&input, &argmax, &grad_output, &partials]);
        launch(plan.reduce, &[&partials, &grad_weight, &grad_bias]);
        (grad_weight, grad_bias)
    }
}
