//! Adam on `burn-wgpu`: tensors in and out of the kernel in `shaders/adam/`.

use burn::backend::TensorMetadata;
use burn::backend::tensor::FloatTensor;
use burn_wgpu::{CubeBackend, into_contiguous};

use super::{AdamStep, AdamUpdate, plan};
use crate::wgsl::{exclusive, launch, upload};

impl AdamUpdate for CubeBackend {
    fn adam_update(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        moment_1: FloatTensor<Self>,
        moment_2: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        let length = parameter.shape().num_elements();
        assert!(
            plan::is_supported(length),
            "adam: a parameter of {length} elements is too large for one launch"
        );
        let [parameter, moment_1, moment_2] = [parameter, moment_1, moment_2].map(exclusive);
        let gradient = into_contiguous(gradient);
        let hyper = upload(
            &parameter,
            &[
                step.learning_rate,
                step.beta_1,
                step.beta_2,
                step.epsilon,
                step.bias_correction_1,
                step.bias_correction_2,
            ],
        );
        launch(
            plan::step(length),
            &[&parameter, &gradient, &moment_1, &moment_2, &hyper],
        );
        (parameter, moment_1, moment_2)
    }
}
