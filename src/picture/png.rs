//! PNG files.

use std::borrow::Cow;
use std::io::{Cursor, Read};

use anyhow::{Result, bail};
use flate2::{Crc, read::ZlibDecoder};
use png::{Decoder, DecodingError, Transformations};

use super::decoded::{Decoded, checked_size, cut_off, damaged};
use super::kind::Format;
use super::orientation;

/// Bytes before the first chunk.
const MAGIC: usize = 8;
/// The most bytes that the texts of a file are unpacked to, all together.
const MAX_TEXT: u64 = 4 << 20;

/// Decodes a PNG file to eight bits per channel, palettes resolved.
pub(super) fn decode(bytes: &[u8], file: &str) -> Result<Decoded> {
    if bytes.get(MAGIC + 4..MAGIC + 8) == Some(b"CgBI") {
        bail!(
            "{file} is a PNG file in Apple's own form (CgBI), as apps for the iPhone hold it, which \
             is not read — convert it to a plain PNG or a JPEG file"
        );
    }
    let ended = ended(bytes);
    let refused = |_: DecodingError| match ended {
        Cow::Borrowed(_) => damaged(file, Format::Png),
        Cow::Owned(_) => cut_off(file, Format::Png),
    };
    let mut decoder = Decoder::new(Cursor::new(&ended));
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    // Either may unpack to far more than its size.
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);

    let header = decoder.read_header_info().map_err(refused)?;
    let (width, height) = checked_size(header.width, header.height, file)?;
    let mut reader = decoder.read_info().map_err(refused)?;
    let channels = reader.output_color_type().0.samples();
    let mut samples = vec![0; width * height * channels];
    reader.next_frame(&mut samples).map_err(refused)?;
    Ok(Decoded {
        width,
        height,
        channels,
        samples,
        orientation: orientation(bytes),
    })
}

/// A chunk of a file, from its name on.
struct Chunk<'a> {
    kind: [u8; 4],
    data: &'a [u8],
    /// What comes behind it; none if the file ends before it does.
    rest: Option<&'a [u8]>,
}

/// The chunk that some bytes begin with.
fn chunk(bytes: &[u8]) -> Option<Chunk<'_>> {
    let (&[a, b, c, d, kind @ ..], after) = bytes.split_first_chunk::<8>()?;
    let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).ok()?;
    let end = length.checked_add(4)?; // behind the checksum
    Some(Chunk {
        kind,
        data: after.get(..length).unwrap_or(after),
        rest: after.get(end..),
    })
}

/// A file with an end, if it has none: what is there of its pixels may be all of them.
fn ended(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut rest = bytes.get(MAGIC..).unwrap_or_default();
    let mut cut_off = None;
    while let Some(chunk) = chunk(rest) {
        match chunk.rest {
            Some(_) if &chunk.kind == b"IEND" => return Cow::Borrowed(bytes),
            Some(after) => rest = after,
            None => {
                cut_off = Some(chunk.data).filter(|_| &chunk.kind == b"IDAT");
                break;
            }
        }
    }
    let mut file = bytes[..bytes.len() - rest.len()].to_vec();
    let end: &[u8] = &[];
    let pixels = cut_off.map(|data| (b"IDAT", data));
    for (kind, data) in pixels.into_iter().chain([(b"IEND", end)]) {
        let mut checksum = Crc::new();
        checksum.update(kind);
        checksum.update(data);
        file.extend((data.len() as u32).to_be_bytes());
        file.extend(kind);
        file.extend(data);
        file.extend(checksum.sum().to_be_bytes());
    }
    Cow::Owned(file)
}

/// The orientation that a file states in its EXIF data, else in those that ImageMagick keeps as
/// text, else in its XMP data.
fn orientation(bytes: &[u8]) -> Option<u8> {
    let (mut exif, mut profile, mut xmp) = (None, None, None);
    let mut unpacked = MAX_TEXT;
    let mut rest = bytes.get(MAGIC..)?;
    while let Some(Chunk {
        kind,
        data,
        rest: Some(after),
    }) = chunk(rest)
    {
        rest = after;
        if &kind == b"eXIf" {
            exif = exif.or(orientation::of_exif(data));
        } else if let Some((keyword, data)) = keyword(data) {
            let is = |name: &str| keyword.eq_ignore_ascii_case(name.as_bytes());
            if is("Raw profile type exif")
                || is("Raw profile type APP1")
                || is("Raw profile type xmp")
            {
                let data = text(kind, data, &mut unpacked).map(|text| from_hexadecimal(&text));
                let data = data.unwrap_or_default();
                profile = profile.or(orientation::of_exif(&data));
                xmp = xmp.or(orientation::of_xmp(&data));
            } else if is("XML:com.adobe.xmp") {
                let text = text(kind, data, &mut unpacked).unwrap_or_default();
                xmp = xmp.or(orientation::of_xmp(&text));
            }
        }
    }
    exif.or(profile).or(xmp)
}

/// A text's keyword and what follows.
fn keyword(data: &[u8]) -> Option<(&[u8], &[u8])> {
    // Keywords are at most 79 bytes long (PNG specification, section 11.3.3.1).
    let end = data.iter().take(80).position(|&byte| byte == 0)?;
    Some((&data[..end], &data[end + 1..]))
}

/// The text of a chunk of this kind, from behind its keyword; no more of it than may still be
/// unpacked.
fn text(kind: [u8; 4], data: &[u8], unpacked: &mut u64) -> Option<Vec<u8>> {
    let (packed, text) = match (&kind, data) {
        (b"tEXt", text) => (false, text),
        (b"zTXt", [0, text @ ..]) => (true, text),
        (b"iTXt", [packed @ (0 | 1), 0, rest @ ..]) => {
            let mut parts = rest.splitn(3, |&byte| byte == 0);
            (*packed == 1, parts.nth(2)?) // behind a language and a translated keyword
        }
        _ => return None,
    };
    if !packed {
        return Some(text.to_vec());
    }
    let mut plain = Vec::new();
    // Of damaged data the part before the damage counts.
    let _ = ZlibDecoder::new(text)
        .take(*unpacked)
        .read_to_end(&mut plain);
    *unpacked -= plain.len() as u64;
    Some(plain)
}

/// What ImageMagick wrote as a line break, a name, a line break, a length, and hexadecimal digits.
fn from_hexadecimal(text: &[u8]) -> Vec<u8> {
    let lines = text.trim_ascii().splitn(3, |&byte| byte == b'\n');
    let digits = lines.last().unwrap_or_default().iter();
    let digits: Vec<u32> = digits
        .filter_map(|&digit| char::from(digit).to_digit(16))
        .collect();
    let (pairs, _) = digits.as_chunks();
    pairs
        .iter()
        .map(|[high, low]| (high << 4 | low) as u8)
        .collect()
}
