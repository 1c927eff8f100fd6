//! What number a network sees for a pixel.

use serde::{Deserialize, Serialize};

/// How bytes become numbers: `(byte - offset) * factor`, one exact subtraction and one rounding, the
/// same on every backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum Normalization {
    /// From 0, background, to 1
    #[default]
    Unit,
    /// With mean 0 and deviation 1 over the training images of Fashion-MNIST
    Centered,
}

impl Normalization {
    /// The byte that becomes 0.
    pub fn offset(self) -> u8 {
        match self {
            Self::Unit => 0,
            // 0.2860 · 255 = 72.9 is the mean of the 47 million pixels.
            Self::Centered => 73,
        }
    }

    /// How many bytes further is 1.
    pub fn divisor(self) -> u8 {
        match self {
            Self::Unit => 255,
            // 0.3530 · 255 = 90.0 is their deviation.
            Self::Centered => 90,
        }
    }

    /// What a step from byte to byte is worth.
    pub fn factor(self) -> f32 {
        1.0 / f32::from(self.divisor())
    }
}
