//! The layer on `burn-wgpu`: tensors in and out of the kernels in `shaders/linear/`.

use burn::backend::DType;
use burn::backend::tensor::FloatTensor;
use burn_wgpu::{CubeBackend, CubeTensor, into_contiguous};

use super::{LinearKernels, LinearShape, plan};
use crate::ops::wgsl::{empty, launch};

impl LinearKernels for CubeBackend {
    fn forward(
        shape: LinearShape,
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        relu: bool,
    ) -> FloatTensor<Self> {
        let [input, weight, bias] = [input, weight, bias].map(into_contiguous);
        let output = empty(&input, &[shape.batch, shape.outputs], DType::F32);
        let plan = plan::forward(&shape, relu);
        match plan.sum {
            None => launch(plan.product, &[&input, &weight, &bias, &output]),
            Some(sum) => {
                let products = empty(
                    &input,
                    &[plan.splits, shape.batch, shape.outputs],
                    DType::F32,
                );
                launch(plan.product, &[&input, &weight, &bias, &products]);
                launch(sum, &[&products, &output]);
            }
        }
        output
    }

    fn grad_input(
        shape: LinearShape,
        relu_output: Option<FloatTensor<Self>>,
        weight: FloatTensor<Self>,
        grad_output: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let [weight, grad_output] = [weight, grad_output].map(into_contiguous);
        let grad_input = empty(&weight, &[shape.batch, shape.inputs], DType::F32);
        let tensors = [&grad_output, &weight, &grad_input];
        launch_masked(
            plan::grad_input(&shape, relu_output.is_some()),
            &tensors,
            relu_output,
        );
        grad_input
    }

    fn grad_weight_bias(
        shape: LinearShape,
        relu_output: Option<FloatTensor<Self>>,
        input: FloatTensor<Self>,
        grad_output: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let [input, grad_output] = [input, grad_output].map(into_contiguous);
        let grad_weight = empty(&input, &[shape.inputs, shape.outputs], DType::F32);
        let grad_bias = empty(&input, &[shape.outputs], DType::F32);
        let plan = plan::grad_weight(&shape, relu_output.is_some());
        match plan.sums {
            None => {
                let tensors = [&grad_output, &input, &grad_weight, &grad_bias];
                launch_masked(plan.product, &tensors, relu_output);
            }
            Some([weight_sum, bias_sum]) => {
                let weight_splits = [plan.splits, shape.inputs, shape.outputs];
                let weight_splits = empty(&input, &weight_splits, DType::F32);
                let bias_splits = empty(&input, &[plan.splits, shape.outputs], DType::F32);
                let tensors = [&grad_output, &input, &weight_splits, &bias_splits];
                launch_masked(plan.product, &tensors, relu_output);
                launch(weight_sum, &[&weight_splits, &grad_weight]);
                launch(bias_sum, &[&bias_splits, &grad_bias]);
            }
        }
        (grad_weight, grad_bias)
    }
}

/// Queues a kernel that binds the layer's output last if it masks by it.
fn launch_masked(
    plan: crate::ops::wgsl::Launch,
    tensors: &[&CubeTensor],
    relu_output: Option<CubeTensor>,
) {
    let mut tensors = tensors.to_vec();
    tensors.extend(&relu_output);
    launch(plan, &tensors);
}
