//! A strict reader of the IDX format, in which MNIST and its relatives are published.
//!
//! An IDX file is a big-endian header (a magic number, then one `u32` per dimension) and the data,
//! one byte per value. The input may be gzip-compressed, and what is compressed may be so again: that
//! is seen from its first two bytes and not from its name. What is compressed must be exactly one gzip
//! member: RFC 1952 allows several in a row, but none of these datasets uses that, so anything after
//! the first one is refused as trailing bytes.
//!
//! Nothing the input claims is believed before it is checked: buffers grow with the bytes that have
//! really arrived and never beyond the declared size, and what follows the declared size is not
//! read.

use std::io::{self, BufRead, Read, Write};

use anyhow::{Context, anyhow};
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use super::gzip::unpacked;
use super::{ImageShape, parts};
use crate::error::{bail, ensure};
use crate::util::text::count;
use crate::{Error, Result};

/// The most images or labels a file may declare: far more than any dataset of this format has.
pub const MAX_ITEMS: usize = 1_000_000;

/// Magic numbers of images: rows and columns, or channels, rows and columns.
const GREY_MAGIC: u32 = 0x0803;
const CHANNELS_MAGIC: u32 = 0x0804;
const LABELS_MAGIC: u32 = 0x0801;
/// Magic number of labels of two bytes each.
const WIDE_LABELS_MAGIC: u32 = 0x0b01;
/// Size of the first allocation; each further one doubles it, up to the declared size.
const FIRST_CHUNK: usize = 1 << 20;
const TOO_MANY: &str = "a file of this format cannot declare so many";
const UNPACKABLE: &str = "cannot be packed";

/// Reads a file of images of one size: bytes, image after image, channel by channel if there are some,
/// and row by row.
///
/// `file` is the name used in errors.
///
/// # Errors
///
/// Every departure from the format: wrong magic number, other dimensions than `expected`, no or too
/// many images, too few or too many bytes, damaged gzip data; and any error of `input`.
pub fn read_images(input: &mut dyn BufRead, file: &str, expected: ImageShape) -> Result<Vec<u8>> {
    let (input, count, shape) = open_images(input, file)?;
    ensure!(
        shape == expected,
        "{file} holds images of {shape}; {expected} were expected"
    );
    input.data(count * shape.values())
}

/// Reads a file of images as [`read_images`] does, of whatever size the file says.
///
/// # Errors
///
/// As of [`read_images`]; besides, if images of that size make no dataset.
pub fn read_any_images(input: &mut dyn BufRead, file: &str) -> Result<(ImageShape, Vec<u8>)> {
    let (input, count, shape) = open_images(input, file)?;
    parts::check_shape(file, shape)?;
    let size = count.checked_mul(shape.values());
    let size = size.with_context(|| format!("{file} declares more images than memory can hold"))?;
    Ok((shape, input.data(size)?))
}

/// Reads the header of a file of images: how many of which size follow it.
fn open_images<'a>(
    input: &'a mut dyn BufRead,
    file: &'a str,
) -> Result<(Input<'a>, usize, ImageShape)> {
    let mut input = Input::open(input, file)?;
    let magic = input.magic(&[GREY_MAGIC, CHANNELS_MAGIC], "an IDX file of images")?;
    let count = input.count("images")?;
    let channels = if magic == GREY_MAGIC { 1 } else { input.u32()? };
    let shape = ImageShape {
        channels: channels as usize,
        height: input.u32()? as usize,
        width: input.u32()? as usize,
    };
    Ok((input, count, shape))
}

/// Reads a file of labels, each below `classes`: a byte for each, or two.
///
/// `file` is the name used in errors.
///
/// # Errors
///
/// As [`read_images`]; besides, a label that is no class.
pub fn read_labels(input: &mut dyn BufRead, file: &str, classes: usize) -> Result<Vec<u16>> {
    let mut input = Input::open(input, file)?;
    let magic = input.magic(&[LABELS_MAGIC, WIDE_LABELS_MAGIC], "an IDX file of labels")?;
    let count = input.count("labels")?;
    let labels: Vec<u16> = match magic {
        LABELS_MAGIC => input.data(count)?.into_iter().map(u16::from).collect(),
        _ => {
            let data = input.data(2 * count)?;
            let (pairs, _) = data.as_chunks();
            pairs.iter().copied().map(u16::from_be_bytes).collect()
        }
    };
    if let Some(at) = labels
        .iter()
        .position(|&label| usize::from(label) >= classes)
    {
        bail!(
            "{file} has label {} at position {at}; labels from 0 to {} were expected",
            labels[at],
            classes - 1
        );
    }
    Ok(labels)
}

/// The header of a file of so many images.
fn images_header(shape: ImageShape, count: usize) -> Vec<u32> {
    let ImageShape {
        channels,
        height,
        width,
    } = shape;
    match channels {
        1 => vec![GREY_MAGIC, count as u32, height as u32, width as u32],
        _ => [CHANNELS_MAGIC]
            .into_iter()
            .chain([count, channels, height, width].map(|size| size as u32))
            .collect(),
    }
}

/// SHA-256 of the unpacked file that holds so many images, in lower-case hexadecimal digits.
pub fn images_sum<'a>(
    shape: ImageShape,
    count: usize,
    images: impl Iterator<Item = &'a [u8]>,
) -> String {
    sum(&images_header(shape, count), images)
}

