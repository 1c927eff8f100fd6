//! The images of a dataset as pixels, and pixels as a PNG.

use anyhow::Result;
use png::{BitDepth, ColorType, Compression, Encoder};

use crate::dataset::ImageShape;

/// A picture of grey or coloured pixels that images are put into.
pub struct Pixels {
    channels: usize,
    width: usize,
    height: usize,
    /// Row by row, the channels of a pixel side by side.
    values: Vec<u8>,
}

impl Pixels {
    /// All of one brightness.
    pub fn new(channels: usize, width: usize, height: usize, brightness: u8) -> Self {
        Self {
            channels,
            width,
            height,
            values: vec![brightness; channels * width * height],
        }
    }

    /// Puts an image of as many channels with its upper left corner at `left` and `top`, each of its
    /// pixels `scale × scale`, and each value as `tone` makes it.
    ///
    /// # Panics
    ///
    /// If it does not lie within the picture.
    pub fn put(
        &mut self,
        image: &[u8],
        shape: ImageShape,
        [left, top]: [usize; 2],
        scale: usize,
        tone: impl Fn(u8) -> u8,
    ) {
        for (channel, plane) in image.chunks_exact(shape.pixels()).enumerate() {
            for y in 0..shape.height * scale {
                let row = &plane[y / scale * shape.width..][..shape.width];
                let start = ((top + y) * self.width + left) * self.channels;
                let line = &mut self.values[start..][..shape.width * scale * self.channels];
                for (x, pixel) in line.chunks_exact_mut(self.channels).enumerate() {
                    pixel[channel] = tone(row[x / scale]);
                }
            }
        }
    }

    /// The picture as a PNG.
    ///
    /// # Errors
    ///
    /// If it is too large for one.
    pub fn png(&self, compression: Compression) -> Result<Vec<u8>> {
        let (width, height) = (u32::try_from(self.width)?, u32::try_from(self.height)?);
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, width, height);
        encoder.set_color(match self.channels {
            1 => ColorType::Grayscale,
            _ => ColorType::Rgb,
        });
        encoder.set_depth(BitDepth::Eight);
        encoder.set_compression(compression);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.values)?;
        writer.finish()?;
        Ok(bytes)
    }
}

/// A grey image dark on white, as in print; one in colour as it is.
pub fn in_print(shape: ImageShape) -> impl Fn(u8) -> u8 {
    move |value| match shape.channels {
        1 => 255 - value,
        _ => value,
    }
}
