//! The normalisation on `burn-ndarray`: tensors in and out of the kernels in [`cpu`].

use burn::backend::tensor::FloatTensor;
use burn::backend::{NdArray, TensorMetadata};

use super::{ChannelNormKernels, cpu};
use crate::device::recorder;
use crate::ops::ndarray_tensor::{floats, into_vec, tensor};
use crate::ops::simd::Isa;

impl ChannelNormKernels for NdArray {
    fn forward(input: FloatTensor<Self>) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let _timed = recorder::operation("channel_norm/forward");
        let dims: [usize; 4] = input.shape().dims();
        let mut values = into_vec(input);
        let factors = cpu::forward(Isa::detect(), dims, &mut values);
        (tensor(values, &dims), tensor(factors, &dims[1..2]))
    }

    fn backward(
        output: FloatTensor<Self>,
        factors: FloatTensor<Self>,
        grad_output: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let _timed = recorder::operation("channel_norm/backward");
        let dims: [usize; 4] = output.shape().dims();
        let mut gradient = into_vec(grad_output);
        cpu::backward(
            Isa::detect(),
            dims,
            &floats(output),
            &floats(factors),
            &mut gradient,
        );
        tensor(gradient, &dims)
    }
}
