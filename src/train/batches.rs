//! From a split to batches on a device, in a seeded order.

use std::sync::Arc;

use burn::Tensor;
use burn::tensor::{DType, Device, Int, TensorData};
use burn_wgpu::{CubeBackend, CubeTensor};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use crate::dataset::{self, Spec, Split};
use crate::ops::gather::{
    Augment, Normalization, Selection, device_bytes, epoch_key, gather, target_values,
};

/// The order in which epoch number `epoch` visits `len` images.
///
/// Depends on its arguments alone, so every backend sees the same batches.
pub fn shuffled(len: usize, seed: u64, epoch: usize) -> Vec<u32> {
    let mut order: Vec<u32> = (0..len as u32).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(epoch as u64);
    order.shuffle(&mut rng);
    order
}

/// A split for a device, as bytes: in its memory, or, where it does not fit, on the host, from where a part
/// at a time is moved there. Clones share it.
#[derive(Clone, Debug)]
pub struct DeviceSplit {
    images: Images,
    /// `[len]` of u32.
    labels: Tensor<1, Int>,
    /// Images of each class.
    class_counts: Arc<[usize]>,
    spec: Spec,
}

/// Where the images of a split are.
#[derive(Clone, Debug)]
enum Images {
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

    /// All images in their own order, to measure a model with.
    ///
    /// # Panics
    ///
    /// If `batch_size` is 0.
    pub fn batches(&self, batch_size: usize) -> Batches {
        let order = (0..self.len() as u32).collect();
        self.batches_of(order, batch_size, [0; 2])
    }

    /// All images in the [`shuffled`] order of an epoch, to train a model with.
    ///
    /// # Panics
    ///
    /// If `batch_size` is 0.
    pub fn epoch(&self, batch_size: usize, seed: u64, epoch: usize) -> Batches {
        let order = shuffled(self.len(), seed, epoch);
        self.batches_of(order, batch_size, epoch_key(seed, epoch))
    }

    fn batches_of(&self, order: Vec<u32>, batch_size: usize, key: [u32; 2]) -> Batches {
        assert!(batch_size > 0, "a batch holds an image or more");
        let device = self.labels.device();
        Batches {
            split: self.clone(),
            parts: match &self.images {
                Images::Resident(_) => None,
                Images::Streamed(images, most) => Some(Parts {
                    images: images.clone(),
                    spec: self.spec,
                    // Whole batches.
                    len: (most / batch_size).max(1) * batch_size,
                    order: order.clone().into(),
                    there: Vec::new(),
                }),
            },
            order: words(order, &device),
            target_values: floats(target_values(0.0, self.spec), &device),
            batch_size,
            key,
            augment: Augment::NONE,
            normalization: Normalization::Unit,
            next: 0,
        }
    }
}

/// The batches of one pass over a split, each made on the device when it is asked for. The last
/// one may be smaller.
#[derive(Clone, Debug)]
pub struct Batches {
    split: DeviceSplit,
    /// Of images that are streamed.
    parts: Option<Parts>,
    order: Tensor<1, Int>,
    target_values: Tensor<1>,
    batch_size: usize,
    key: [u32; 2],
    augment: Augment,
    normalization: Normalization,
    /// Position in the order.
    next: usize,
}

impl Batches {
    /// The same with images changed at random, for each epoch and seed in another way.
    pub fn augmented(self, augment: Augment) -> Self {
        Self { augment, ..self }
    }

    /// The same with bytes made numbers in this way, instead of [`Normalization::Unit`].
    pub fn normalized(self, normalization: Normalization) -> Self {
        Self {
            normalization,
            ..self
        }
    }

    /// The same with soft targets: see [`target_values`]. `label_smoothing` is in 0..1.
    pub fn smoothed(self, label_smoothing: f64) -> Self {
        let target_values = floats(
            target_values(label_smoothing, self.split.spec),
            &self.order.device(),
        );
        Self {
            target_values,
            ..self
        }
    }

    /// The same from batch number `batch` on, counted from 0; none if there are not so many.
    pub fn starting_at(self, batch: usize) -> Self {
        Self {
            next: batch.saturating_mul(self.batch_size).min(self.split.len()),
            ..self
        }
    }

    /// What the next batch is made of; none after the last one.
    pub(crate) fn peek(&self) -> Option<Selection> {
        let len = self.batch_size.min(self.images_ahead());
        (len > 0).then_some(Selection {
            part: None,
            first: self.next as u32,
            len: len as u32,
            key: self.key,
            augment: self.augment,
            normalization: self.normalization,
        })
    }

    /// What distinguishes the random choices of an epoch from those of others.
    pub(crate) fn key(&self) -> [u32; 2] {
        self.key
    }

    /// Whether a part of the images at a time is moved to the device.
    pub(crate) fn is_streamed(&self) -> bool {
        self.split.is_streamed()
    }

