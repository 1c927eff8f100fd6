//! The normalisation on `burn-wgpu`: tensors in and out of the kernels in `shaders/channel_norm/`.

use burn::backend::tensor::FloatTensor;
use burn::backend::{DType, TensorMetadata};
use burn_wgpu::{CubeBackend, into_contiguous};

use super::ChannelNormKernels;
use super::plan::{self, Plan, Sums};
use crate::ops::wgsl::{DeviceOf, Queue};

/// The output and the factors that it was made with.
pub fn forward<Q: Queue>(
    queue: &mut Q,
    dims: [usize; 4],
    input: &Q::Tensor,
) -> (Q::Tensor, Q::Tensor) {
    let output = queue.empty(&dims, DType::F32);
    let factors = queue.empty(&dims[1..2], DType::F32);
    let Plan { sums, result } = plan::forward(dims, queue.class());
    match sums {
        None => queue.launch(result, &[input, &output, &factors]),
        Some(Sums { launch, len }) => {
            let sums = queue.empty(&[len], DType::F32);
            queue.launch(launch, &[&sums, input]);
            queue.launch(result, &[&sums, input, &output, &factors]);
        }
    }
    (output, factors)
}

/// The gradient of the input.
pub fn backward<Q: Queue>(
    queue: &mut Q,
    dims: [usize; 4],
    [output, factors, grad_output]: [&Q::Tensor; 3],
) -> Q::Tensor {
    let grad_input = queue.empty(&dims, DType::F32);
    let tensors = [output, factors, grad_output, &grad_input];
    let Plan { sums, result } = plan::backward(dims, queue.class());
    match sums {
        None => queue.launch(result, &tensors),
        Some(Sums { launch, len }) => {
            let sums = queue.empty(&[len], DType::F32);
            queue.launch(launch, &[&sums, output, grad_output]);
            queue.launch(result, &[&sums, output, factors, grad_output, &grad_input]);
        }
    }
    grad_input
}

impl ChannelNormKernels for CubeBackend {
    fn forward(input: FloatTensor<Self>) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let dims: [usize; 4] = input.shape().dims();
        let input = into_contiguous(input);
        forward(&mut DeviceOf(&input), dims, &input)
    }

    fn backward(
        output: FloatTensor<Self>,
        factors: FloatTensor<Self>,
        grad_output: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let dims: [usize; 4] = output.shape().dims();
        let [output, factors, grad_output] = [output, factors, grad_output].map(into_contiguous);
        let tensors = [&output, &factors, &grad_output];
        backward(&mut DeviceOf(&output), dims, tensors)
    }
}
