//! The block on `burn-ndarray`: tensors in and out of the kernels in [`cpu`].

use burn::backend::NdArray;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn_ndarray::{NdArrayTensor, SharedArray};
use ndarray::{ArrayD, IxDyn};

use super::autodiff::block_shape;
use super::{BlockKernels, BlockShape, ConvReluPool, cpu};

impl ConvReluPool for NdArray {
    fn conv_relu_pool(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        Self::forward(input, weight, bias).0
    }
}

/// Codes are one `u8` for each element of the output.
impl BlockKernels for NdArray {
    fn forward(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, IntTensor<Self>) {
        let shape = block_shape(&input, &weight, &bias);
        let len = shape.output_dims().iter().product();
        let mut output = vec![0.0; len];
        let mut codes = vec![0; len];
        cpu::forward(
            &shape,
            &floats(input),
            &floats(weight),
            &floats(bias),
            &mut output,
            &mut codes,
        );
        (
            tensor(output, &shape.output_dims()),
            tensor(codes, &shape.output_dims()),
        )
    }

    fn grad_input(
        shape: BlockShape,
        weight: FloatTensor<Self>,
        codes: IntTensor<Self>,
        grad_output: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let mut grad_input = vec![0.0; shape.input_dims().iter().product()];
        cpu::grad_input(
            &shape,
            &floats(weight),
            &bytes(codes),
            &floats(grad_output),
            &mut grad_input,
        );
        tensor(grad_input, &shape.input_dims())
    }

    fn grad_weight_bias(
        shape: BlockShape,
        input: FloatTensor<Self>,
        codes: IntTensor<Self>,
        grad_output: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let mut grad_weight = vec![0.0; shape.weight_dims().iter().product()];
        let mut grad_bias = vec![0.0; shape.out_channels];
        cpu::grad_weight_bias(
            &shape,
            &floats(input),
            &bytes(codes),
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

/// An array whose elements lie in memory in row-major order, readable as a slice.
struct RowMajor<E>(SharedArray<E>);

impl<E: Clone> RowMajor<E> {
    /// Copies only what is permuted or sliced.
    fn new(array: SharedArray<E>) -> Self {
        if array.is_standard_layout() {
            Self(array)
        } else {
            Self(array.as_standard_layout().into_owned().into_shared())
        }
    }
}

impl<E> std::ops::Deref for RowMajor<E> {
    type Target = [E];

    fn deref(&self) -> &[E] {
        self.0
            .as_slice()
            .expect("an array in standard layout is a slice")
    }
}

fn floats(tensor: NdArrayTensor) -> RowMajor<f32> {
    match tensor {
        NdArrayTensor::F32(storage) => RowMajor::new(storage.into_shared()),
        _ => panic!("conv_relu_pool computes in f32 only"),
    }
}

fn bytes(tensor: NdArrayTensor) -> RowMajor<u8> {
    match tensor {
        NdArrayTensor::U8(storage) => RowMajor::new(storage.into_shared()),
        _ => panic!("conv_relu_pool's codes are u8"),
    }
}

fn tensor<E: Clone>(values: Vec<E>, dims: &[usize]) -> NdArrayTensor
where
    NdArrayTensor: From<SharedArray<E>>,
{
    ArrayD::from_shape_vec(IxDyn(dims), values)
        .expect("a kernel's output has its shape's length")
        .into_shared()
        .into()
}
