//! The common result and errors of all decoders, and the way from it to an opaque, upright picture.

use anyhow::{Error, Result, anyhow, ensure};

use super::kind::Format;
use super::{Background, Picture, luma};

/// The most pixels a picture may have, width times height: what phones' cameras make. Decoding one
/// takes at most 1 GiB.
pub const MAX_PIXELS: u64 = 50_000_000;

/// Mean luma from which an object counts as white.
const TOO_LIGHT: u64 = 240;

/// Sides of the squares that pictures are turned in, in pixels: two of them fit into a core's cache.
const BLOCK: usize = 32;

/// What a decoder makes of a file.
pub(super) struct Decoded {
    pub width: usize,
    pub height: usize,
    /// 1 grey, 2 grey and alpha, 3 red, green and blue, 4 these and alpha.
    pub channels: usize,
    /// `height × width × channels` bytes.
    pub samples: Vec<u8>,
    /// EXIF's tag of that name, 1 to 8.
    pub orientation: Option<u8>,
}

impl Decoded {
    /// Lays what is transparent on the background.
    pub fn opaque(self, background: Background) -> Self {
        let (channels, samples) = match self.channels {
            2 => (1, opaque::<2, 1>(&self.samples, background, |[grey]| grey)),
            4 => (3, opaque::<4, 3>(&self.samples, background, luma)),
            _ => return self,
        };
        Self {
            channels,
            samples,
            ..self
        }
    }

    /// Turns and mirrors an opaque picture as its orientation asks for.
    pub fn upright(self) -> Picture {
        let orientation = self.orientation.unwrap_or(1);
        let (width, height) = match orientation {
            5..=8 => (self.height, self.width),
            _ => (self.width, self.height),
        };
        let pixels = match (orientation, self.channels) {
            (1, _) => self.samples,
            (_, 1) => upright::<1>(&self.samples, self.width, orientation),
            _ => upright::<3>(&self.samples, self.width, orientation),
        };
        Picture {
            width,
            height,
            channels: self.channels,
            pixels,
        }
    }
}

/// Lays pixels of `COLORS` channels and alpha on white, as photographs for shops are; for a contrast
/// on black if what is visible of them is too light to be seen on white.
fn opaque<const ALL: usize, const COLORS: usize>(
    samples: &[u8],
    background: Background,
    luma: impl Fn([u8; COLORS]) -> u8,
) -> Vec<u8> {
    let (pixels, _) = samples.as_chunks::<ALL>();
    let color = |pixel: &[u8; ALL]| std::array::from_fn(|channel| pixel[channel]);
    let (mut light, mut visible) = (0, 0);
    for pixel in pixels {
        let alpha = u64::from(pixel[COLORS]);
        light += u64::from(luma(color(pixel))) * alpha;
        visible += alpha;
    }
    let on_black = background == Background::Contrast && light >= TOO_LIGHT * visible;
    let background = if on_black { 0 } else { 255 };
    let laid = pixels.iter().map(|pixel| {
        let alpha = u32::from(pixel[COLORS]);
        color(pixel).map(|value| {
            ((u32::from(value) * alpha + background * (255 - alpha) + 127) / 255) as u8
        })
    });
    laid.collect::<Vec<_>>().into_flattened()
}

/// Rows of `width` pixels as EXIF's tag asks for.
fn upright<const CHANNELS: usize>(samples: &[u8], width: usize, orientation: u8) -> Vec<u8> {
    let (stored, _) = samples.as_chunks::<CHANNELS>();
    let height = stored.len() / width;
    // Where the first pixel shown is stored, and how far from each the next are to the right and below.
    let (mut first, mut right, mut below) = (0, 1, width as isize);
    if matches!(orientation, 2 | 3 | 7 | 8) {
        (first, right) = (width - 1, -1);
    }
    if matches!(orientation, 3 | 4 | 6 | 7) {
        (first, below) = (first + (height - 1) * width, -below);
    }
    let (mut new_width, mut new_height) = (width, height);
    if matches!(orientation, 5..=8) {
        (right, below) = (below, right);
        (new_width, new_height) = (height, width);
    }
    let mut shown = vec![[0; CHANNELS]; stored.len()];
    for top in (0..new_height).step_by(BLOCK) {
        for left in (0..new_width).step_by(BLOCK) {
            let columns = left..(left + BLOCK).min(new_width);
            for y in top..(top + BLOCK).min(new_height) {
                let start = first as isize + y as isize * below + left as isize * right;
                let mut from = start as usize;
                for pixel in &mut shown[y * new_width..][columns.clone()] {
                    *pixel = stored[from];
                    from = from.wrapping_add_signed(right);
                }
            }
        }
    }
    shown.into_flattened()
}

/// The error of a file that does not hold all of its picture.
pub(super) fn cut_off(file: &str, format: Format) -> Error {
    let format = format.name();
    anyhow!("{file} is cut off: the last part of its {format} data is missing — copy it again")
}

/// The error of a file that breaks the rules of its format.
pub(super) fn damaged(file: &str, format: Format) -> Error {
    let format = format.name();
    anyhow!("{file} cannot be decoded as {format}: it is damaged — copy or save it again")
}

/// The error of a picture of a kind that is not read, in words.
pub(super) fn foreign(file: &str, what: &str) -> Error {
    anyhow!("{file} is {what}, which is not read — convert it to PNG or JPEG")
}

/// Refuses pictures that are too large; the width and the height otherwise.
pub(super) fn checked_size(width: u32, height: u32, file: &str) -> Result<(usize, usize)> {
    ensure!(
        u64::from(width) * u64::from(height) <= MAX_PIXELS,
        "{file} has {width}×{height} pixels, but at most {} million are read — scale it down",
        MAX_PIXELS / 1_000_000
    );
    Ok((usize::try_from(width)?, usize::try_from(height)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orientations_are_those_of_the_exif_standard() {
        // Which corner of what is stored is shown at the top left, and which at the top right.
        for (orientation, size, shown) in [
            (1, (3, 2), [1, 2, 3, 4, 5, 6]),
            (2, (3, 2), [3, 2, 1, 6, 5, 4]),
            (3, (3, 2), [6, 5, 4, 3, 2, 1]),
            (4, (3, 2), [4, 5, 6, 1, 2, 3]),
            (5, (2, 3), [1, 4, 2, 5, 3, 6]),
            (6, (2, 3), [4, 1, 5, 2, 6, 3]),
            (7, (2, 3), [6, 3, 5, 2, 4, 1]),
            (8, (2, 3), [3, 6, 2, 5, 1, 4]),
        ] {
            for channels in [1, 3] {
                let color = |value: u8| (0..channels).map(move |channel| 10 * channel + value);
                let stored = Decoded {
                    width: 3,
                    height: 2,
                    channels: usize::from(channels),
                    samples: (1..=6).flat_map(color).collect(),
                    orientation: Some(orientation),
                };
                let picture = stored.upright();
                assert_eq!((picture.width, picture.height), size, "{orientation}");
                let shown: Vec<u8> = shown.into_iter().flat_map(color).collect();
                assert_eq!(picture.pixels, shown, "{orientation}");
            }
        }
    }
}
