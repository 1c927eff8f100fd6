//! Adam on `burn-ndarray`: tensors in and out of the kernel in [`cpu`].

use burn::backend::tensor::FloatTensor;
use burn::backend::{NdArray, TensorMetadata};

use super::{AdamStep, AdamUpdate, cpu};
use crate::slices::{floats, into_vec, tensor};

impl AdamUpdate for NdArray {
    fn adam_update(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        moment_1: FloatTensor<Self>,
        moment_2: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let dims = parameter.shape().to_vec();
        // In place where nobody else holds the tensor.
        let [mut parameter, mut moment_1, mut moment_2] =
            [parameter, moment_1, moment_2].map(into_vec);
        cpu::update(
            &step,
            &mut parameter,
            &floats(gradient),
            &mut moment_1,
            &mut moment_2,
        );
        (
            tensor(parameter, &dims),
            tensor(moment_1, &dims),
            tensor(moment_2, &dims),
        )
    }
}
