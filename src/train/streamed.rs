//! Images that do not fit a device: a part at a time is there.

use std::sync::Arc;

use burn::Tensor;
use burn::tensor::{Device, Int};

use super::device_split::bytes;
use crate::dataset::{self, Spec};
use crate::ops::gather::device_bytes;

/// The parts of an epoch: images in the order in which batches take them.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    images: Arc<dataset::Images>,
    spec: Spec,
    /// Images of each part but the last.
    len: usize,
    order: Arc<[u32]>,
    /// Those on the device, each with the position of its first image.
    there: Vec<(usize, Tensor<1, Int>)>,
}

impl Parts {
    /// Parts of `len` images, but for the last.
    pub(super) fn new(images: Arc<dataset::Images>, spec: Spec, len: usize, order: &[u32]) -> Self {
        Self {
            images,
            spec,
            len,
            order: order.into(),
            there: Vec::new(),
        }
    }

    /// The part in which a position lies. From its middle on the next one is moved to the device, which
    /// works on this one meanwhile.
    pub(super) fn at(&mut self, position: usize, device: &Device) -> (usize, Tensor<1, Int>) {
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
