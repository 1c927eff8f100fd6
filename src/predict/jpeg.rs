//! JPEG files.
//!
//! `jpeg-decoder` decodes them, not `image`'s decoder: that fills in what a file lacks, and a cut-off
//! file must be told from a whole one.

use anyhow::{Result, bail, ensure};
use jpeg_decoder::{Decoder, Error, PixelFormat, UnsupportedFeature};

use super::decoded::{Decoded, checked_size, cut_off, damaged, foreign};
use super::kind::Format;
use super::orientation;

/// The most scans that are decoded. A progressive file has about ten; each takes as long as the
/// picture is large, however few bytes it has.
const MAX_SCANS: usize = 32;

/// What is put behind the data of each scan. The decoder reads up to eight bytes ahead, and takes a
/// marker that comes too early for zeros without end. This it passes over if it has all of the scan;
/// if not, it fails in it: such a code is in no scan.
const SEAL: [u8; 11] = [0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0];

const START_OF_IMAGE: u8 = 0xd8;
const END_OF_IMAGE: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;

/// Decodes a baseline or progressive JPEG file.
pub(super) fn decode(bytes: &[u8], file: &str) -> Result<Decoded> {
    let sealed = Sealed::new(bytes);
    let mut rest = sealed.file.as_slice();
    let decoded = read(&mut Decoder::new(&mut rest), &sealed, file);
    let at = sealed.file.len() - rest.len();
    decoded.map_err(|error| match error.downcast() {
        Ok(Error::Unsupported(feature)) => unsupported(&feature, file),
        Ok(_) if sealed.lacks_data(at) => cut_off(file, Format::Jpeg),
        Ok(_) => damaged(file, Format::Jpeg),
        Err(own) => own,
    })
}

fn read(decoder: &mut Decoder<&mut &[u8]>, sealed: &Sealed, file: &str) -> Result<Decoded> {
    decoder.read_info()?;
    let Some(header) = decoder.info() else {
        bail!(damaged(file, Format::Jpeg));
    };
    let (width, height) = checked_size(header.width.into(), header.height.into(), file)?;
    ensure!(sealed.ends, cut_off(file, Format::Jpeg));
    let scans = sealed.scans.len();
    ensure!(
        scans <= MAX_SCANS,
        "{file} is a JPEG file of {scans} scans; at most {MAX_SCANS} are read — save the picture \
         again"
    );
    let samples = decoder.decode()?;
    let (channels, samples) = match header.pixel_format {
        PixelFormat::L8 => (1, samples),
        PixelFormat::RGB24 => (3, samples),
        PixelFormat::CMYK32 => (3, samples.chunks_exact(4).flat_map(rgb).collect()),
        PixelFormat::L16 => bail!(foreign(file, "a JPEG file of 16 bits per pixel")),
    };
    let exif = decoder.exif_data().and_then(orientation::of_exif);
    let xmp = || decoder.xmp_data().and_then(orientation::of_xmp);
    Ok(Decoded {
        width,
        height,
        channels,
        samples,
        orientation: exif.or_else(xmp),
    })
}

fn unsupported(feature: &UnsupportedFeature, file: &str) -> anyhow::Error {
    let what = match feature {
        UnsupportedFeature::ArithmeticEntropyCoding => "a JPEG file with arithmetic coding",
        UnsupportedFeature::SamplePrecision(_) => "a JPEG file of more than 8 bits per channel",
        UnsupportedFeature::Hierarchical => "a hierarchical JPEG file",
        _ => "a JPEG file of a rare kind",
    };
    foreign(file, what)
}

/// A file up to the end of its picture, with a [`SEAL`] behind each scan.
///
/// The picture ends with its end marker, or with the scan that brings the last of it: some phones
/// leave the marker out, and go on with a film of the panorama. What comes behind does not count.
struct Sealed {
    file: Vec<u8>,
    /// Where in the file the data of each scan end.
    scans: Vec<usize>,
    /// Whether the picture has an end.
    ends: bool,
}

impl Sealed {
    fn new(bytes: &[u8]) -> Self {
        let mut sealed = Self {
            file: Vec::with_capacity(bytes.len()),
            scans: Vec::new(),
            ends: false,
        };
        let mut frame = Frame::default();
        // How far the file is copied, and how far it is looked at.
        let (mut copied, mut at) = (0, 2);
        let mut in_scan = false;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let marker = rest.windows(2).position(is_marker);
            let code = marker.map(|marker| rest[marker + 1]);
            let marker = marker.map_or(bytes.len(), |marker| at + marker);
            // A marker may have any number of these bytes before it.
            let mut end = marker;
            while in_scan && end > at && bytes[end - 1] == 0xff {
                end -= 1;
            }
            sealed.file.extend(&bytes[copied..end]);
            copied = end;
            if in_scan {
                sealed.scans.push(sealed.file.len());
                sealed.file.extend(SEAL);
            }
            sealed.ends = code == Some(END_OF_IMAGE) || in_scan && frame.is_complete();
            let Some(code) = code.filter(|&code| !sealed.ends && code != START_OF_IMAGE) else {
                break;
            };
            let Some(segment) = segment(&bytes[marker + 2..]) else {
                break;
            };
            in_scan = code == START_OF_SCAN;
            match code {
                START_OF_SCAN => frame.add_scan(segment),
                0xc0..=0xc3 => frame = Frame::new(code, segment),
                _ => (),
            }
            at = marker + 4 + segment.len();
        }
        sealed.file.extend([0xff, END_OF_IMAGE]);
        sealed
    }

    /// Whether a decoder that stopped at this place had too little.
    fn lacks_data(&self, at: usize) -> bool {
        let in_seal = |end: &usize| (end + 1..=end + SEAL.len()).contains(&at);
        !self.ends || self.scans.iter().any(in_seal)
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

/// What the scans have brought of a picture.
#[derive(Default)]
struct Frame {
    is_progressive: bool,
    /// The identifier of each component, and a bit for each of its 64 coefficients that is there in
    /// full.
    components: Vec<(u8, u64)>,
}

impl Frame {
    /// A frame of this marker and header (ITU-T T.81, section B.2.2).
    fn new(code: u8, header: &[u8]) -> Self {
        let components = header.get(6..).unwrap_or_default().chunks_exact(3);
        Self {
            is_progressive: code == 0xc2,
            components: components.map(|component| (component[0], 0)).collect(),
        }
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
        let brought = match self.is_progressive {
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

/// Inks to lights.
fn rgb(cmyk: &[u8]) -> [u8; 3] {
    let paper = 255 - u32::from(cmyk[3]);
    [0, 1, 2].map(|ink| ((255 - u32::from(cmyk[ink])) * paper / 255) as u8)
}
