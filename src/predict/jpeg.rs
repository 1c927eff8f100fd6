//! JPEG files.

use anyhow::{Result, anyhow, bail, ensure};
use jpeg_decoder::{Decoder, Error, PixelFormat};

use super::picture::{Decoded, checked_size};

/// How every JPEG file begins.
pub(super) const MAGIC: &[u8] = b"\xff\xd8\xff";

/// The most scans that are decoded. A progressive file has about ten; each takes as long as the
/// picture is large, however few bytes it has.
const MAX_SCANS: usize = 32;

/// Decodes a baseline or progressive JPEG file.
pub(super) fn decode(bytes: &[u8], file: &str) -> Result<Decoded> {
    let damaged = |error: Error| {
        anyhow!("{file} cannot be decoded as JPEG: {error} — save the picture again")
    };
    let mut decoder = Decoder::new(bytes);
    decoder.read_info().map_err(damaged)?;
    let header = decoder
        .info()
        .ok_or_else(|| anyhow!("{file} cannot be decoded as JPEG: it has no header"))?;
    let (width, height) = checked_size(header.width.into(), header.height.into(), file)?;
    let scans = scans(bytes);
    ensure!(
        scans <= MAX_SCANS,
        "{file} is a JPEG file of {scans} scans; at most {MAX_SCANS} are read — save the picture \
         again"
    );
    let samples = decoder.decode().map_err(damaged)?;
    let (channels, samples) = match header.pixel_format {
        PixelFormat::L8 => (1, samples),
        PixelFormat::RGB24 => (3, samples),
        PixelFormat::CMYK32 => (3, samples.chunks_exact(4).flat_map(rgb).collect()),
        PixelFormat::L16 => bail!("{file} is a JPEG file of 16 bits per pixel — save it with 8"),
    };
    Ok(Decoded {
        width,
        height,
        channels,
        samples,
        exif: decoder.exif_data().map(<[u8]>::to_vec),
    })
}

/// How many scans a file has up to its end of image. What comes behind that, such as the video of a
/// moving picture, does not count.
fn scans(bytes: &[u8]) -> usize {
    const END_OF_IMAGE: u8 = 0xd9;
    const START_OF_SCAN: u8 = 0xda;
    // Neither stuffing nor a marker that stands within a scan or alone.
    let begins_segment =
        |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 1 | 0xd0..=0xd8 | 0xff);
    let mut scans = 0;
    let mut rest = bytes;
    while let Some(at) = rest.windows(2).position(begins_segment)
        && rest[at + 1] != END_OF_IMAGE
        && let Some(&[high, low]) = rest[at + 2..].first_chunk()
    {
        scans += usize::from(rest[at + 1] == START_OF_SCAN);
        let length = usize::from(u16::from_be_bytes([high, low]));
        rest = rest.get(at + 2 + length..).unwrap_or_default();
    }
    scans
}

/// Inks to lights.
fn rgb(cmyk: &[u8]) -> [u8; 3] {
    let paper = 255 - u32::from(cmyk[3]);
    [0, 1, 2].map(|ink| ((255 - u32::from(cmyk[ink])) * paper / 255) as u8)
}
