//! A split on a device: its images, as bytes, and labels.

use std::sync::Arc;

use burn::Tensor;
use burn::tensor::{DType, Device, Int, TensorData};

use crate::dataset::{self, Spec, Split};
use crate::ops::gather::device_bytes;

/// A split for a device, as bytes: in its memory, or, where it does not fit, on the host, from where a part
/// at a time is moved there. Clones share it.
#[derive(Clone, Debug)]
pub struct DeviceSplit {
    pub(super) images: Images,
    /// `[len]` of u32.
    pub(super) labels: Tensor<1, Int>,
    /// Images of each class.
    class_counts: Arc<[usize]>,
    pub(super) spec: Spec,
}

/// Where the images of a split are.
#[derive(Clone, Debug)]
pub(super) enum Images {
    /// On the device: u8, filled up to whole words.
    Resident(Box<Tensor<1, Int>>),
    /// On the host, of which so many make a part at most.
    Streamed(Arc<dataset::Images>, usize),
}

/// Bytes of a part at most: a second of it, the next one, is on the device too.
const PART_BYTES: u64 = 128 << 20;

impl DeviceSplit {
    /// Moves a split to `device`, which is without autodiff.
    pub fn upload(split: Split, device: &Device) -> Self {
        Self::fit(split, device, None)
    }

    /// The same on a device that has no tensor of more than `largest` bytes: if the split takes more, or is
    /// not in the host's memory either, it is streamed in parts, batch for batch the same.
    pub fn fit(split: Split, device: &Device, largest: Option<u64>) -> Self {
        let largest = largest.unwrap_or(u64::MAX);
        let bytes = device_bytes(split.spec.shape, split.len()) as u64;
        let most = match bytes <= largest && !split.images.are_scattered() {
            true => None,
            false => Some(largest.min(PART_BYTES) as usize / split.spec.shape.values()),
        };
        Self::with_parts(split, device, most)
    }

    /// The same with parts of so many images at most; at least a batch is one.
    pub fn streamed(split: Split, device: &Device, images: usize) -> Self {
        Self::with_parts(split, device, Some(images))
    }

    fn with_parts(split: Split, device: &Device, most: Option<usize>) -> Self {
        let class_counts = split.class_counts();
        let images = match most {
            None => {
                let images = split.images.into_packed(split.spec.shape.values());
                Images::Resident(Box::new(bytes(images, split.spec, device)))
            }
            Some(most) => Images::Streamed(Arc::new(split.images), most),
        };
        Self {
            class_counts: class_counts.into(),
            spec: split.spec,
            images,
            labels: words(split.labels.into_iter().map(u32::from).collect(), device),
        }
    }

    /// Whether a part at a time is moved to the device.
    pub fn is_streamed(&self) -> bool {
        matches!(self.images, Images::Streamed(..))
    }

    /// Bytes of all images.
    pub fn bytes(&self) -> u64 {
        device_bytes(self.spec.shape, self.len()) as u64
    }

    /// Those of the images that are on the device as long as the split is.
    pub fn resident_bytes(&self) -> u64 {
        match self.is_streamed() {
            true => 0,
            false => self.bytes(),
        }
    }

    /// Bytes on the device of each pass over the split: of the parts, if it is streamed.
    pub fn parts_bytes(&self) -> u64 {
        match &self.images {
            Images::Resident(_) => 0,
            Images::Streamed(_, images) => 2 * device_bytes(self.spec.shape, *images) as u64,
        }
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.dims()[0]
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many images each class has.
    pub fn class_counts(&self) -> &[usize] {
        &self.class_counts
    }
}

/// Images on a device, filled up to whole words.
pub(super) fn bytes(mut images: Vec<u8>, spec: Spec, device: &Device) -> Tensor<1, Int> {
    let len = device_bytes(spec.shape, images.len() / spec.shape.values());
    images.resize(len, 0);
    Tensor::from_data(TensorData::new(images, [len]), (device, DType::U8))
}

/// Numbers on a device.
pub(super) fn words(values: Vec<u32>, device: &Device) -> Tensor<1, Int> {
    let len = values.len();
    Tensor::from_data(TensorData::new(values, [len]), (device, DType::U32))
}
