//! From a split to batches on a device, in a seeded order.

use burn::Tensor;
use burn::tensor::{Device, TensorData};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::{CLASSES, PIXELS, SIDE, Split};
use crate::simd::{Isa, Kernel, Vector};

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

/// Images and what they are, on a device.
#[derive(Clone, Debug)]
pub struct Batch {
    /// `[batch, 1, 28, 28]`, pixels in [0, 1].
    pub images: Tensor<4>,
    /// `[batch, 10]`, 1 at the label and 0 elsewhere.
    pub targets: Tensor<2>,
}

impl Batch {
    /// The images of `split` at `indices`.
    pub fn gather(split: &Split, indices: &[u32], device: &Device) -> Self {
        let len = indices.len();
        let mut images = Vec::with_capacity(len * PIXELS);
        let mut targets = vec![0.0f32; len * CLASSES];
        for (row, &index) in indices.iter().enumerate() {
            targets[row * CLASSES + usize::from(split.labels[index as usize])] = 1.0;
        }
        Isa::detect().run(Normalize {
            split,
            indices,
            images: &mut images,
        });
        Self {
            images: Tensor::from_data(TensorData::new(images, [len, 1, SIDE, SIDE]), device),
            targets: Tensor::from_data(TensorData::new(targets, [len, CLASSES]), device),
        }
    }

    /// Images in the batch.
    pub fn len(&self) -> usize {
        self.targets.dims()[0]
    }

    /// Whether the batch holds no image.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Appends the images at `indices`, their pixels scaled to [0, 1].
struct Normalize<'a> {
    split: &'a Split,
    indices: &'a [u32],
    images: &'a mut Vec<f32>,
}

impl Kernel for Normalize<'_> {
    // A plain loop: the compiler finds the vectors of each instruction set.
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        for &index in self.indices {
            let pixels = self.split.image(index as usize).iter();
            self.images
                .extend(pixels.map(|&pixel| f32::from(pixel) * (1.0 / 255.0)));
        }
    }
}
