//! Batches on `burn-ndarray`: tensors in and out of the kernel in [`cpu`].

use burn::backend::NdArray;
use burn::backend::tensor::{FloatTensor, IntTensor};

use super::{Form, Gather, Selection, cpu};
use crate::device::recorder;
use crate::ops::ndarray_tensor::{bytes, floats, tensor, words};
use crate::ops::simd::Isa;

impl Gather for NdArray {
    fn gather(
        images: IntTensor<Self>,
        labels: IntTensor<Self>,
        order: IntTensor<Self>,
        target_values: FloatTensor<Self>,
        form: Form,
        selection: Selection,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let _timed = recorder::operation("gather/batch");
        let source = cpu::Source {
            images: &bytes(images),
            shape: form.shape,
            labels: &words(labels),
            classes: form.classes,
            order: &words(order),
            target_values: &floats(target_values),
        };
        let batch = selection.len as usize;
        let (images, targets) = cpu::gather(Isa::detect(), source, &selection);
        (
            tensor(images, &form.images(batch)),
            tensor(targets, &[batch, form.classes]),
        )
    }
}
