//! BMP, GIF, TIFF and WebP files.

use std::cell::Cell;
use std::io::{self, BufRead, Cursor, Read, Seek, SeekFrom};

use anyhow::{Result, bail, ensure};
use image::codecs::{bmp::BmpDecoder, gif::GifDecoder, tiff::TiffDecoder, webp::WebPDecoder};
use image::{ImageDecoder, ImageError, ImageResult, Limits};

use super::decoded::{Decoded, MAX_PIXELS, checked_size, cut_off, damaged, foreign};
use super::kind::Format;
use super::orientation;

// Tags of TIFF files (TIFF 6.0, sections 8 and 15).
const SUBFILE: u16 = 254; // its lowest bit: a small copy of another picture
const COMPRESSION: u16 = 259;
const FILL_ORDER: u16 = 266;
const TILE_WIDTH: u16 = 322;
const TILE_HEIGHT: u16 = 323;

/// The most bytes that are read of a file, again and again: a second's work.
const MAX_READ: usize = 3 << 30;

/// Decodes a file to eight bits per channel.
pub(super) fn decode(bytes: &[u8], format: Format, file: &str) -> Result<Decoded> {
    if format == Format::Tiff {
        check_tiff(bytes, file)?;
    }
    let at_end = Cell::new(false);
    let decoded = read(Source::new(bytes, &at_end), bytes, format, file);
    let is_cut_off = match format {
        // What is missing may have been filled in; the byte that makes the size even may be missing.
        Format::WebP => missing_of_riff(bytes) > u64::from(decoded.is_ok()),
        _ => at_end.get() && decoded.is_err(),
    };
    match decoded.map_err(|error| error.downcast()) {
        Err(Err(own)) => Err(own),
        _ if is_cut_off => Err(cut_off(file, format)),
        Err(Ok(ImageError::Unsupported(_) | ImageError::Limits(_))) => {
            let what = format!("a {} file of a rare kind", format.name());
            Err(foreign(file, &what))
        }
        Err(Ok(_)) => Err(damaged(file, format)),
        Ok(decoded) => Ok(decoded),
    }
}

fn read(source: Source, bytes: &[u8], format: Format, file: &str) -> Result<Decoded> {
    let decoder = decoder(source, format)?;
    let (width, height) = decoder.dimensions();
    let (width, height) = checked_size(width, height, file)?;
    if format == Format::Tiff {
        check_tiles(bytes, width, height, file)?;
    }
    let color = decoder.color_type();
    let channels = color.channel_count();
    let wide = match color.bytes_per_pixel() / channels {
        1 => false,
        2 => true,
        _ => bail!(foreign(file, "a picture of more than 16 bits per channel")),
    };
    let orientation = match format {
        Format::Tiff => orientation::of_exif(bytes),
        Format::WebP => riff_chunk(bytes, b"EXIF")
            .and_then(orientation::of_exif)
            .or_else(|| riff_chunk(bytes, b"XMP ").and_then(orientation::of_xmp)),
        _ => None,
    };
    let channels = usize::from(channels);
    let mut samples = vec![0; width * height * channels * if wide { 2 } else { 1 }];
    decoder.read_image(&mut samples)?;
    if wide {
        let (pairs, _) = samples.as_chunks();
        let narrow = |&pair: &[u8; 2]| (u16::from_ne_bytes(pair) >> 8) as u8;
        samples = pairs.iter().map(narrow).collect();
    }
    Ok(Decoded {
        width,
        height,
        channels,
        samples,
        orientation,
    })
}

fn decoder(source: Source, format: Format) -> ImageResult<Box<dyn ImageDecoder + '_>> {
    Ok(match format {
        Format::Bmp => Box::new(BmpDecoder::new(source)?),
        Format::Gif => {
            let mut decoder = GifDecoder::new(source)?;
            // The first frame may be larger than the picture.
            decoder.set_limits(Limits::default())?;
            Box::new(decoder)
        }
        Format::WebP => Box::new(WebPDecoder::new(source)?),
        // Its own limits are 256 MiB for the picture and 128 MiB for a strip.
        _ => Box::new(TiffDecoder::new(source)?),
    })
}

/// Refuses TIFF files that show something else than their picture, or more than it.
fn check_tiff(bytes: &[u8], file: &str) -> Result<()> {
    let number = |tag| orientation::number(bytes, tag);
    ensure!(
        number(SUBFILE).is_none_or(|kind| kind & 1 == 0),
        foreign(file, "a camera's raw picture, or a small copy of a picture")
    );
    // A strip of JPEG data states a size of its own, and what it lacks is filled in.
    ensure!(
        number(COMPRESSION) != Some(7),
        foreign(file, "a TIFF file with JPEG compression")
    );
    // Bits in the other order would be taken for other numbers.
    ensure!(
        number(FILL_ORDER).is_none_or(|order| order == 1),
        foreign(file, "a TIFF file of a rare kind")
    );
    Ok(())
}

/// Refuses tiles that go far beyond the picture: each is unpacked as a whole.
fn check_tiles(bytes: &[u8], width: usize, height: usize, file: &str) -> Result<()> {
    let filled = |side: usize, tag| {
        let tile = orientation::number(bytes, tag).unwrap_or(1).max(1);
        (side as u64).next_multiple_of(tile.into())
    };
    let pixels = filled(width, TILE_WIDTH).saturating_mul(filled(height, TILE_HEIGHT));
    ensure!(
        pixels <= 4 * MAX_PIXELS,
        "{file} has tiles of {pixels} pixels in all for its {width}×{height}, more than are read — \
         save it without tiles"
    );
    Ok(())
}

/// How many bytes a RIFF file says to have and has not.
fn missing_of_riff(bytes: &[u8]) -> u64 {
    let size = bytes.get(4..8).and_then(|size| size.first_chunk());
    let size = size.map_or(0, |&size| u64::from(u32::from_le_bytes(size)));
    (8 + size).saturating_sub(bytes.len() as u64)
}

/// What the first chunk of this name in a WebP file holds.
fn riff_chunk<'a>(bytes: &'a [u8], name: &[u8; 4]) -> Option<&'a [u8]> {
    let mut rest = bytes.get(12..)?;
    loop {
        let (&[a, b, c, d, size @ ..], after) = rest.split_first_chunk::<8>()?;
        let size = usize::try_from(u32::from_le_bytes(size)).ok()?;
        if [a, b, c, d] == *name {
            return Some(after.get(..size).unwrap_or(after));
        }
        rest = after.get(size.checked_next_multiple_of(2)?..)?;
    }
}

/// The bytes of a file. It tells whether more was wanted than there are, and ends the reading of
/// the same parts without end: a small file may name each of them a million times.
struct Source<'a> {
    bytes: Cursor<&'a [u8]>,
    at_end: &'a Cell<bool>,
    /// How many bytes may still be read, those that were read ahead for nothing included.
    left: usize,
}

impl<'a> Source<'a> {
    fn new(bytes: &'a [u8], at_end: &'a Cell<bool>) -> Self {
        Self {
            bytes: Cursor::new(bytes),
            at_end,
            left: MAX_READ,
        }
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

impl BufRead for Source<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let bytes = self.bytes.fill_buf()?;
        if bytes.is_empty() {
            self.at_end.set(true);
        } else if self.left == 0 {
            return Err(io::Error::other("parts of the file are read over and over"));
        }
        Ok(&bytes[..bytes.len().min(self.left)])
    }

    fn consume(&mut self, amount: usize) {
        self.bytes.consume(amount);
        self.left = self.left.saturating_sub(amount);
    }
}

impl Seek for Source<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}
