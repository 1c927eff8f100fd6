//! The layer on `burn-ndarray`: tensors in and out of the kernels in [`cpu`].

use burn::backend::NdArray;
use burn::backend::tensor::FloatTensor;

use super::{LinearKernels, LinearShape, cpu};
use crate::device::recorder;
use crate::ops::ndarray_tensor::{floats, written};
use crate::ops::simd::Isa;

impl LinearKernels for NdArray {
    fn forward(
        shape: LinearShape,
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        relu: bool,
    ) -> FloatTensor<Self> {
        let _timed = recorder::operation("linear/forward");
        // SAFETY: the kernel writes the whole output.
        let (output, ()) = unsafe {
            written(&[shape.batch, shape.outputs], |output| {
                cpu::forward(
                    Isa::detect(),
                    &shape,
                    relu,
                    &floats(input),
                    &floats(weight),
                    &floats(bias),
                    output,
                );
            })
        };
        output
    }

    fn grad_input(
        shape: LinearShape,
        relu_output: Option<FloatTensor<Self>>,
        weight: FloatTensor<Self>,
        grad_output: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let _timed = recorder::operation("linear/grad_input");
        // SAFETY: the kernel writes the whole gradient.
        let (grad_input, ()) = unsafe {
            written(&[shape.batch, shape.inputs], |grad_input| {
                cpu::grad_input(
                    Isa::detect(),
                    &shape,
                    relu_output.map(floats).as_deref(),
                    &floats(weight),
                    &floats(grad_output),
                    grad_input,
                );
            })
        };
        grad_input
    }

    fn grad_weight_bias(
        shape: LinearShape,
        relu_output: Option<FloatTensor<Self>>,
        input: FloatTensor<Self>,
        grad_output: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let _timed = recorder::operation("linear/grad_weight");
        // SAFETY: the kernel writes both gradients.
        let (grad_weight, (grad_bias, ())) = unsafe {
            written(&[shape.inputs, shape.outputs], |grad_weight| {
                written(&[shape.outputs], |grad_bias| {
                    cpu::grad_weight_bias(
                        Isa::detect(),
                        &shape,
                        relu_output.map(floats).as_deref(),
                        &floats(input),
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
