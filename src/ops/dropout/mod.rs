//! Dropout: in training, activations are set to 0 at random and the others scaled up.
//!
//! "Dropout: A Simple Way to Prevent Neural Networks from Overfitting" (Srivastava et al., 2014).
//! Which ones is a hash of seed, step, layer and index: every backend drops the same, and the
//! backward pass finds them again without a mask in memory.

pub mod cpu;
pub(crate) mod gpu;
mod ndarray;
mod plan;

use burn::Tensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};

use crate::ops::autodiff::{CheckpointStrategy, custom_vjp};
use crate::ops::pcg4d::pcg4d;

/// Words of a [`Mask`] on a device.
pub(crate) const MASK_WORDS: usize = 5;

/// A dropout mask, as the numbers that it is computed from: it is never stored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mask {
    /// The key of the hash; the index of the value is its other input.
    key: [u32; 3],
    /// An activation whose random word is below it is dropped.
    threshold: u32,
    /// The factor of the values that are kept, `1 / (1 - p)`, so that the expected value stays.
    scale: f32,
}

impl Mask {
    /// The mask as a device's kernel takes it.
    pub(crate) fn words(&self) -> [u32; MASK_WORDS] {
        let [x, y, z] = self.key;
        [x, y, z, self.threshold, self.scale.to_bits()]
    }
}

/// The dropout of one training step.
#[derive(Clone, Debug)]
pub struct Dropout {
    rate: f64,
    seed: u64,
    step: u64,
    /// Tensors it was applied to.
    applied: u32,
}

impl Dropout {
    /// Drops each activation with probability `rate`, below 1, in step number `step`.
    pub fn new(rate: f64, seed: u64, step: u64) -> Self {
        Self {
            rate,
            seed,
            step,
            applied: 0,
        }
    }

    /// Drops nothing.
    pub fn off() -> Self {
        Self::new(0.0, 0, 0)
    }

    /// The tensor with some activations dropped: others each time.
    pub fn apply<const D: usize>(&mut self, tensor: Tensor<D>) -> Tensor<D> {
        if self.rate == 0.0 {
            return tensor;
        }
        let mask = self.next_mask();
        Tensor::from_dispatch(Dispatch::apply_mask(tensor.into_dispatch(), mask))
    }

    /// The mask of the next tensor.
    pub fn next_mask(&mut self) -> Mask {
        let [seed, step] = [self.seed, self.step].map(|word| [word as u32, (word >> 32) as u32]);
        let [x, y, _, _] = pcg4d([seed[0], seed[1], step[0], step[1]]);
        let layer = self.applied;
        self.applied += 1;
        Mask {
            key: [x, y, layer],
            threshold: (self.rate * f64::from(u32::MAX)) as u32,
            scale: (1.0 / (1.0 - self.rate)) as f32,
        }
    }
}

/// The differentiable operation, as Burn dispatches it to the backend of its tensor.
#[backend_extension(Autodiff, Cube, NdArray)]
pub trait ApplyMask: Backend {
    /// The tensor with what the mask drops set to 0 and the rest scaled.
    fn apply_mask(tensor: FloatTensor<Self>, mask: Mask) -> FloatTensor<Self>;
}

impl<B: ApplyMask, C: CheckpointStrategy> ApplyMask for Autodiff<B, C> {
    fn apply_mask(tensor: FloatTensor<Self>, mask: Mask) -> FloatTensor<Self> {
        custom_vjp::<B, C, _, _>([tensor], |[tensor]| {
            // Gradients are dropped and scaled as the activations were.
            let backward = move |gradient, _| [Some(B::apply_mask(gradient, mask))];
            (B::apply_mask(tensor, mask), backward)
        })
    }
}