/// SHA-256 of the unpacked file that holds these labels, in lower-case hexadecimal digits.
pub fn labels_sum(labels: &[u16]) -> String {
    sum(&labels_header(labels), [&*labels_data(labels)].into_iter())
}

fn labels_header(labels: &[u16]) -> [u32; 2] {
    let magic = match is_wide(labels) {
        true => WIDE_LABELS_MAGIC,
        false => LABELS_MAGIC,
    };
    [magic, labels.len() as u32]
}

/// Whether labels take two bytes each.
fn is_wide(labels: &[u16]) -> bool {
    labels.iter().any(|&label| label > u16::from(u8::MAX))
}

/// Labels as a file holds them: a byte each, or two where one does not do.
pub(super) fn labels_data(labels: &[u16]) -> Vec<u8> {
    match is_wide(labels) {
        true => labels
            .iter()
            .flat_map(|label| label.to_be_bytes())
            .collect(),
        false => labels.iter().map(|&label| label as u8).collect(),
    }
}

fn sum<'a>(header: &[u32], data: impl Iterator<Item = &'a [u8]>) -> String {
    let mut hasher = Sha256::new();
    for word in header {
        hasher.update(word.to_be_bytes());
    }
    data.for_each(|data| hasher.update(data));
    format!("{:x}", hasher.finalize())
}

/// Images as a packed file that [`read_images`] reads.
///
/// # Errors
///
/// If there are more than a file of this format can declare.
pub fn pack_images(shape: ImageShape, images: &[u8]) -> Result<Vec<u8>> {
    let count = images.len() / shape.values();
    u32::try_from(count).context(TOO_MANY)?;
    Ok(pack(&images_header(shape, count), images).context(UNPACKABLE)?)
}

/// Labels as a packed file that [`read_labels`] reads.
///
/// # Errors
///
/// As of [`pack_images`].
pub fn pack_labels(labels: &[u16]) -> Result<Vec<u8>> {
    u32::try_from(labels.len()).context(TOO_MANY)?;
    Ok(pack(&labels_header(labels), &labels_data(labels)).context(UNPACKABLE)?)
}

fn pack(header: &[u32], data: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    for word in header {
        encoder.write_all(&word.to_be_bytes())?;
    }
    encoder.write_all(data)?;
    encoder.finish()
}

/// A file that is being read, and its name for errors.
struct Input<'a> {
    stream: Box<dyn BufRead + 'a>,
    file: &'a str,
    /// Unpacked bytes consumed so far.
    consumed: usize,
}

impl<'a> Input<'a> {
    fn open(input: &'a mut dyn BufRead, file: &'a str) -> Result<Self> {
        Ok(Self {
            stream: unpacked(Box::new(input)).map_err(|error| unreadable(file, &error))?,
            file,
            consumed: 0,
        })
    }

    fn magic(&mut self, expected: &[u32], kind: &str) -> Result<u32> {
        let magic = self.u32()?;
        let file = self.file;
        ensure!(
            expected.contains(&magic),
            "{file} is not {kind}: it begins with {magic:#010x}; {:#010x} was expected",
            expected[0]
        );
        Ok(magic)
    }

    fn count(&mut self, items: &str) -> Result<usize> {
        let count = self.u32()? as usize;
        let file = self.file;
        ensure!(count > 0, "{file} holds no {items}");
        ensure!(
            count <= MAX_ITEMS,
            "{file} declares {count} {items}; at most {MAX_ITEMS} were expected"
        );
        Ok(count)
    }

    fn u32(&mut self) -> Result<u32> {
        let mut bytes = [0; 4];
        self.fill(&mut bytes, "its header")?;
        Ok(u32::from_be_bytes(bytes))
    }

    /// Reads the `size` bytes that the header declares, and makes sure that they are the last ones.
    fn data(mut self, size: usize) -> Result<Vec<u8>> {
        let expected = format!(
            "the {} its header declares",
            count(self.consumed + size, "byte")
        );
        let mut data = Vec::new();
        while data.len() < size {
            let have = data.len();
            let next = (2 * have).max(FIRST_CHUNK).min(size);
            data.reserve_exact(next - have);
            data.resize(next, 0);
            self.fill(&mut data[have..], &expected)?;
        }
        self.end(&expected)?;
        Ok(data)
    }

    fn fill(&mut self, buffer: &mut [u8], expected: &str) -> Result<()> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.stream.read(&mut buffer[filled..]) {
                Ok(0) => {
                    let (file, have) = (self.file, self.consumed + filled);
                    bail!(
                        "{file} is cut off: it ends after {}, before {expected}",
                        count(have, "byte")
                    );
                }
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(unreadable(self.file, &error)),
            }
        }
        self.consumed += filled;
        Ok(())
    }

    /// Reading on to the end of a gzip member also checks its length and CRC.
    fn end(mut self, expected: &str) -> Result<()> {
        let rest = self
            .stream
            .read(&mut [0])
            .map_err(|error| unreadable(self.file, &error))?;
        let file = self.file;
        ensure!(rest == 0, "{file} has bytes after {expected}");
        Ok(())
    }
}

fn unreadable(file: &str, error: &io::Error) -> Error {
    let text = match error.kind() {
        io::ErrorKind::InvalidData => anyhow!("{file} {error}"),
        _ => anyhow!("{file} could not be read: {error}"),
    };
    text.into()
}
