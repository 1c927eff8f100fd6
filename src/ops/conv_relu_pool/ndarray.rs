//! The block on `burn-ndarray`: tensors in and out of the kernels in [`cpu`].

use burn::backend::NdArray;
use burn::backend::tensor::{FloatTensor, IntTensor};

use super::{BlockShape, ConvReluPoolKernels, cpu};
use crate::device::recorder;
use crate::ops::ndarray_tensor::{bytes, floats, written};
use crate::ops::simd::Isa;

/// The argmax is one `u8` for each element of the output.
impl ConvReluPoolKernels for NdArray {
    fn forward(
        shape: BlockShape,
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, IntTensor<Self>) {
        let _timed = recorder::operation("conv_relu_pool/forward");
        let dims = shape.output_dims();
        // SAFETY: the kernel writes all outputs and their argmax.
        let (output, (argmax, ())) = unsafe {
            written(&dims, |output| {
                written(&dims, |argmax| {
                    cpu::forward(
                        Isa::detect(),
                        &shape,
                        &floats(input),
                        &floats(weight),
                        &floats(bias),
                        output,
                        argmax,
                    );
                })
            })
        };
        (output, argmax)
    }

    fn grad_input(
        shape: BlockShape,
        weight: FloatTensor<Self>,
        argmax: IntTensor<Self>,
        grad_output: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let _timed = recorder::operation("conv_relu_pool/grad_input");
        // SAFETY: the kernel writes the whole gradient.
        let (grad_input, ()) = unsafe {
            written(&shape.input_dims(), |grad_input| {
                cpu::grad_input(
                    Isa::detect(),
                    &shape,
                    &floats(weight),
                    &bytes(argmax),
                    &floats(grad_output),
                    grad_input,
                );
            })
        };
        grad_input
    }

    fn grad_weight_bias(
        shape: BlockShape,
        input: FloatTensor<Self>,
        argmax: IntTensor<Self>,
        grad_output: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let _timed = recorder::operation("conv_relu_pool/grad_weight");
        // SAFETY: the kernel writes both gradients.
        let (grad_weight, (grad_bias, ())) = unsafe {
            written(&shape.weight_dims(), |grad_weight| {
                written(&[shape.out_channels], |grad_bias| {
                    cpu::grad_weight_bias(
                        Isa::detect(),
                        &shape,
                        &floats(input),
                        &bytes(argmax),
                        &floats(grad_output),
                        grad_weight,
                        grad_bias,
                    );
                })
            })
        };
        (grad_weight, grad_bias)
    }
}
