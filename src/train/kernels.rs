//! What a training step needs besides the model, in both forms.

use burn::Tensor;

use crate::model::Kernels;
use crate::ops::adamw::AdamW;
use crate::ops::cross_entropy::{cross_entropy, reference};

impl Kernels {
    /// Mean loss, and the sums for the metrics: see [`cross_entropy`].
    pub fn cross_entropy(
        self,
        logits: Tensor<2>,
        targets: Tensor<2>,
        class_weights: Option<Tensor<1>>,
    ) -> (Tensor<1>, Tensor<1>) {
        match self {
            Self::Fused => cross_entropy(logits, targets, class_weights),
            Self::Reference => reference::cross_entropy(logits, targets, class_weights),
        }
    }

    /// The optimizer: see [`AdamW::new`].
    pub fn adamw(self, weight_decay: f64, average_decay: Option<f64>) -> AdamW {
        match self {
            Self::Fused => AdamW::new(weight_decay, average_decay),
            Self::Reference => AdamW::reference(weight_decay, average_decay),
        }
    }
}
