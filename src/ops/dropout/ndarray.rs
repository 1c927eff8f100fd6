//! Dropout on `burn-ndarray`: tensors in and out of the kernel in [`cpu`].

use burn::backend::tensor::FloatTensor;
use burn::backend::{NdArray, TensorMetadata};

use super::{Drop, DropOut, cpu};
use crate::device::recorder;
use crate::ops::ndarray_tensor::{into_vec, tensor};

impl DropOut for NdArray {
    fn drop_out(input: FloatTensor<Self>, drop: Drop) -> FloatTensor<Self> {
        let _timed = recorder::operation("dropout/drop");
        let dims = input.shape().to_vec();
        let mut values = into_vec(input);
        cpu::drop_out(&mut values, &drop);
        tensor(values, &dims)
    }
}
