//! Dropout on `burn-ndarray`: tensors in and out of the kernel in [`cpu`].

use burn::backend::tensor::FloatTensor;
use burn::backend::{NdArray, TensorMetadata};

use super::{ApplyMask, Mask, cpu};
use crate::device::recorder;
use crate::ops::ndarray_tensor::{into_vec, tensor};
use crate::ops::simd::Isa;

impl ApplyMask for NdArray {
    fn apply_mask(input: FloatTensor<Self>, mask: Mask) -> FloatTensor<Self> {
        let _timed = recorder::operation("dropout/drop");
        let dims = input.shape().to_vec();
        let mut values = into_vec(input);
        cpu::apply_mask(Isa::detect(), &mut values, &mask);
        tensor(values, &dims)
    }
}
