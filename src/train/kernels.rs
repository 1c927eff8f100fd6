//! What a training step needs besides the model, in both forms.

use burn::Tensor;
use burn::optim::{AdamConfig, ModuleOptimizer};

use crate::adam::{Adam, EPSILON};
use crate::cross_entropy::{cross_entropy, reference};
use crate::model::Kernels;

impl Kernels {
    /// Mean loss, and the sums for the metrics: see [`cross_entropy`].
    pub fn cross_entropy(self, logits: Tensor<2>, targets: Tensor<2>) -> (Tensor<1>, Tensor<1>) {
        match self {
            Self::Fused => cross_entropy(logits, targets),
            Self::Reference => reference::cross_entropy(logits, targets),
        }
    }

    /// Adam with its usual decays of 0.9 and 0.999.
    pub fn adam(self) -> ModuleOptimizer {
        match self {
            Self::Fused => ModuleOptimizer::from(Adam),
            Self::Reference => AdamConfig::new().with_epsilon(EPSILON as f32).init(),
        }
    }
}
