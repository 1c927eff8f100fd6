//! The normalisation on `burn-wgpu`: tensors in and out of the kernels in `shaders/channel_norm/`.

use burn::backend::tensor::FloatTensor;
use burn::backend::{DType, TensorMetadata};
use burn_wgpu::{CubeBackend, into_contiguous};

use super::{ChannelNormKernels, plan};
use crate::ops::wgsl::{empty, launch};

impl ChannelNormKernels for CubeBackend {
    fn forward(input: FloatTensor<Self>) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let dims: [usize; 4] = input.shape().dims();
        let input = into_contiguous(input);
        let output = empty(&input, &dims, DType::F32);
        let factors = empty(&input, &dims[1..2], DType::F32);
        launch(plan::forward(dims), &[&input, &output, &factors]);
        (output, factors)
    }

    fn backward(
        output: FloatTensor<Self>,
        factors: FloatTensor<Self>,
        grad_output: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let dims: [usize; 4] = output.shape().dims();
        let [output, factors, grad_output] = [output, factors, grad_output].map(into_contiguous);
        let grad_input = empty(&output, &dims, DType::F32);
        let tensors = [&output, &factors, &grad_output, &grad_input];
        launch(plan::backward(dims), &tensors);
        grad_input
    }
}
