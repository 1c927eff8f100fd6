//! Batches on `burn-wgpu`: tensors in and out of the kernel in `shaders/gather/`.

use burn::backend::DType;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn_wgpu::{CubeBackend, into_contiguous};

use super::{Gather, Selection, images_dims, plan};
use crate::dataset::Spec;
use crate::ops::wgsl::{empty, launch, upload};

impl Gather for CubeBackend {
    fn gather(
        images: IntTensor<Self>,
        labels: IntTensor<Self>,
        order: IntTensor<Self>,
        target_values: FloatTensor<Self>,
        spec: Spec,
        selection: Selection,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let batch = selection.len as usize;
        let [images, labels, order, target_values] =
            [images, labels, order, target_values].map(into_contiguous);
        let parameters = upload(&images, &plan::parameters(&selection, &spec));
        let batch_images = empty(&images, &images_dims(spec.shape, batch), DType::F32);
        let batch_targets = empty(&images, &[batch, spec.classes], DType::F32);
        launch(
            plan::batch(&spec, batch),
            &[
                &images,
                &labels,
                &order,
                &target_values,
                &parameters,
                &batch_images,
                &batch_targets,
            ],
        );
        (batch_images, batch_targets)
    }
}
