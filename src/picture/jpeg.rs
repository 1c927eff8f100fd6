//! JPEG files.
//!
//! `zune-jpeg` decodes them. As other decoders do, it takes an end marker that comes too early for zeros
//! without end, and so fills in what a cut-off file lacks. Therefore the data of the last scan are
//! given to it with another end, which it cannot pass.

use std::io::Cursor;

use anyhow::{Result, bail, ensure};
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::{colorspace::ColorSpace, options::DecoderOptions};

use super::decoded::{Decoded, checked_size, cut_off, damaged, foreign};
use super::kind::Format;
use super::orientation;

/// The most scans that are decoded. A progressive file has about ten; each takes as long as the
/// picture is large, however few bytes it has.
const MAX_SCANS: usize = 32;

/// What is put behind the last scan first. The decoder reads up to eight bytes ahead, four at a time.
const READ_AHEAD: [u8; 12] = [0; 12];

const START_OF_IMAGE: u8 = 0xd8;
const END_OF_IMAGE: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;
const RESTART_INTERVAL: u8 = 0xdd;
/// Only between scans.
const RESTART: [u8; 2] = [0xff, 0xd0];
/// An empty segment that no program uses. The decoder skips it between scans, and fails if it meets it
/// within one.
const SEAL: [u8; 4] = [0xff, 0xef, 0, 2];

/// Decodes a baseline or progressive JPEG file.
pub(super) fn decode(bytes: &[u8], file: &str) -> Result<Decoded> {
    let sealed = Sealed::new(bytes);
    let mut reader = Cursor::new(sealed.file.as_slice());
    let decoded = read(&mut reader, &sealed, file);
    let lacks_data = !sealed.ends || reader.position() > sealed.data as u64;
    decoded.map_err(|error| match error.downcast::<DecodeErrors>() {
        Ok(_) if lacks_data => cut_off(file, Format::Jpeg),
        Ok(_) => damaged(file, Format::Jpeg),
        Err(own) => own,
    })
}

fn read(reader: &mut Cursor<&[u8]>, sealed: &Sealed, file: &str) -> Result<Decoded> {
    sealed.frame.check_kind(file)?;
    let (channels, colors) = match sealed.frame.components.len() {
        1 => (1, ColorSpace::Luma),
        _ => (3, ColorSpace::RGB),
    };
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_out_colorspace(colors);
    let mut decoder = JpegDecoder::new_with_options(reader, options);
    decoder.decode_headers()?;
    let Some(header) = decoder.info() else {
        bail!(damaged(file, Format::Jpeg));
    };
    let (width, height) = checked_size(header.width.into(), header.height.into(), file)?;
    ensure!(sealed.ends, cut_off(file, Format::Jpeg));
    let scans = sealed.scans;
    ensure!(
        scans <= MAX_SCANS,
        "{file} is a JPEG file of {scans} scans; at most {MAX_SCANS} are read — save the picture \
         again"
    );
    let mut samples = vec![0; width * height * channels];
    decoder.decode_into(&mut samples)?;
    let exif = header.exif_data.as_deref().and_then(orientation::of_exif);
    let xmp = || header.xmp_data.as_deref().and_then(orientation::of_xmp);
    Ok(Decoded {
        width,
        height,
        channels,
        samples,
        orientation: exif.or_else(xmp),
    })
}

/// A file up to the end of its picture, with an end that the decoder cannot pass.
///
/// The picture ends with its end marker, or with the scan that brings the last of it: some phones
/// leave the marker out, and go on with a film of the panorama. What comes behind does not count.
#[derive(Default)]
struct Sealed {
    file: Vec<u8>,
    /// How much of it is the user's.
    data: usize,
    /// Number of scans.
    scans: usize,
    /// Whether the picture has an end.
    ends: bool,
    frame: Frame,
}

