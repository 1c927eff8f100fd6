//! From a split on a device to batches, in a seeded order.

use burn::Tensor;
use burn::tensor::{Device, Int, TensorData};
use burn_wgpu::{CubeBackend, CubeTensor};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::device_split::{DeviceSplit, Images, words};
use super::streamed::Parts;
use crate::dataset::Spec;
use crate::ops::gather::{Augment, Normalization, Selection, epoch_key, gather, target_values};

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

impl DeviceSplit {
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
                Images::Streamed(images, most) => {
                    let whole_batches = (most / batch_size).max(1) * batch_size;
                    let images = images.clone();
                    Some(Parts::new(images, self.spec, whole_batches, &order))
                }
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

fn floats(values: Vec<f32>, device: &Device) -> Tensor<1> {
    let len = values.len();
    Tensor::from_data(TensorData::new(values, [len]), device)
}
