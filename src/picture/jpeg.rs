//! JPEG files.
//!
//! `zune-jpeg` decodes them, to nearly the same pixels as libjpeg-turbo, but it takes an end that comes
//! too early for zeros without end. So it is given the data of the last scan with another end, which it
//! cannot pass. Of baseline files that have a scan for each component it makes noise: there it is given
//! each component as a grey picture.

mod frame;
mod parts;

use std::io::Cursor;

use anyhow::{Result, bail, ensure};
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::{colorspace::ColorSpace, options::DecoderOptions};

use super::decoded::{Decoded, checked_size, cut_off, damaged, foreign};
use super::kind::Format;
use super::orientation;
use super::resample::resample;
use parts::{Parts, RARE, Sealed};

/// The most scans that are decoded. A progressive file has about ten; each takes as long as the
/// picture is large, however few bytes it has.
const MAX_SCANS: usize = 32;

type Decoder<'a, 'b> = JpegDecoder<&'a mut Cursor<&'b [u8]>>;

/// Decodes a baseline or progressive JPEG file.
pub(super) fn decode(bytes: &[u8], file: &str) -> Result<Decoded> {
    let parts = Parts::of(bytes);
    if let Some(what) = parts.foreign() {
        bail!(foreign(file, what));
    }
    let (colors, channels) = match parts.component_count() {
        1 => (ColorSpace::Luma, 1),
        _ => (ColorSpace::RGB, 3),
    };
    with_decoder(&parts, &parts.sealed(), colors, file, |decoder| {
        let Some(header) = decoder.info() else {
            bail!(damaged(file, Format::Jpeg));
        };
        let (width, height) = checked_size(header.width.into(), header.height.into(), file)?;
        ensure!(parts.ends, cut_off(file, Format::Jpeg));
        let scans = parts.scan_count();
        ensure!(
            scans <= MAX_SCANS,
            "{file} is a JPEG file of {scans} scans; at most {MAX_SCANS} are read — save the picture \
             again"
        );
        let samples = if parts.is_split() {
            let is_rgb = decoder.input_colorspace() == Some(ColorSpace::RGB);
            join(&parts, is_rgb, (width, height), file)?
        } else {
            let mut samples = vec![0; width * height * channels];
            decoder.decode_into(&mut samples)?;
            samples
        };
        let exif = header.exif_data.as_deref().and_then(orientation::of_exif);
        let xmp = || header.xmp_data.as_deref().and_then(orientation::of_xmp);
        Ok(Decoded {
            width,
            height,
            channels,
            samples,
            orientation: exif.or_else(xmp),
        })
    })
}

/// Works with a decoder that has read the headers; its errors become those of the file.
fn with_decoder<T>(
    parts: &Parts,
    sealed: &Sealed,
    colors: ColorSpace,
    file: &str,
    work: impl FnOnce(&mut Decoder) -> Result<T>,
) -> Result<T> {
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_out_colorspace(colors);
    let mut reader = Cursor::new(sealed.file.as_slice());
    let mut decoder = JpegDecoder::new_with_options(&mut reader, options);
    let headers = decoder.decode_headers().map_err(Into::into);
    let result = headers.and_then(|()| work(&mut decoder));
    drop(decoder);
    let lacks_data = !parts.ends || reader.position() > sealed.data as u64;
    result.map_err(|error| match error.downcast::<DecodeErrors>() {
        Ok(_) if lacks_data => cut_off(file, Format::Jpeg),
        Ok(_) => damaged(file, Format::Jpeg),
        Err(own) => own,
    })
}

/// Decodes a baseline picture that has a scan for each of three components.
fn join(
    parts: &Parts,
    is_rgb: bool,
    (width, height): (usize, usize),
    file: &str,
) -> Result<Vec<u8>> {
    let Some(planes) = parts.planes([width, height]) else {
        bail!(foreign(file, RARE));
    };
    let mut pixels = vec![[0; 3]; width * height];
    for (channel, plane) in planes.iter().enumerate() {
        let decode = |decoder: &mut Decoder| Ok(decoder.decode()?);
        let values = with_decoder(parts, &plane.grey, ColorSpace::Luma, file, decode)?;
        let (values, _) = values.as_chunks::<1>();
        let area = plane.area.map(|side| 0.0..side);
        let values = resample(values, plane.columns, &area, width, height);
        for (pixel, [value]) in pixels.iter_mut().zip(values) {
            pixel[channel] = (value + 0.5) as u8;
        }
    }
    if !is_rgb {
        pixels.iter_mut().for_each(|pixel| *pixel = rgb(*pixel));
    }
    Ok(pixels.into_flattened())
}

/// From luma and chroma (JFIF 1.02, page 3), in 65,536ths.
fn rgb([luma, blue, red]: [u8; 3]) -> [u8; 3] {
    let [blue, red] = [blue, red].map(|chroma| i32::from(chroma) - 128);
    let luma = (i32::from(luma) << 16) + (1 << 15);
    [
        luma + 91_881 * red,
        luma - 22_554 * blue - 46_802 * red,
        luma + 116_130 * blue,
    ]
    .map(|value| (value >> 16).clamp(0, 255) as u8)
}
