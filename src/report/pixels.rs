//! The images of a dataset as pixels, and pixels as a PNG.

use std::borrow::Cow;

use anyhow::Result;
use png::{BitDepth, ColorType, Compression, Encoder};

use crate::dataset::ImageShape;

/// A picture of grey or coloured pixels that images are put into; of two channels the second is how
/// opaque a pixel is.
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
            2 => ColorType::GrayscaleAlpha,
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

/// Makes images small enough to be shown: each pixel becomes the mean of a square of pixels, at the right
/// and lower edge of what is left of one.
#[derive(Clone, Copy)]
pub struct Reduction {
    from: ImageShape,
    /// Side of a square.
    square: usize,
}

impl Reduction {
    /// Of images of a shape, as little as makes no side longer than `side` pixels.
    pub fn new(from: ImageShape, side: usize) -> Self {
        let square = from.height.max(from.width).div_ceil(side.max(1)).max(1);
        Self { from, square }
    }

    /// Of what it makes.
    pub fn shape(&self) -> ImageShape {
        ImageShape {
            height: self.from.height.div_ceil(self.square),
            width: self.from.width.div_ceil(self.square),
            ..self.from
        }
    }

    /// The image made small.
    pub fn of<'a>(&self, image: &'a [u8]) -> Cow<'a, [u8]> {
        if self.square == 1 {
            return Cow::Borrowed(image);
        }
        let (from, to) = (self.from, self.shape());
        let side = |at: usize, end: usize| at * self.square..((at + 1) * self.square).min(end);
        let mut reduced = Vec::with_capacity(to.values());
        for plane in image.chunks_exact(from.pixels()) {
            for (y, x) in (0..to.height).flat_map(|y| (0..to.width).map(move |x| (y, x))) {
                let (rows, columns) = (side(y, from.height), side(x, from.width));
                let count = rows.len() * columns.len();
                let values = rows.flat_map(|row| &plane[row * from.width..][columns.clone()]);
                let sum: usize = values.map(|value| usize::from(*value)).sum();
                reduced.push(((sum + count / 2) / count) as u8);
            }
        }
        Cow::Owned(reduced)
    }
}

/// A grey image dark on white, as in print; one in colour as it is.
pub fn in_print(shape: ImageShape) -> impl Fn(u8) -> u8 {
    move |value| match shape.channels {
        1 => 255 - value,
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_are_means_of_squares_in_each_channel() {
        let from = ImageShape {
            channels: 3,
            height: 3,
            width: 4,
        };
        let image: Vec<u8> = [
            [1, 3, 10, 20, 5, 7, 30, 40, 9, 9, 50, 51],
            [0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255],
            [7; 12],
        ]
        .concat();
        let reduction = Reduction::new(from, 3);
        let shape = reduction.shape();
        assert_eq!((shape.channels, shape.height, shape.width), (3, 2, 2));
        // (1 + 3 + 5 + 7) / 4 and (10 + 20 + 30 + 40) / 4; below half squares, 50.5 rounded up.
        let expected = [4, 25, 9, 51, 0, 0, 255, 255, 7, 7, 7, 7];
        assert_eq!(*reduction.of(&image), expected);
        assert_eq!(*Reduction::new(from, 4).of(&image), image);
    }
}
