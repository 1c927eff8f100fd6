//! The block on `burn-ndarray`: tensors in and out of the kernels in [`cpu`].

use burn::backend::NdArray;
use burn::backend::tensor::{FloatTensor, IntTensor};

use super::{BlockShape, ConvReluPoolKernels, block_shape, cpu};
use crate::device::recorder;
use crate::ops::ndarray_tensor::{bytes, floats, tensor};
use crate::ops::simd::Isa;

/// The argmax is one `u8` for each element of the output.
impl ConvReluPoolKernels for NdArray {
    fn forward(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, IntTensor<Self>) {
        let _timed = recorder::operation("conv_relu_pool/forward");
        let shape = block_shape(&input, &weight, &bias);
        let len = shape.output_dims().iter().product();
        let mut output = vec![0.0; len];
        let mut argmax = vec![0; len];
        cpu::forward(
            Isa::detect(),
            &shape,
            &floats(input),
            &floats(weight),
            &floats(bias),
            &mut output,
            &mut argmax,
        );
        (
            tensor(output, &shape.output_dims()),
            tensor(argmax, &shape.output_dims()),
        )
    }

    fn grad_input(
        shape: BlockShape,
        weight: FloatTensor<Self>,
        argmax: IntTensor<Self>,
        grad_output: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let _timed = recorder::operation("conv_relu_pool/grad_input");
        let mut grad_input = vec![0.0; shape.input_dims().iter().product()];
        cpu::grad_input(
            Isa::detect(),
            &shape,
            &floats(weight),
            &bytes(argmax),
            &floats(grad_output),
            &mut grad_input,
        );
        tensor(grad_input, &shape.input_dims())
    }

    fn grad_weight_bias(
        shape: BlockShape,
        input: FloatTensor<Self>,
        argmax: IntTensor<Self>,
        grad_output: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let _timed = recorder::operation("conv_relu_pool/grad_weight");
        let mut grad_weight = vec![0.0; shape.weight_dims().iter().product()];
        let mut grad_bias = vec![0.0; shape.out_channels];
        cpu::grad_weight_bias(
            Isa::detect(),
            &shape,
            &floats(input),
            &bytes(argmax),
            &floats(grad_output),
            &mut grad_weight,
            &mut grad_bias,
        );
        (
            tensor(grad_weight, &shape.weight_dims()),
            tensor(grad_bias, &[shape.out_channels]),
        )
    }
}
