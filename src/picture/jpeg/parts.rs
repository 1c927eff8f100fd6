//! The segments of a JPEG file, and what they say of its picture (ITU-T T.81, annex B).

use super::frame::{Component, Frame};

/// What is put behind the last scan first: eight bytes of ones, as the decoder reads so far ahead. No
/// code consists of ones.
const READ_AHEAD: [u8; 16] = [
    0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0, 0xff, 0,
];
/// An empty segment that no program uses. The decoder skips it between scans, and fails if it meets it
/// within one.
const SEAL: [u8; 4] = [0xff, 0xef, 0, 2];
/// A marker of those that stand within scans.
const RESTART: [u8; 2] = [0xff, 0xd0];

const START_OF_FRAME: u8 = 0xc0;
const START_OF_IMAGE: u8 = 0xd8;
const END_OF_IMAGE: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;
const RESTART_INTERVAL: u8 = 0xdd;

/// What a picture is that is of none of the usual kinds.
pub(super) const RARE: &str = "a JPEG file of a rare kind";

/// A file up to the end of its picture.
///
/// The picture ends with its end marker, or with the scan that brings the last of it: some phones
/// leave the marker out, and go on with a film of the panorama. What comes behind does not count.
#[derive(Default)]
pub(super) struct Parts<'a> {
    segments: Vec<Segment<'a>>,
    frame: Frame,
    has_restarts: bool,
    /// Whether the picture has an end.
    pub ends: bool,
}

struct Segment<'a> {
    code: u8,
    header: &'a [u8],
    /// From the marker on; a scan with its data.
    bytes: &'a [u8],
}

/// A file with an end that the decoder cannot pass.
pub(super) struct Sealed {
    pub file: Vec<u8>,
    /// How much of it is the user's.
    pub data: usize,
}

impl<'a> Parts<'a> {
    /// Finds the segments of a file.
    pub fn of(bytes: &'a [u8]) -> Self {
        let mut parts = Self::default();
        let mut at = 2;
        while let Some(marker) = next_marker(bytes, at) {
            let code = bytes[marker + 1];
            if code == START_OF_IMAGE || code == END_OF_IMAGE {
                parts.ends = code == END_OF_IMAGE;
                break;
            }
            let Some(header) = header(&bytes[marker + 2..]) else {
                break;
            };
            at = marker + 4 + header.len();
            match code {
                START_OF_SCAN => {
                    let next = next_marker(bytes, at).unwrap_or(bytes.len());
                    // A marker may have any number of these bytes before it.
                    let fill = bytes[at..next].iter().rev();
                    at = next - fill.take_while(|&&byte| byte == 0xff).count();
                    parts.frame.add_scan(header);
                    parts.ends = parts.frame.is_complete();
                }
                RESTART_INTERVAL => parts.has_restarts = header != [0, 0],
                _ if is_frame(code) => parts.frame = Frame::new(code, header),
                _ => (),
            }
            let bytes = &bytes[marker..at];
            parts.segments.push(Segment {
                code,
                header,
                bytes,
            });
            if parts.ends {
                break;
            }
        }
        // A progressive picture without its last scans is one, if a coarse one.
        parts.ends &= parts.frame.is_progressive() || parts.frame.is_complete();
        parts
    }

