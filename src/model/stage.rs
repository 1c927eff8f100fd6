//! The stages of a convolutional model, and the blocks that they are made of.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Layer;
use super::conv_relu_pool::KERNEL;
use crate::error::{bail, ensure};
use crate::{Error, Result};

/// The convolutions at one size of the images, one or several, each with its ReLU; a pool follows the last one.
///
/// As text `64-64`; in JSON a number for a stage of one convolution, else a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Json", into = "Json")]
pub struct Stage(Vec<usize>);

impl Stage {
    /// Output channels of each convolution, of which there is at least one.
    pub fn channels(&self) -> &[usize] {
        &self.0
    }
}

/// A stage of convolutions with these output channels.
impl TryFrom<Vec<usize>> for Stage {
    type Error = Error;

    fn try_from(channels: Vec<usize>) -> Result<Self> {
        ensure!(!channels.is_empty(), "a stage has at least one convolution");
        Ok(Self(channels))
    }
}

/// A stage of one convolution.
impl From<usize> for Stage {
    fn from(channels: usize) -> Self {
        Self(vec![channels])
    }
}

impl FromStr for Stage {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let Ok(channels) = text.trim().split('-').map(str::parse).collect() else {
            bail!("expected channels of a convolution, such as 64, or of several, such as 64-64")
        };
        Ok(Self(channels))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "the channels of a stage were expected, a number or a list of numbers"
)]
enum Json {
    One(usize),
    Several(Vec<usize>),
}

impl From<Stage> for Json {
    fn from(Stage(channels): Stage) -> Self {
        match channels[..] {
            [one] => Self::One(one),
            _ => Self::Several(channels),
        }
    }
}

impl TryFrom<Json> for Stage {
    type Error = Error;

    fn try_from(json: Json) -> Result<Self> {
        match json {
            Json::One(channels) => Ok(channels.into()),
            Json::Several(channels) => channels.try_into(),
        }
    }
}

/// The sizes of a convolutional block: convolution, ReLU and, at the end of a stage, the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Convolution {
    /// Channels of its input and of its output.
    pub channels: [usize; 2],
    /// Height and width of its input in pixels.
    pub size: [usize; 2],
    /// Side and stride of the pool's windows: 2, or 1 where there is no pool.
    pub pool: usize,
}

impl Convolution {
    /// Height and width of its output.
    pub fn pooled_size(&self) -> [usize; 2] {
        self.size.map(|side| side / self.pool)
    }

    /// Values of the convolution's output, before the pool.
    pub fn convolved(&self) -> usize {
        let [height, width] = self.size;
        self.channels[1] * height * width
    }

    /// The same as a layer.
    pub fn layer(&self) -> Layer {
        let taps = KERNEL * KERNEL;
        let [inputs, outputs] = self.channels;
        let [before, after] = [self.size, self.pooled_size()].map(|[height, width]| height * width);
        Layer {
            inputs: inputs * before,
            outputs: outputs * after,
            weights: (inputs * taps + 1) * outputs,
            multiply_adds: inputs * taps * outputs * before,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_names_the_channels_of_each_convolution() {
        for (text, channels) in [("64", &[64][..]), (" 64-32-64", &[64, 32, 64]), ("0", &[0])] {
            let stage: Stage = text.parse().unwrap();
            assert_eq!(stage.channels(), channels);
        }
        for text in [
            "", "-", "64-", "-64", "64--64", "64 64", "64-x", "6.4", "64,64",
        ] {
            let error = text.parse::<Stage>().unwrap_err().to_string();
            assert!(error.contains("such as 64-64"), "{text}: {error}");
        }
    }

    #[test]
    fn json_has_a_number_where_there_is_one_convolution() {
        let stages = |json: &str| serde_json::from_str::<Vec<Stage>>(json);
        for json in ["[32,64]", "[[64,64],[128,64,128],256]", "[]"] {
            let stages = stages(json).unwrap();
            assert_eq!(serde_json::to_string(&stages).unwrap(), json);
        }
        assert_eq!(stages("[[8]]").unwrap(), [Stage::from(8)]);
        for (json, part) in [
            ("[32,[]]", "at least one convolution"),
            ("[\"64-64\"]", "a number or a list"),
            ("[-1]", "a number or a list"),
            ("[[[8]]]", "a number or a list"),
        ] {
            let error = stages(json).unwrap_err().to_string();
            assert!(error.contains(part), "{json}: {error}");
        }
    }
}
