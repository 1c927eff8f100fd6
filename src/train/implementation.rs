//! Loss, dropout and optimizer of a training step: the project's kernels, or Burn's operations.

use burn::Tensor;

use crate::model::{Implementation, LinearRelu};
use crate::ops::adamw::AdamW;
use crate::ops::cross_entropy::{cross_entropy, reference};
use crate::ops::linear_cross_entropy::linear_cross_entropy;

impl Implementation {
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

    /// The same of the logits that a model's last layer makes of `input`: see [`linear_cross_entropy`].
    pub fn linear_cross_entropy(
        self,
        layer: &LinearRelu,
        input: Tensor<2>,
        targets: Tensor<2>,
        class_weights: Option<Tensor<1>>,
    ) -> (Tensor<1>, Tensor<1>) {
        match self {
            Self::Fused => {
                let (weight, bias) = (layer.weight.val(), layer.bias.val());
                linear_cross_entropy(input, weight, bias, targets, class_weights)
            }
            Self::Reference => {
                reference::cross_entropy(layer.forward(input), targets, class_weights)
            }
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
