//! From a picture of any size to an image of a dataset.

use std::ops::Range;

use crate::dataset::{ImageShape, Resize};
use crate::picture::resample::resample;
use crate::picture::{Picture, luma};

/// Which part of a picture is shown where in an image.
#[derive(Debug, PartialEq)]
struct Placement {
    /// Columns and rows of the picture.
    from: [Range<f64>; 2],
    /// Columns and rows of the image.
    to: [Range<usize>; 2],
}

impl Resize {
    /// The placement of a picture of this size (columns, rows) in an image of that.
    fn place(self, from: [usize; 2], to: [usize; 2]) -> Placement {
        let [from, space] = [from, to].map(|sides| sides.map(|side| side as f64));
        let [x, y] = [space[0] / from[0], space[1] / from[1]];
        let scale = match self {
            Self::Pad => x.min(y),
            Self::Crop => x.max(y),
            Self::Stretch => {
                return Placement {
                    from: from.map(|side| 0.0..side),
                    to: to.map(|side| 0..side),
                };
            }
        };
        let middle = |side: usize| {
            let seen = (space[side] / scale).min(from[side]);
            let start = (from[side] - seen) / 2.0;
            let filled = ((from[side] * scale).round() as usize).clamp(1, to[side]);
            let left = (to[side] - filled) / 2;
            (start..start + seen, left..left + filled)
        };
        let [(columns, to_columns), (rows, to_rows)] = [middle(0), middle(1)];
        Placement {
            from: [columns, rows],
            to: [to_columns, to_rows],
        }
    }
}

impl Picture {
    /// The picture as an image of a dataset: `channels × height × width` bytes, channel by channel and
    /// row by row.
    ///
    /// Each pixel is the mean over its share of the picture; enlarging interpolates linearly. A grey
    /// picture fills all channels with the same; a coloured one becomes grey (its [luma](Self::luma)) at the end.
    pub fn to_image(&self, shape: ImageShape, resize: Resize) -> Vec<u8> {
        let placement = resize.place([self.width, self.height], [shape.width, shape.height]);
        let plane = shape.pixels();
        let mut image = vec![0; self.channels * plane];
        if self.channels == 1 {
            let pixels = placed::<1>(&self.pixels, self.width, &placement);
            write(&mut image, shape.width, &placement, &pixels, 0);
        } else {
            let pixels = placed::<3>(&self.pixels, self.width, &placement);
            for (channel, plane) in image.chunks_exact_mut(plane).enumerate() {
                write(plane, shape.width, &placement, &pixels, channel);
            }
        }
        match (self.channels, shape.channels) {
            (1, 3) => image.repeat(3),
            (3, 1) => {
                let mut grey = Vec::with_capacity(plane);
                grey_of(&image, &mut grey);
                grey
            }
            _ => image,
        }
    }
}

/// Appends the [luma](Picture::luma) of an image in colour.
pub fn grey_of(image: &[u8], grey: &mut Vec<u8>) {
    let (red, rest) = image.split_at(image.len() / 3);
    let (green, blue) = rest.split_at(red.len());
    let pixels = red.iter().zip(green).zip(blue);
    grey.extend(pixels.map(|((&red, &green), &blue)| luma([red, green, blue])));
}

/// What is shown of a picture, in the size that it has in the image.
fn placed<const CHANNELS: usize>(
    pixels: &[u8],
    width: usize,
    placement: &Placement,
) -> Vec<[f32; CHANNELS]> {
    let (pixels, _) = pixels.as_chunks();
    let Placement { from, to } = placement;
    resample(pixels, width, from, to[0].len(), to[1].len())
}

/// Writes one channel of some pixels to where they are shown in a plane of an image.
fn write<const CHANNELS: usize>(
    plane: &mut [u8],
    width: usize,
    placement: &Placement,
    pixels: &[[f32; CHANNELS]],
    channel: usize,
) {
    let [columns, rows] = &placement.to;
    let lines = plane.chunks_exact_mut(width).skip(rows.start);
    for (line, pixels) in lines.zip(pixels.chunks_exact(columns.len())) {
        for (value, pixel) in line[columns.clone()].iter_mut().zip(pixels) {
            *value = (pixel[channel] + 0.5) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_placed(
        resize: Resize,
        (from, to): ([usize; 2], [usize; 2]),
        part: [Range<f64>; 2],
        place: [Range<usize>; 2],
    ) {
        let placement = resize.place(from, to);
        assert_eq!(
            placement,
            Placement {
                from: part,
                to: place
            }
        );
    }

    #[test]
    fn padding_shows_all_in_the_middle() {
        let all = [0.0..400.0, 0.0..200.0];
        let sides = ([400, 200], [64, 64]);
        assert_placed(Resize::Pad, sides, all, [0..64, 16..48]);
        // Of an odd rest the larger part is at the right; a line stays a pixel wide.
        let sides = ([3, 30], [20, 10]);
        assert_placed(Resize::Pad, sides, [0.0..3.0, 0.0..30.0], [9..10, 0..10]);
        let sides = ([1, 1000], [8, 8]);
        assert_placed(Resize::Pad, sides, [0.0..1.0, 0.0..1000.0], [3..4, 0..8]);
    }

    #[test]
    fn cropping_shows_the_middle_everywhere() {
        let sides = ([400, 200], [64, 64]);
        assert_placed(
            Resize::Crop,
            sides,
            [100.0..300.0, 0.0..200.0],
            [0..64, 0..64],
        );
        let sides = ([30, 45], [20, 10]);
        assert_placed(Resize::Crop, sides, [0.0..30.0, 15.0..30.0], [0..20, 0..10]);
    }

    #[test]
    fn stretching_shows_all_everywhere() {
        let sides = ([400, 200], [64, 32]);
        assert_placed(
            Resize::Stretch,
            sides,
            [0.0..400.0, 0.0..200.0],
            [0..64, 0..32],
        );
        let sides = ([4, 200], [64, 64]);
        assert_placed(
            Resize::Stretch,
            sides,
            [0.0..4.0, 0.0..200.0],
            [0..64, 0..64],
        );
    }
}
