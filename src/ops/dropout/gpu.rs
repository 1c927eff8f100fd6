//! Dropout on `burn-wgpu`: tensors in and out of the kernel in `shaders/dropout/`.

use burn::backend::tensor::FloatTensor;
use burn::backend::{DType, TensorMetadata};
use burn_wgpu::{CubeBackend, into_contiguous};

use super::{ApplyMask, Mask, plan};
use crate::ops::wgsl::{empty, launch, upload};

impl ApplyMask for CubeBackend {
    fn apply_mask(input: FloatTensor<Self>, mask: Mask) -> FloatTensor<Self> {
        let input = into_contiguous(input);
        let shape = input.shape();
        let len = shape.num_elements();
        let output = empty(&input, &shape, DType::F32);
        let [x, y, z] = mask.key;
        let mask = upload(&input, &[x, y, z, mask.threshold, mask.scale.to_bits()]);
        launch(plan::apply_mask(len), &[&input, &mask, &output]);
        output
    }
}
