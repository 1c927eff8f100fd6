//! Loss and accuracy over many batches, summed on the device.

use burn::Tensor;
use burn::tensor::Device;

use crate::Result;
use crate::device;
use crate::error::ensure;

/// Sums over the batches so far. Nothing waits for the device until [`Tally::read`].
#[derive(Default)]
pub struct Tally {
    /// `[3]`, as [`Sums`] has them.
    sums: Option<Tensor<1>>,
    images: usize,
    batches: usize,
}

/// What [`cross_entropy`](crate::ops::cross_entropy::cross_entropy) says of a batch, summed up: the
/// losses, the correct predictions, and the batches whose loss was finite.
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
            // No training is saved but with finite losses.
            batches: sums[2] as usize,
        }
    }

    /// Counts a batch whose sums the device adds to the [total](Self::total) itself.
    pub(super) fn count(&mut self, images: usize) {
        self.images += images;
        self.batches += 1;
    }

    /// The sums so far, `[3]`, on `device`.
    pub(super) fn total(&mut self, device: &Device) -> Tensor<1> {
        let zeros = || Tensor::from_floats(Sums::default(), device);
        self.sums.get_or_insert_with(zeros).clone()
    }

    /// Adds a batch's sums, `[3]`.
    pub fn add(&mut self, sums: Tensor<1>, images: usize) {
        self.sums = Some(match self.sums.take() {
            Some(total) => total + sums,
            None => sums,
        });
        self.count(images);
    }

    /// Waits for the device and returns the sums, and the number of images.
    ///
    /// # Errors
    ///
    /// If the device failed, or left out a batch and did not say so: some drivers drop work that took
    /// too long.
    pub fn sums(&self) -> Result<(Sums, usize)> {
        let mut sums = Sums::default();
        if let Some(tensor) = &self.sums {
            sums.copy_from_slice(&device::read(tensor.clone())?);
        }
        let ([losses, _, finite], batches) = (sums, self.batches);
        ensure!(
            !losses.is_finite() || finite == batches as f32,
            "the device failed: of {batches} batches it did {finite}"
        );
        Ok((sums, self.images))
    }

    /// Waits for the device and returns the means, or NaN if nothing was added.
    ///
    /// # Errors
    ///
    /// As of [`sums`](Self::sums).
    pub fn read(&self) -> Result<Metrics> {
        let ([losses, right, _], images) = self.sums()?;
        Ok(Metrics {
            loss: f64::from(losses) / images as f64,
            accuracy: f64::from(right) / images as f64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{self, BackendChoice};

    #[test]
    fn a_batch_that_the_device_left_out_is_an_error() {
        let device = device::select(BackendChoice::Cpu, None).unwrap().device;
        let mut tally = Tally::default();
        tally.add(Tensor::from_floats([2.0, 3.0, 1.0], &device), 4);
        tally.add(Tensor::from_floats([4.0, 1.0, 1.0], &device), 4);
        let metrics = tally.read().unwrap();
        assert_eq!((metrics.loss, metrics.accuracy), (0.75, 0.5));
        tally.add(Tensor::zeros([3], &device), 4);
        let error = tally.read().unwrap_err().to_string();
        assert_eq!(error, "the device failed: of 3 batches it did 2");

        let mut tally = Tally::restored([6.0, 4.0, 2.0], 8, &device);
        tally.add(Tensor::from_floats([f32::NAN, 1.0, 0.0], &device), 4);
        assert!(tally.read().unwrap().loss.is_nan());
    }
}