    /// What the images are.
    pub(crate) fn spec(&self) -> &Spec {
        &self.split.spec
    }

    /// Goes past the next batch without making it.
    pub(crate) fn skip_batch(&mut self) {
        self.next = (self.next + self.batch_size).min(self.split.len());
    }

    /// What batches are made from, on a GPU: images, labels, the order, and the values of targets. None where
    /// parts of the images come and go.
    pub(crate) fn on_gpu(&self) -> Option<[CubeTensor; 4]> {
        let Images::Resident(images) = &self.split.images else {
            return None;
        };
        let ints = [&**images, &self.split.labels, &self.order];
        let [images, labels, order] =
            ints.map(|tensor| tensor.clone().try_into_primitive::<CubeBackend>().ok());
        let target_values = self.target_values.clone();
        let target_values = target_values.try_into_primitive::<CubeBackend>().ok();
        Some([images?, labels?, order?, target_values?])
    }

    /// Images of the pass that are left.
    pub fn images_ahead(&self) -> usize {
        self.split.len() - self.next
    }

    /// Images of the pass before the next batch.
    pub fn images_before(&self) -> usize {
        self.next
    }
}

impl Iterator for Batches {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        let selection = self.peek()?;
        let (images, part) = match (&self.split.images, &mut self.parts) {
            (Images::Resident(images), _) => (Tensor::clone(images), None),
            (Images::Streamed(..), Some(parts)) => {
                let (first, images) = parts.at(self.next, &self.order.device());
                (images, Some(first as u32))
            }
            (Images::Streamed(..), None) => return None,
        };
        self.skip_batch();
        let selection = Selection { part, ..selection };
        let (images, targets) = gather(
            images,
            self.split.labels.clone(),
            self.order.clone(),
            self.target_values.clone(),
            self.split.spec,
            selection,
        );
        Some(Batch { images, targets })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.split.len() - self.next).div_ceil(self.batch_size);
        (left, Some(left))
    }
}

impl ExactSizeIterator for Batches {}

/// Images and what they are, on a device.
#[derive(Clone, Debug)]
pub struct Batch {
    /// `[batch, channels, height, width]`.
    pub images: Tensor<4>,
    /// `[batch, classes]`, rows that sum to 1: without augmentation and label smoothing 1 at the label
    /// and 0 elsewhere.
    pub targets: Tensor<2>,
}

impl Batch {
    /// Images in the batch.
    pub fn len(&self) -> usize {
        self.targets.dims()[0]
    }

    /// Whether the batch holds no image.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The parts of an epoch: images in the order in which batches take them.
#[derive(Clone, Debug)]
struct Parts {
    images: Arc<dataset::Images>,
    spec: Spec,
    /// Images of each part but the last.
    len: usize,
    order: Arc<[u32]>,
    /// Those on the device, each with the position of its first image.
    there: Vec<(usize, Tensor<1, Int>)>,
}

impl Parts {
    /// The part in which a position lies. From its middle on the next one is moved to the device, which
    /// works on this one meanwhile.
    fn at(&mut self, position: usize, device: &Device) -> (usize, Tensor<1, Int>) {
        let first = position / self.len * self.len;
        self.there.retain(|(other, _)| *other >= first);
        let part = self.part(first, device);
        let next = first + self.len;
        if position >= first + self.len / 2 && next < self.order.len() {
            self.part(next, device);
        }
        (first, part)
    }

    /// The part that begins at a position, on the device.
    fn part(&mut self, first: usize, device: &Device) -> Tensor<1, Int> {
        if let Some((_, part)) = self.there.iter().find(|(other, _)| *other == first) {
            return part.clone();
        }
        let order = &self.order[first..(first + self.len).min(self.order.len())];
        let values = self.spec.shape.values();
        let mut part = Vec::with_capacity(device_bytes(self.spec.shape, order.len()));
        for &index in order {
            part.extend_from_slice(self.images.image(index as usize, values));
        }
        let part = bytes(part, self.spec, device);
        self.there.push((first, part.clone()));
        part
    }
}

/// Images on a device, filled up to whole words.
fn bytes(mut images: Vec<u8>, spec: Spec, device: &Device) -> Tensor<1, Int> {
    let len = device_bytes(spec.shape, images.len() / spec.shape.values());
    images.resize(len, 0);
    Tensor::from_data(TensorData::new(images, [len]), (device, DType::U8))
}

fn words(values: Vec<u32>, device: &Device) -> Tensor<1, Int> {
    let len = values.len();
    Tensor::from_data(TensorData::new(values, [len]), (device, DType::U32))
}

fn floats(values: Vec<f32>, device: &Device) -> Tensor<1> {
    let len = values.len();
    Tensor::from_data(TensorData::new(values, [len]), device)
}
