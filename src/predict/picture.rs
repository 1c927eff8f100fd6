//! A picture in grey, from a file of any format that is read.

use anyhow::{Result, bail, ensure};

use super::decoded::foreign;
use super::kind::{Format, HEAD, Kind, kind};
use super::{jpeg, others, png};

/// Mean luma from which an object counts as white.
const TOO_LIGHT: u64 = 240;

/// A picture in grey: upright, and opaque.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels of a row, at least one.
    pub(super) width: usize,
    /// Number of rows, at least one.
    pub(super) height: usize,
    /// `width × height` bytes, row by row: the luma of ITU-R BT.601; 0 is black.
    pub(super) luma: Vec<u8>,
}

/// Decodes a PNG, JPEG, WebP, BMP, GIF or TIFF file.
///
/// The format is seen from the first bytes. The picture is turned as its file says: in EXIF data, or
/// in XMP. Where it is transparent there is background: white, or black under an object that is
/// white. Of several pictures in a file the first is taken.
///
/// `file` is the name used in errors.
///
/// # Errors
///
/// If `bytes` are not such a file, if they are damaged or cut off, or if the picture has more than
/// [`MAX_PIXELS`](super::MAX_PIXELS); the latter is checked before memory is taken.
pub fn decode(bytes: &[u8], file: &str) -> Result<Picture> {
    ensure!(
        !bytes.is_empty(),
        "{file} is empty: it holds no picture at all — copy or save it again"
    );
    let decoded = match kind(&bytes[..bytes.len().min(HEAD)]) {
        Some(Kind::Picture(Format::Jpeg)) => jpeg::decode(bytes, file)?,
        Some(Kind::Picture(Format::Png)) => png::decode(bytes, file)?,
        Some(Kind::Picture(format)) => others::decode(bytes, format, file)?,
        Some(Kind::Foreign(what)) => bail!(foreign(file, what)),
        Some(Kind::Other(what)) => {
            bail!("{file} is {what}, not a picture — name the picture itself")
        }
        None => bail!(
            "{file} is no picture of a kind that is read — convert it to PNG, JPEG, WebP, BMP, GIF \
             or TIFF"
        ),
    };
    let picture = Picture {
        width: decoded.width,
        height: decoded.height,
        luma: grey(decoded.samples, decoded.channels),
    };
    Ok(picture.upright(decoded.orientation.unwrap_or(1)))
}

/// One byte per pixel.
fn grey(samples: Vec<u8>, channels: usize) -> Vec<u8> {
    match channels {
        1 => samples,
        3 => samples.chunks_exact(3).map(luma).collect(),
        2 => opaque(samples.chunks_exact(2).map(|p| (p[0], p[1]))),
        _ => opaque(samples.chunks_exact(4).map(|p| (luma(&p[..3]), p[3]))),
    }
}

/// The luma of BT.601, which is also that of JPEG's YCbCr; exact where all three are the same.
fn luma(rgb: &[u8]) -> u8 {
    let weighted = 299 * u32::from(rgb[0]) + 587 * u32::from(rgb[1]) + 114 * u32::from(rgb[2]);
    ((weighted + 500) / 1000) as u8
}

/// Lays pixels of luma and alpha on white, as photographs for shops are, or on black if what is
/// visible of them is too light to be seen on white.
fn opaque(pixels: impl Iterator<Item = (u8, u8)> + Clone) -> Vec<u8> {
    let (mut light, mut visible) = (0, 0);
    for (luma, alpha) in pixels.clone() {
        light += u64::from(luma) * u64::from(alpha);
        visible += u64::from(alpha);
    }
    let background: u32 = if light < TOO_LIGHT * visible { 255 } else { 0 };
    pixels
        .map(|(luma, alpha)| {
            let (luma, alpha) = (u32::from(luma), u32::from(alpha));
            ((luma * alpha + background * (255 - alpha) + 127) / 255) as u8
        })
        .collect()
}

impl Picture {
    /// Turns and mirrors the picture as `orientation`, EXIF's tag of that name, asks for.
    fn upright(self, orientation: u8) -> Self {
        if orientation == 1 {
            return self;
        }
        let transposed = matches!(orientation, 5..=8);
        let mirrored_x = matches!(orientation, 2 | 3 | 7 | 8);
        let mirrored_y = matches!(orientation, 3 | 4 | 6 | 7);
        let (width, height) = match transposed {
            true => (self.height, self.width),
            false => (self.width, self.height),
        };
        let mut luma = Vec::with_capacity(self.luma.len());
        for y in 0..height {
            for x in 0..width {
                let (x, y) = if transposed { (y, x) } else { (x, y) };
                let x = if mirrored_x { self.width - 1 - x } else { x };
                let y = if mirrored_y { self.height - 1 - y } else { y };
                luma.push(self.luma[y * self.width + x]);
            }
        }
        Self {
            width,
            height,
            luma,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn luma_is_exact_for_greys_and_weighs_colours_as_bt_601_does() {
        for value in 0..=255 {
            assert_eq!(luma(&[value; 3]), value);
        }
        assert_eq!(luma(&[255, 0, 0]), 76);
        assert_eq!(luma(&[0, 255, 0]), 150);
        assert_eq!(luma(&[0, 0, 255]), 29);
    }

    #[test]
    fn orientations_are_those_of_the_exif_standard() {
        // Which corner of what is stored is shown at the top left, and which at the top right.
        let stored = || Picture {
            width: 3,
            height: 2,
            luma: vec![1, 2, 3, 4, 5, 6],
        };
        for (orientation, size, luma) in [
            (1, (3, 2), [1, 2, 3, 4, 5, 6]),
            (2, (3, 2), [3, 2, 1, 6, 5, 4]),
            (3, (3, 2), [6, 5, 4, 3, 2, 1]),
            (4, (3, 2), [4, 5, 6, 1, 2, 3]),
            (5, (2, 3), [1, 4, 2, 5, 3, 6]),
            (6, (2, 3), [4, 1, 5, 2, 6, 3]),
            (7, (2, 3), [6, 3, 5, 2, 4, 1]),
            (8, (2, 3), [3, 6, 2, 5, 1, 4]),
        ] {
            let shown = stored().upright(orientation);
            assert_eq!((shown.width, shown.height), size, "{orientation}");
            assert_eq!(shown.luma, luma, "{orientation}");
        }
    }
}
