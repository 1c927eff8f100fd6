//! Loss and accuracy over many batches, summed on the device.

use anyhow::Result;
use burn::Tensor;
use burn::tensor::Device;

use crate::host;

/// Sums over the batches so far. Nothing waits for the device until [`Tally::read`].
#[derive(Default)]
pub struct Tally {
    /// `[3]`, as [`Sums`] has them.
    sums: Option<Tensor<1>>,
    images: usize,
}

/// What [`cross_entropy`](crate::cross_entropy::cross_entropy) says of a batch, summed up: the
/// losses, the right answers, and the batches whose loss was finite.
pub type Sums = [f32; 3];

/// Mean loss and accuracy over a number of images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metrics {
    /// Mean cross-entropy in nats.
    pub loss: f64,
    /// Fraction of images whose largest logit is the label's, in [0, 1].
    pub accuracy: f64,
}

impl Tally {
    /// One that goes on from sums that were read before.
    pub fn restored(sums: Sums, images: usize, device: &Device) -> Self {
        Self {
            sums: (images > 0).then(|| Tensor::from_floats(sums, device)),
            images,
        }
    }

    /// Adds a batch's sums, `[3]`.
    pub fn add(&mut self, sums: Tensor<1>, images: usize) {
        self.sums = Some(match self.sums.take() {
            Some(total) => total + sums,
            None => sums,
        });
        self.images += images;
    }

    /// Waits for the device and returns the sums, and the number of images.
    ///
    /// # Errors
    ///
    /// If the device failed.
    pub fn sums(&self) -> Result<(Sums, usize)> {
        let mut sums = Sums::default();
        if let Some(tensor) = &self.sums {
            sums.copy_from_slice(&host::read(tensor.clone())?);
        }
        Ok((sums, self.images))
    }

    /// Waits for the device and returns the means, or NaN if nothing was added.
    ///
    /// # Errors
    ///
    /// If the device failed.
    pub fn read(&self) -> Result<Metrics> {
        let ([losses, right, _], images) = self.sums()?;
        Ok(Metrics {
            loss: f64::from(losses) / images as f64,
            accuracy: f64::from(right) / images as f64,
        })
    }
}
