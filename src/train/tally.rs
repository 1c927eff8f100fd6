//! Loss and accuracy over many batches, summed on the device.

use anyhow::{Context, Result};
use burn::Tensor;

use crate::recorder;

/// Sums of losses and right answers. Nothing waits for the device until [`Tally::read`].
#[derive(Default)]
pub struct Tally {
    /// Sum of losses and number of right answers, `[2]`.
    sums: Option<Tensor<1>>,
    images: usize,
}

/// Mean loss and accuracy over a number of images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metrics {
    /// Mean cross-entropy in nats.
    pub loss: f64,
    /// Fraction of images whose largest logit is the label's, in [0, 1].
    pub accuracy: f64,
}

impl Tally {
    /// Adds a batch's sum of losses and number of right answers, `[2]`, as
    /// [`cross_entropy`](crate::cross_entropy::cross_entropy) returns them.
    pub fn add(&mut self, sums: Tensor<1>, images: usize) {
        self.sums = Some(match self.sums.take() {
            Some(total) => total + sums,
            None => sums,
        });
        self.images += images;
    }

    /// Waits for the device and returns the means, or NaN if nothing was added.
    ///
    /// # Errors
    ///
    /// If the device failed.
    pub fn read(&self) -> Result<Metrics> {
        let sums: Vec<f32> = match &self.sums {
            None => vec![f32::NAN; 2],
            Some(sums) => {
                let data = sums
                    .clone()
                    .try_into_data()
                    .context("the device failed: its results cannot be read")?;
                recorder::read_back(data.as_bytes().len());
                data.iter().collect()
            }
        };
        let images = self.images as f64;
        Ok(Metrics {
            loss: f64::from(sums[0]) / images,
            accuracy: f64::from(sums[1]) / images,
        })
    }
}
