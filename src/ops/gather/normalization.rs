//! The network's input for a pixel's byte.

use serde::{Deserialize, Serialize};

use crate::dataset::Channel;

/// How bytes become the network's input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Normalization {
    /// From 0, background, to 1.
    #[default]
    Unit,
    /// With mean 0 and deviation 1 over the training images, in each channel.
    Centered,
}

impl Normalization {
    /// What it does in a channel.
    pub fn scale(self, channel: Channel) -> Scale {
        match self {
            Self::Unit => Scale {
                offset: 0,
                divisor: u8::MAX,
            },
            Self::Centered => Scale {
                offset: channel.mean,
                divisor: channel.std,
            },
        }
    }
}

/// How bytes become numbers: `(byte - offset) * factor`, one exact subtraction and one rounding, the
/// same on every backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// The byte that becomes 0.
    pub offset: u8,
    /// How many bytes further is 1.
    pub divisor: u8,
}

impl Scale {
    /// The difference between the inputs of two consecutive bytes.
    pub fn factor(self) -> f32 {
        1.0 / f32::from(self.divisor)
    }
}
