//! A trained model at work: nothing is learned here.

use burn::Tensor;
use burn::tensor::activation::softmax;

use super::{Metrics, Tally};
use crate::Result;
use crate::device;
use crate::model::{Classifier, Implementation, Probabilities};
use crate::ops::gather::Normalization;
use crate::train::DeviceSplit;

/// Images per batch. Fixed, so that sums round the same way each time; it divides the usual splits,
/// and its tensors stay in the allocator's hands, which makes the CPU twice as fast as batches of
/// 250.
pub(crate) const EVALUATION_BATCH: usize = 125;

/// A model without autodiff, and how it sees images.
pub struct Inference {
    /// The model.
    pub model: Classifier,
    /// What it sees of a pixel.
    pub normalization: Normalization,
    /// What it is computed with.
    pub implementation: Implementation,
    /// Whether it sees each image twice, as it is and mirrored left to right, and the probabilities
    /// are averaged.
    pub flip_average: bool,
}

impl Inference {
    /// Loss and accuracy on `split`.
    ///
    /// # Errors
    ///
    /// If the device fails.
    pub fn evaluate(&self, split: &DeviceSplit) -> Result<Metrics> {
        self.on_each_batch(split, |_| Ok(()))
    }

    /// The same, and what the model says of each image, in the split's order.
    ///
    /// # Errors
    ///
    /// If the device fails.
    pub fn predict(&self, split: &DeviceSplit) -> Result<(Metrics, Probabilities)> {
        let classes = self.model.classes();
        let mut values = Vec::with_capacity(split.len() * classes);
        let metrics = self.on_each_batch(split, |logits| {
            values.extend(device::read(softmax(logits, 1))?);
            Ok(())
        })?;
        Ok((metrics, Probabilities::new(classes, values)))
    }

    fn on_each_batch(
        &self,
        split: &DeviceSplit,
        mut see: impl FnMut(Tensor<2>) -> Result<()>,
    ) -> Result<Metrics> {
        let mut tally = Tally::default();
        for batch in split
            .batches(EVALUATION_BATCH)
            .normalized(self.normalization)
        {
            let images = batch.len();
            let logits = self.logits(batch.images);
            see(logits.clone())?;
            let (_, sums) = self
                .implementation
                .cross_entropy(logits, batch.targets, None);
            tally.add(sums, images);
        }
        tally.read()
    }

    fn logits(&self, images: Tensor<4>) -> Tensor<2> {
        if !self.flip_average {
            return self.model.forward(images);
        }
        let mirrored = self.model.forward(images.clone().flip([3]));
        // Logits whose softmax is the mean of the two.
        let sum = softmax(self.model.forward(images), 1) + softmax(mirrored, 1);
        (sum / 2.0).log()
    }
}
