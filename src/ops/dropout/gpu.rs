//! Dropout on `burn-wgpu`: tensors in and out of the kernel in `shaders/dropout/`.

use burn::backend::tensor::FloatTensor;
use burn::backend::{DType, TensorMetadata};
use burn_wgpu::{CubeBackend, into_contiguous};

use super::{Drop, DropOut, plan};
use crate::ops::wgsl::{empty, launch, upload};

impl DropOut for CubeBackend {
    fn drop_out(input: FloatTensor<Self>, drop: Drop) -> FloatTensor<Self> {
        let input = into_contiguous(input);
        let shape = input.shape();
        let len = shape.num_elements();
        let output = empty(&input, &shape, DType::F32);
        let [x, y, z] = drop.key;
        let choice = upload(&input, &[x, y, z, drop.threshold, drop.scale.to_bits()]);
        launch(plan::drop_out(len), &[&input, &choice, &output]);
        output
    }
}
