//! Dropout on `burn-wgpu`: tensors in and out of the kernel in `shaders/dropout/`.

use burn::backend::tensor::FloatTensor;
use burn::backend::{DType, TensorMetadata};
use burn_wgpu::{CubeBackend, into_contiguous};

use super::{ApplyMask, Mask, plan};
use crate::ops::wgsl::{DeviceOf, Queue, upload};

/// The activations, of so many, that `mask` leaves: the fields of [`Mask`] as the shader has them.
pub fn apply_mask<Q: Queue>(
    queue: &mut Q,
    dims: &[usize],
    [input, mask]: [&Q::Tensor; 2],
) -> Q::Tensor {
    let output = queue.empty(dims, DType::F32);
    let len = dims.iter().product();
    queue.launch(plan::apply_mask(len), &[input, mask, &output]);
    output
}

impl ApplyMask for CubeBackend {
    fn apply_mask(input: FloatTensor<Self>, mask: Mask) -> FloatTensor<Self> {
        let input = into_contiguous(input);
        let shape = input.shape();
        let mask = upload(&input, &mask.words());
        apply_mask(&mut DeviceOf(&input), &shape, [&input, &mask])
    }
}
