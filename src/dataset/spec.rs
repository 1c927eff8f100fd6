//! What the images of a dataset have in common.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::Split;

/// The size of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ImageShape {
    /// 1 of a grey image, 3 (red, green, blue) of one in colour.
    pub channels: usize,
    /// Rows of pixels.
    pub height: usize,
    /// Columns of pixels.
    pub width: usize,
}

impl ImageShape {
    /// Pixels of an image, whatever its channels.
    pub fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// Values of an image: one for each pixel of each channel.
    pub fn values(&self) -> usize {
        self.channels * self.pixels()
    }
}

impl std::fmt::Display for ImageShape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            channels,
            height,
            width,
        } = self;
        match channels {
            1 => write!(f, "{height}×{width} pixels"),
            _ => write!(f, "{height}×{width} pixels in {channels} channels"),
        }
    }
}

/// How the bytes of a channel are distributed over the images to train on, to the nearest byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Channel {
    /// Their mean.
    pub mean: u8,
    /// Their standard deviation, at least 1.
    pub std: u8,
}

/// Sides of an image that models are trained on, in pixels.
pub const SIDES: RangeInclusive<usize> = 8..=256;

/// The most channels that an image has.
pub const MAX_CHANNELS: usize = 3;

/// What models must know of a dataset: it goes with the data from the reader to the model's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Spec {
    /// The size of each image.
    pub shape: ImageShape,
    /// How many classes there are, whether or not each has an image in each part.
    pub classes: usize,
    /// Of each channel that images have; the rest is not looked at.
    pub channels: [Channel; MAX_CHANNELS],
}

impl Spec {
    /// Images of such a size and so many classes, of which nothing else is known: as if their bytes
    /// were spread evenly.
    pub fn new(shape: ImageShape, classes: usize) -> Self {
        Self {
            shape,
            classes,
            channels: [Channel { mean: 128, std: 74 }; MAX_CHANNELS],
        }
    }

    /// Those channels that images have.
    pub fn channels(&self) -> &[Channel] {
        &self.channels[..self.shape.channels.min(MAX_CHANNELS)]
    }

    /// The same with the means and deviations of these images, of which there is one at least.
    pub fn measured(mut self, training: &Split) -> Self {
        let pixels = self.shape.pixels();
        let mut counts = [[0u64; 256]; MAX_CHANNELS];
        for image in training.images() {
            for (counts, plane) in counts.iter_mut().zip(image.chunks_exact(pixels)) {
                for &byte in plane {
                    counts[usize::from(byte)] += 1;
                }
            }
        }
        for (channel, counts) in self.channels.iter_mut().zip(&counts) {
            let all: u64 = counts.iter().sum();
            let moment = |power| {
                let of_byte =
                    |(byte, &count): (i32, &u64)| f64::from(byte.pow(power)) * count as f64;
                (0..).zip(counts).map(of_byte).sum::<f64>() / all.max(1) as f64
            };
            let mean = moment(1);
            let std = (moment(2) - mean * mean).max(0.0).sqrt();
            *channel = Channel {
                mean: mean.round() as u8,
                std: std.round().max(1.0) as u8,
            };
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_and_deviations_are_those_of_each_channel() {
        let shape = ImageShape {
            channels: 3,
            height: 1,
            width: 4,
        };
        let images = vec![0, 0, 255, 255, 7, 7, 7, 7, 10, 20, 30, 40];
        let split = Split::new(Spec::new(shape, 2), images, vec![1]).unwrap();
        let channel = |mean, std| Channel { mean, std };
        // 127.5 and 127.5; 7 and 0; 25 and √125.
        let channels = [channel(128, 128), channel(7, 1), channel(25, 11)];
        assert_eq!(split.spec.measured(&split).channels(), channels);
    }
}
