//! Loss and accuracy over many batches, summed on the device.

use burn::Tensor;

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
    pub fn read(&self) -> Metrics {
        let Some(sums) = &self.sums else {
            return Metrics {
                loss: f64::NAN,
                accuracy: f64::NAN,
            };
        };
        let sums: Vec<f32> = sums.to_data().iter::<f32>().collect();
        let images = self.images as f64;
        Metrics {
            loss: f64::from(sums[0]) / images,
            accuracy: f64::from(sums[1]) / images,
        }
    }
}
