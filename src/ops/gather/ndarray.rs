//! Batches on `burn-ndarray`: tensors in and out of the kernel in [`cpu`].

use burn::backend::NdArray;
use burn::backend::tensor::{FloatTensor, IntTensor};

use super::{Gather, Selection, cpu, images_dims};
use crate::dataset::Spec;
use crate::device::recorder;
use crate::ops::ndarray_tensor::{bytes, floats, tensor, words};
use crate::ops::simd::Isa;

impl Gather for NdArray {
    fn gather(
        images: IntTensor<Self>,
        labels: IntTensor<Self>,
        order: IntTensor<Self>,
        target_values: FloatTensor<Self>,
        spec: Spec,
        selection: Selection,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let _timed = recorder::operation("gather/batch");
        let source = cpu::Source {
            images: &bytes(images),
            spec,
            labels: &words(labels),
            order: &words(order),
            target_values: &floats(target_values),
        };
        let batch = selection.len as usize;
        let (images, targets) = cpu::gather(Isa::detect(), source, &selection);
        (
            tensor(images, &images_dims(spec.shape, batch)),
            tensor(targets, &[batch, spec.classes]),
        )
    }
}