impl Sealed {
    fn new(bytes: &[u8]) -> Self {
        let mut sealed = Self::default();
        let mut has_restarts = false;
        let mut in_scan = false;
        let mut at = 2;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let marker = rest.windows(2).position(is_marker);
            let code = marker.map(|marker| rest[marker + 1]);
            let marker = marker.map_or(bytes.len(), |marker| at + marker);
            if in_scan {
                sealed.scans += 1;
                // A marker may have any number of these bytes before it.
                let fill = bytes[at..marker]
                    .iter()
                    .rev()
                    .take_while(|&&byte| byte == 0xff);
                sealed.data = marker - fill.count();
            }
            sealed.ends = code == Some(END_OF_IMAGE) || in_scan && sealed.frame.is_complete();
            let Some(code) = code.filter(|&code| !sealed.ends && code != START_OF_IMAGE) else {
                break;
            };
            let Some(segment) = segment(&bytes[marker + 2..]) else {
                break;
            };
            in_scan = code == START_OF_SCAN;
            match code {
                START_OF_SCAN => sealed.frame.add_scan(segment),
                RESTART_INTERVAL => has_restarts = segment != [0, 0],
                0xc0..=0xcf if !matches!(code, 0xc4 | 0xc8 | 0xcc) => {
                    sealed.frame = Frame::new(code, segment);
                }
                _ => (),
            }
            at = marker + 4 + segment.len();
        }
        if sealed.scans == 0 {
            sealed.data = bytes.len();
        }
        sealed.file.extend(&bytes[..sealed.data]);
        sealed.file.extend(READ_AHEAD);
        // A baseline file's last scan is all that is left to decode; the end of a progressive one is
        // asked for, as is a restart marker behind the last interval.
        if sealed.frame.is_progressive() {
            if has_restarts {
                sealed.file.extend(RESTART);
            }
            sealed.file.extend(SEAL);
            sealed.file.extend([0xff, END_OF_IMAGE]);
        }
        sealed
    }
}

/// Neither stuffing nor a marker that stands within a scan.
fn is_marker(pair: &[u8]) -> bool {
    pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7 | 0xff)
}

/// A segment from behind its length on.
fn segment(bytes: &[u8]) -> Option<&[u8]> {
    let (&length, data) = bytes.split_first_chunk()?;
    data.get(..usize::from(u16::from_be_bytes(length)).checked_sub(2)?)
}

/// What a file says of its picture, and what the scans have brought of it.
#[derive(Default)]
struct Frame {
    /// The marker's; 0 of no frame.
    code: u8,
    /// Bits per channel.
    precision: u8,
    /// The identifier of each component, and a bit for each of its 64 coefficients that is there in
    /// full.
    components: Vec<(u8, u64)>,
}

impl Frame {
    /// A frame of this marker and header (ITU-T T.81, section B.2.2).
    fn new(code: u8, header: &[u8]) -> Self {
        let components = header.get(6..).unwrap_or_default().chunks_exact(3);
        Self {
            code,
            precision: header.first().copied().unwrap_or_default(),
            components: components.map(|component| (component[0], 0)).collect(),
        }
    }

    fn is_progressive(&self) -> bool {
        self.code == 0xc2
    }

    /// Refuses what is not decoded.
    fn check_kind(&self, file: &str) -> Result<()> {
        let what = match self.code {
            0 => return Ok(()),
            0xc3 => "a lossless JPEG file",
            0xc5..=0xc7 | 0xcd..=0xcf => "a hierarchical JPEG file",
            0xc9..=0xcb => "a JPEG file with arithmetic coding",
            _ if self.precision > 8 => "a JPEG file of more than 8 bits per channel",
            _ if !matches!(self.components.len(), 0 | 1 | 3 | 4) => "a JPEG file of a rare kind",
            _ => return Ok(()),
        };
        bail!(foreign(file, what))
    }

    /// Takes in the header of a scan (section B.2.3).
    fn add_scan(&mut self, header: &[u8]) {
        let [count, rest @ ..] = header else { return };
        let Some((of, &[first, last, bits])) = rest
            .split_at_checked(2 * usize::from(*count))
            .and_then(|(of, rest)| Some((of, rest.first_chunk()?)))
        else {
            return;
        };
        let brought = match self.is_progressive() {
            false => !0,
            true if bits & 0xf == 0 => (first..=last.min(63)).fold(0, |all, bit| all | 1 << bit),
            true => 0, // the lowest bits are still to come
        };
        for (identifier, there) in &mut self.components {
            if of.iter().step_by(2).any(|of| of == identifier) {
                *there |= brought;
            }
        }
    }

    fn is_complete(&self) -> bool {
        !self.components.is_empty() && self.components.iter().all(|(_, there)| *there == !0)
    }
}
