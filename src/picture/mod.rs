//! Pictures of any common format: decoded, turned upright, hashed and resampled.
//!
//! - [`load`], [`decode`]: a picture's file into a [`Picture`], within bounds of memory and time.
//! - [`Picture::content_hash`]: what tells whether two files show the same pixels.
//!
//! `image` decodes BMP, GIF, TIFF and WebP, `png` PNG, and `zune-jpeg` JPEG.

mod decoded;
mod files;
mod jpeg;
mod kind;
mod orientation;
mod others;
mod png;
pub(crate) mod resample;

use std::borrow::Cow;

use anyhow::{Result, bail, ensure};
use xxhash_rust::xxh3::Xxh3;

use decoded::foreign;
use kind::{HEAD, Kind, kind};

pub use decoded::MAX_PIXELS;
pub use files::{MAX_FILE_BYTES, begins_like_picture, is_called_picture, load, read};
pub use kind::Format;

/// A picture: upright, opaque, eight bits per channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels of a row, at least one.
    pub width: usize,
    /// Number of rows, at least one.
    pub height: usize,
    /// 1 grey, or 3: red, green and blue.
    pub channels: usize,
    /// `height × width × channels` bytes: row by row, pixel by pixel; 0 is black.
    pub pixels: Vec<u8>,
}

/// What is seen where a picture is transparent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Background {
    /// White.
    White,
    /// White, or black under an object that is white.
    Contrast,
}

/// Decodes a PNG, JPEG, WebP, BMP, GIF or TIFF file, and says which it is.
///
/// The format is seen from the first bytes. The picture is turned as its file says: in EXIF data, or
/// in XMP. Inks become lights, and 16 bits eight. Of several pictures in a file the first is taken.
///
/// `file` is the name used in errors.
///
/// # Errors
///
/// If `bytes` are not such a file, if they are damaged or cut off, or if the picture has more than
/// [`MAX_PIXELS`]; the latter is checked before memory is taken.
pub fn decode(bytes: &[u8], file: &str, background: Background) -> Result<(Picture, Format)> {
    ensure!(
        !bytes.is_empty(),
        "{file} is empty: it holds no picture at all — copy or save it again"
    );
    let format = match kind(&bytes[..bytes.len().min(HEAD)]) {
        Some(Kind::Picture(format)) => format,
        Some(Kind::Foreign(what)) => bail!(foreign(file, what)),
        Some(Kind::Other(what)) => {
            bail!("{file} is {what}, not a picture — name the picture itself")
        }
        None => bail!(
            "{file} is no picture of a kind that is read — convert it to PNG, JPEG, WebP, BMP, GIF \
             or TIFF"
        ),
    };
    let decoded = match format {
        Format::Jpeg => jpeg::decode(bytes, file)?,
        Format::Png => png::decode(bytes, file)?,
        _ => others::decode(bytes, format, file)?,
    };
    Ok((decoded.opaque(background).upright(), format))
}

impl Picture {
    /// Whether it shows nothing but greys, however it is stored.
    pub fn is_grey(&self) -> bool {
        let (pixels, _) = self.pixels.as_chunks();
        self.channels == 1
            || pixels
                .iter()
                .all(|[red, green, blue]| red == green && green == blue)
    }

    /// A number that pictures of the same size share if, and practically only if, they show the same
    /// pixels: XXH3 (128 bits) of width, height, channels, as 64-bit numbers, and pixels. Greys count
    /// as one channel.
    pub fn content_hash(&self) -> u128 {
        let (channels, pixels) = match self.channels != 1 && self.is_grey() {
            true => (
                1,
                self.pixels.iter().step_by(self.channels).copied().collect(),
            ),
            false => (self.channels, Cow::Borrowed(self.pixels.as_slice())),
        };
        let mut hash = Xxh3::new();
        for size in [self.width, self.height, channels] {
            hash.update(&(size as u64).to_le_bytes());
        }
        hash.update(&pixels);
        hash.digest128()
    }

    /// `height × width` bytes, row by row: the luma of ITU-R BT.601.
    pub fn luma(&self) -> Cow<'_, [u8]> {
        match self.channels {
            1 => Cow::Borrowed(&self.pixels),
            _ => {
                let (pixels, _) = self.pixels.as_chunks();
                pixels.iter().copied().map(luma).collect()
            }
        }
    }
}

/// The luma of BT.601, which is also that of JPEG's YCbCr; exact where all three are the same.
pub(crate) fn luma(rgb: [u8; 3]) -> u8 {
    let [red, green, blue] = rgb.map(u32::from);
    ((299 * red + 587 * green + 114 * blue + 500) / 1000) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn luma_is_exact_for_greys_and_weighs_colours_as_bt_601_does() {
        for value in 0..=255 {
            assert_eq!(luma([value; 3]), value);
        }
        assert_eq!(luma([255, 0, 0]), 76);
        assert_eq!(luma([0, 255, 0]), 150);
        assert_eq!(luma([0, 0, 255]), 29);
    }
}
