//! The training loss, and the metrics that are kept on the device.

use burn::Tensor;
use burn::tensor::activation::log_softmax;

use crate::dataset::Batch;

/// Mean cross-entropy of logits `[batch, 10]` against one-hot targets `[batch, 10]`, in nats.
pub fn cross_entropy(logits: Tensor<2>, one_hot: Tensor<2>) -> Tensor<1> {
    let batch = logits.dims()[0] as f32;
    (log_softmax(logits, 1) * one_hot).sum().neg() / batch
}

/// Loss and accuracy over many batches, summed on the device.
///
/// Nothing waits for the device until [`Tally::read`].
#[derive(Default)]
pub struct Tally {
    /// Sum of losses and number of correct answers, `[2]`.
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
    /// Adds a batch with its logits `[batch, 10]` and mean loss `[1]`, both without autodiff.
    pub fn add(&mut self, logits: Tensor<2>, loss: Tensor<1>, batch: &Batch) {
        let len = batch.len();
        let labels = batch.labels.clone().unsqueeze_dim(1);
        let correct = logits.argmax(1).equal(labels).float().sum();
        let sums = Tensor::cat(vec![loss * len as f32, correct], 0);
        self.sums = Some(match self.sums.take() {
            Some(total) => total + sums,
            None => sums,
        });
        self.images += len;
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
