//! The tensors of `burn-ndarray` as slices, which the CPU kernels work on.

use std::mem::MaybeUninit;
use std::ops::Deref;

use burn_ndarray::{NdArrayTensor, SharedArray};
use ndarray::{ArrayD, ArrayViewD, IxDyn};

use crate::ops::uninit;

/// A tensor whose elements lie in memory in row-major order, readable as a slice.
pub struct RowMajor<E> {
    tensor: NdArrayTensor,
    view: fn(&NdArrayTensor) -> ArrayViewD<'_, E>,
}

impl<E: Clone> RowMajor<E>
where
    NdArrayTensor: From<SharedArray<E>>,
{
    /// Copies only what is permuted or sliced.
    fn new(tensor: NdArrayTensor, view: fn(&NdArrayTensor) -> ArrayViewD<'_, E>) -> Self {
        let permuted = view(&tensor);
        let tensor = if permuted.is_standard_layout() {
            tensor
        } else {
            let array = permuted.as_standard_layout().into_owned();
            array.into_shared().into()
        };
        Self { tensor, view }
    }
}

impl<E> Deref for RowMajor<E> {
    type Target = [E];

    fn deref(&self) -> &[E] {
        (self.view)(&self.tensor)
            .to_slice()
            .expect("an array in standard layout is a slice")
    }
}

/// The elements of an f32 tensor.
pub fn floats(tensor: NdArrayTensor) -> RowMajor<f32> {
    RowMajor::new(tensor, |tensor| match tensor {
        NdArrayTensor::F32(storage) => storage.view(),
        _ => panic!("this program's kernels compute in f32 only"),
    })
}

/// The elements of a u8 tensor.
pub fn bytes(tensor: NdArrayTensor) -> RowMajor<u8> {
    RowMajor::new(tensor, |tensor| match tensor {
        NdArrayTensor::U8(storage) => storage.view(),
        _ => panic!("the argmax and pixels are u8"),
    })
}

/// The elements of a u32 tensor.
pub fn words(tensor: NdArrayTensor) -> RowMajor<u32> {
    RowMajor::new(tensor, |tensor| match tensor {
        NdArrayTensor::U32(storage) => storage.view(),
        _ => panic!("indices are u32"),
    })
}

/// The elements of an f32 tensor to be changed: without a copy where nobody else holds them.
pub fn into_vec(tensor: NdArrayTensor) -> Vec<f32> {
    let array = match floats(tensor).tensor {
        NdArrayTensor::F32(storage) => storage.into_shared(),
        _ => unreachable!("floats takes f32 tensors only"),
    };
    let len = array.len();
    let (values, offset) = array.into_owned().into_raw_vec_and_offset();
    let offset = offset.unwrap_or(0);
    // A slice of a larger array still owns all of it.
    if values.len() == len {
        values
    } else {
        values[offset..][..len].to_vec()
    }
}

/// A tensor of these elements.
pub fn tensor<E: Clone>(values: Vec<E>, dims: &[usize]) -> NdArrayTensor
where
    NdArrayTensor: From<SharedArray<E>>,
{
    ArrayD::from_shape_vec(IxDyn(dims), values)
        .expect("a kernel's output has its shape's length")
        .into_shared()
        .into()
}

/// A tensor of these dimensions as `write` writes it, and what it returns: see [`uninit::written`].
///
/// # Safety
/// `write` writes every element.
pub unsafe fn written<E: Clone, R>(
    dims: &[usize],
    write: impl FnOnce(&mut [MaybeUninit<E>]) -> R,
) -> (NdArrayTensor, R)
where
    NdArrayTensor: From<SharedArray<E>>,
{
    // SAFETY: the caller promises what is asked for.
    let (values, returned) = unsafe { uninit::written(dims.iter().product(), write) };
    (tensor(values, dims), returned)
}
