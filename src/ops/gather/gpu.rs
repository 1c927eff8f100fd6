//! Batches on `burn-wgpu`: tensors in and out of the kernel in `shaders/gather/`.

use burn::backend::DType;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn_wgpu::{CubeBackend, into_contiguous};

use super::{Gather, Selection, images_dims, plan};
use crate::dataset::Spec;
use crate::ops::wgsl::{DeviceOf, Queue, upload};

/// A batch of so many images, and its targets. The last tensor holds [`plan::parameters`].
pub fn gather<Q: Queue>(
    queue: &mut Q,
    spec: &Spec,
    batch: usize,
    [images, labels, order, target_values, parameters]: [&Q::Tensor; 5],
) -> (Q::Tensor, Q::Tensor) {
    let batch_images = queue.empty(&images_dims(spec.shape, batch), DType::F32);
    let batch_targets = queue.empty(&[batch, spec.classes], DType::F32);
    queue.launch(
        plan::batch(spec, batch, queue.class()),
        &[
            images,
            labels,
            order,
            target_values,
            parameters,
            &batch_images,
            &batch_targets,
        ],
    );
    (batch_images, batch_targets)
}

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
        let tensors = [&images, &labels, &order, &target_values, &parameters];
        gather(&mut DeviceOf(&images), &spec, batch, tensors)
    }
}
