//! PNG files.

use std::io::Cursor;

use anyhow::{Result, anyhow};
use png::{Decoder, DecodingError, Transformations};

use super::picture::{Decoded, checked_size};

/// How every PNG file begins.
pub(super) const MAGIC: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Decodes a PNG file to eight bits per channel, palettes resolved.
pub(super) fn decode(bytes: &[u8], file: &str) -> Result<Decoded> {
    let damaged = |error: DecodingError| {
        anyhow!("{file} cannot be decoded as PNG: {error} — save the picture again")
    };
    let mut decoder = Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    // Neither is used here, and either may unpack to far more than its size.
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);

    let header = decoder.read_header_info().map_err(damaged)?;
    let (width, height) = checked_size(header.width, header.height, file)?;
    let mut reader = decoder.read_info().map_err(damaged)?;
    let channels = reader.output_color_type().0.samples();
    let mut samples = vec![0; width * height * channels];
    reader.next_frame(&mut samples).map_err(damaged)?;
    let exif = reader.info().exif_metadata.as_ref();
    Ok(Decoded {
        width,
        height,
        channels,
        exif: exif.map(|exif| exif.to_vec()),
        samples,
    })
}
