//! The layer on `burn-ndarray`: tensors in and out of the kernels in [`cpu`].

use burn::backend::NdArray;
use burn::backend::tensor::FloatTensor;

use super::{LinearKernels, LinearShape, cpu};
use crate::device::recorder;
use crate::ops::ndarray_tensor::{floats, tensor};
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
        let mut output = vec![0.0; shape.batch * shape.outputs];
        cpu::forward(
            Isa::detect(),
            &shape,
            relu,
            &floats(input),
            &floats(weight),
            &floats(bias),
            &mut output,
        );
        tensor(output, &[shape.batch, shape.outputs])
    }

    fn grad_input(
        shape: LinearShape,
        relu_output: Option<FloatTensor<Self>>,
        weight: FloatTensor<Self>,
        grad_output: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let _timed = recorder::operation("linear/grad_input");
        let mut grad_input = vec![0.0; shape.batch * shape.inputs];
        cpu::grad_input(
            Isa::detect(),
            &shape,
            relu_output.map(floats).as_deref(),
            &floats(weight),
            &floats(grad_output),
            &mut grad_input,
        );
        tensor(grad_input, &[shape.batch, shape.inputs])
    }

    fn grad_weight_bias(
        shape: LinearShape,
        relu_output: Option<FloatTensor<Self>>,
        input: FloatTensor<Self>,
        grad_output: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let _timed = recorder::operation("linear/grad_weight");
        let mut grad_weight = vec![0.0; shape.inputs * shape.outputs];
        let mut grad_bias = vec![0.0; shape.outputs];
        cpu::grad_weight_bias(
            Isa::detect(),
            &shape,
            relu_output.map(floats).as_deref(),
            &floats(input),
            &floats(grad_output),
            &mut grad_weight,
            &mut grad_bias,
        );
        (
            tensor(grad_weight, &[shape.inputs, shape.outputs]),
            tensor(grad_bias, &[shape.outputs]),
        )
    }
}
