//! Batches from a dataset that lies on the device: gathered, augmented and normalised as one
//! operation.
//!
//! A picture stays a picture of bytes until its last step, every choice is integer arithmetic
//! (`random.rs`), and the values of the targets come from a table: so all backends give the same
//! batches, bit for bit.

mod augment;
pub mod cpu;
pub(crate) mod gpu;
mod ndarray;
mod normalization;
mod paint;
mod plan;
mod random;

use burn::Tensor;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Int;

use crate::dataset::{ImageShape, Spec};

pub use augment::{Augment, MAX_CROP};
pub use normalization::{Normalization, Scale};
pub(crate) use plan::{PARAMETERS, parameters};
pub use random::epoch_key;

/// Which images make a batch, and what is done to them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Selection {
    /// First position of the order.
    pub first: u32,
    /// Number of positions.
    pub len: u32,
    /// What random choices depend on, besides the image: see [`epoch_key`].
    pub key: [u32; 2],
    /// The augmentations.
    pub augment: Augment,
    /// How bytes become the network's input.
    pub normalization: Normalization,
    /// The first position of the order whose image is there, if only a part of the images is: they lie in
    /// the order of the positions then. Without, all images lie in their own order.
    pub part: Option<u32>,
}

/// Bytes that so many images take on a device: whole words.
pub fn device_bytes(shape: ImageShape, len: usize) -> usize {
    (len * shape.values()).next_multiple_of(size_of::<u32>())
}

/// The dimensions of a batch's images.
fn images_dims(shape: ImageShape, batch: usize) -> [usize; 4] {
    [batch, shape.channels, shape.height, shape.width]
}

/// The making of a batch, as Burn dispatches it to the backend of its tensors.
#[backend_extension(Cube, NdArray)]
pub trait Gather: Backend {
    /// See [`gather`].
    fn gather(
        images: IntTensor<Self>,
        labels: IntTensor<Self>,
        order: IntTensor<Self>,
        target_values: FloatTensor<Self>,
        spec: Spec,
        selection: Selection,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

/// A batch: images `[batch, channels, height, width]`, with pixels as [`Normalization`] says, and
/// targets `[batch, classes]`.
///
/// `images` are `[len, channels, height, width]` of u8, flat and filled up to [`device_bytes`], or those of
/// a [part](Selection::part); `labels`
/// `[len]` of u32 below the number of classes, and `order` lists their indices in u32, all below `len`;
/// `target_values` is [`target_values`] as a tensor.
///
/// # Panics
///
/// If the tensors do not fit together, or the selection is empty, ends past the order, or is too
/// large for one launch.
pub fn gather(
    images: Tensor<1, Int>,
    labels: Tensor<1, Int>,
    order: Tensor<1, Int>,
    target_values: Tensor<1>,
    spec: Spec,
    selection: Selection,
) -> (Tensor<4>, Tensor<2>) {
    let [len] = labels.dims();
    let Selection {
        first,
        len: batch,
        part,
        ..
    } = selection;
    let [bytes] = images.dims();
    let is_there = match part {
        None => bytes == device_bytes(spec.shape, len),
        Some(part) => {
            let last = first.saturating_add(batch);
            part <= first && bytes >= device_bytes(spec.shape, (last - part) as usize)
        }
    };
    assert!(is_there, "gather: images, {bytes} bytes");
    let parts = spec.shape.pixels() + 1;
    assert_eq!(target_values.dims(), [parts], "gather: target values");
    let [positions] = order.dims();
    let Selection { first, len, .. } = selection;
    assert!(
        len > 0 && u64::from(first) + u64::from(len) <= positions as u64,
        "gather: {len} positions from {first} on, of {positions}"
    );
    let (images, targets) = Dispatch::gather(
        images.into_dispatch(),
        labels.into_dispatch(),
        order.into_dispatch(),
        target_values.into_dispatch(),
        spec,
        selection,
    );
    (
        Tensor::from_dispatch(images),
        Tensor::from_dispatch(targets),
    )
}

/// Targets of a class that owns 0, 1, .. of as many parts of a picture as it has pixels,
/// `[height · width + 1]`.
///
/// `label_smoothing` takes its share from all classes and gives it to all in equal parts: "Rethinking
/// the Inception Architecture for Computer Vision" (Szegedy et al., 2016), section 7.
pub fn target_values(label_smoothing: f64, spec: Spec) -> Vec<f32> {
    let spread = label_smoothing / spec.classes as f64;
    let smoothed = |share: f64| (1.0 - label_smoothing) * share + spread;
    let pixels = spec.shape.pixels();
    (0..=pixels)
        .map(|parts| smoothed(parts as f64 / pixels as f64) as f32)
        .collect()
}