    fn scans(&self) -> impl Iterator<Item = &Segment<'a>> {
        let segments = self.segments.iter();
        segments.filter(|segment| segment.code == START_OF_SCAN)
    }

    /// How many scans there are.
    pub fn scan_count(&self) -> usize {
        self.scans().count()
    }

    /// How many components the picture has.
    pub fn component_count(&self) -> usize {
        self.frame.components.len()
    }

    /// Whether a baseline picture has several scans.
    pub fn is_split(&self) -> bool {
        !self.frame.is_progressive() && self.scan_count() > 1
    }

    /// What the picture is, in words, if it is of a kind that is not decoded.
    pub fn foreign(&self) -> Option<&'static str> {
        match self.frame.code {
            0 => None,
            0xc3 => Some("a lossless JPEG file"),
            0xc5..=0xc7 | 0xcd..=0xcf => Some("a hierarchical JPEG file"),
            0xc9..=0xcb => Some("a JPEG file with arithmetic coding"),
            _ if self.frame.precision > 8 => Some("a JPEG file of more than 8 bits per channel"),
            _ if !matches!(self.component_count(), 0 | 1 | 3 | 4) => Some(RARE),
            _ if !self.frame.is_finest_in_first() => Some(RARE),
            _ => None,
        }
    }

    /// The whole file.
    pub fn sealed(&self) -> Sealed {
        let segments = self.segments.iter().map(|segment| segment.bytes);
        let mut end = READ_AHEAD.to_vec();
        // Of a baseline file the last scan is all that is left to decode; of a progressive one an end is
        // asked for, and a restart marker behind the last interval.
        if self.frame.is_progressive() {
            if self.has_restarts {
                end.extend(RESTART);
            }
            end.extend(SEAL);
            end.extend([0xff, END_OF_IMAGE]);
        }
        Sealed::of(segments, &end)
    }

    /// The components of a picture of this size (columns and rows) that has a scan for each of three;
    /// none if the scans are others.
    pub fn planes(&self, size: [usize; 2]) -> Option<[Plane; 3]> {
        let scans: Vec<&Segment> = self.scans().collect();
        if scans.len() != self.component_count() {
            return None;
        }
        let planes = self.frame.components.iter().map(|component| {
            let own = [1, component.identifier];
            let scan = scans.iter().find(|scan| scan.header.starts_with(&own))?;
            self.plane(component, scan, size)
        });
        planes.collect::<Option<Vec<_>>>()?.try_into().ok()
    }

    /// A component that has this scan.
    fn plane(&self, component: &Component, scan: &Segment, size: [usize; 2]) -> Option<Plane> {
        let most = self.frame.components.first()?.sampling;
        let side = |side: usize| {
            let (own, most) = (component.sampling[side], most[side].max(1));
            let samples = size[side] * usize::from(own);
            let whole = u16::try_from(samples.div_ceil(most.into())).ok()?;
            Some((whole, samples as f64 / f64::from(most)))
        };
        let [(columns, width), (rows, height)] = [side(0)?, side(1)?];
        let mut frame = vec![0xff, START_OF_FRAME, 0, 11, 8];
        frame.extend([rows, columns].map(u16::to_be_bytes).as_flattened());
        frame.extend([1, component.identifier, 0x11, component.table]);
        // Tables may change from scan to scan.
        let before = self.segments.iter();
        let before = before.take_while(|segment| !std::ptr::eq(*segment, scan));
        let tables =
            before.filter(|segment| segment.code != START_OF_SCAN && !is_frame(segment.code));
        let tables = tables.map(|segment| segment.bytes);
        let segments = std::iter::once(&frame[..])
            .chain(tables)
            .chain([scan.bytes]);
        Some(Plane {
            grey: Sealed::of(segments, &READ_AHEAD),
            columns: columns.into(),
            area: [width, height],
        })
    }
}

/// A component as a grey picture.
pub(super) struct Plane {
    pub grey: Sealed,
    pub columns: usize,
    /// How many columns and rows of it the whole picture has.
    pub area: [f64; 2],
}

impl Sealed {
    fn of<'a>(segments: impl Iterator<Item = &'a [u8]>, end: &[u8]) -> Self {
        let mut file = vec![0xff, START_OF_IMAGE];
        segments.for_each(|segment| file.extend(segment));
        let data = file.len();
        file.extend(end);
        Self { file, data }
    }
}

/// Whether a marker begins a frame, and not tables or an extension.
fn is_frame(code: u8) -> bool {
    matches!(code, 0xc0..=0xcf) && !matches!(code, 0xc4 | 0xc8 | 0xcc)
}

/// Where the next marker is that does not stand within a scan.
fn next_marker(bytes: &[u8], from: usize) -> Option<usize> {
    let is_marker = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7 | 0xff);
    let next = bytes.get(from..)?.windows(2).position(is_marker)?;
    Some(from + next)
}

/// What a segment holds, from behind its length on.
fn header(bytes: &[u8]) -> Option<&[u8]> {
    let (&length, data) = bytes.split_first_chunk()?;
    data.get(..usize::from(u16::from_be_bytes(length)).checked_sub(2)?)
}
