//! A strict reader of the IDX format, in which MNIST and its relatives are published.
//!
//! An IDX file is a big-endian header (a magic number, then one `u32` per dimension) and the data,
//! one byte per value. The input may be gzip-compressed, which is seen from its first two bytes and
//! not from its name. A compressed input must be exactly one gzip member: RFC 1952 allows several
//! in a row, but none of these datasets uses that, so anything after the first one is refused as
//! trailing bytes.
//!
//! Nothing the input claims is believed before it is checked: buffers grow with the bytes that have
//! really arrived and never beyond the declared size, and what follows the declared size is not
//! read.

use std::io::{self, BufRead, Read, Write};

use anyhow::{Result, anyhow, ensure};
use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;

use super::{CLASSES, PIXELS, SIDE};

/// The most images or labels a file may declare: far more than any dataset of this format has.
pub const MAX_ITEMS: usize = 1_000_000;

const IMAGES_MAGIC: u32 = 0x0803;
const LABELS_MAGIC: u32 = 0x0801;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// Size of the first allocation; each further one doubles it, up to the declared size.
const FIRST_CHUNK: usize = 1 << 20;

/// Reads a file of 28×28 images: `n × 784` bytes, row by row, 0 is background.
///
/// `file` is the name used in errors.
///
/// # Errors
///
/// Every departure from the format: wrong magic number, other dimensions, no or too many images,
/// too few or too many bytes, damaged gzip data; and any error of `input`.
pub fn read_images(input: &mut dyn BufRead, file: &str) -> Result<Vec<u8>> {
    let mut input = Input::open(input, file)?;
    input.magic(IMAGES_MAGIC, "an IDX file of images")?;
    let count = input.count("images")?;
    let (rows, columns) = (input.u32()?, input.u32()?);
    ensure!(
        (rows, columns) == (SIDE as u32, SIDE as u32),
        "{file} holds images of {rows}×{columns} pixels; {SIDE}×{SIDE} were expected"
    );
    input.data(count * PIXELS)
}

/// Reads a file of labels: `n` bytes, each below 10.
///
/// `file` is the name used in errors.
///
/// # Errors
///
/// As [`read_images`]; besides, a label of 10 or more.
pub fn read_labels(input: &mut dyn BufRead, file: &str) -> Result<Vec<u8>> {
    let mut input = Input::open(input, file)?;
    input.magic(LABELS_MAGIC, "an IDX file of labels")?;
    let count = input.count("labels")?;
    let labels = input.data(count)?;
    if let Some(at) = labels
        .iter()
        .position(|&label| usize::from(label) >= CLASSES)
    {
        return Err(anyhow!(
            "{file} has label {} at position {at}; labels from 0 to {} were expected",
            labels[at],
            CLASSES - 1
        ));
    }
    Ok(labels)
}

/// Images as a packed file that [`read_images`] reads.
///
/// # Errors
///
/// If there are more than a file of this format can declare.
pub fn pack_images(images: &[u8]) -> Result<Vec<u8>> {
    let count = u32::try_from(images.len() / PIXELS)?;
    pack(&[IMAGES_MAGIC, count, SIDE as u32, SIDE as u32], images)
}

/// Labels as a packed file that [`read_labels`] reads.
///
/// # Errors
///
/// As of [`pack_images`].
pub fn pack_labels(labels: &[u8]) -> Result<Vec<u8>> {
    pack(&[LABELS_MAGIC, u32::try_from(labels.len())?], labels)
}

fn pack(header: &[u32], data: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    for word in header {
        encoder.write_all(&word.to_be_bytes())?;
    }
    encoder.write_all(data)?;
    Ok(encoder.finish()?)
}

/// The bytes of a file from its beginning, unpacked if they are packed.
enum Stream<R> {
    Raw(R),
    Gzip(Box<GzDecoder<R>>),
}

impl<R: BufRead> Read for Stream<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Raw(input) => input.read(buffer),
            Self::Gzip(decoder) => decoder.read(buffer),
        }
    }
}

/// A file that is being read, and its name for errors.
struct Input<'a, R> {
    stream: Stream<R>,
    file: &'a str,
    /// Unpacked bytes consumed so far.
    consumed: usize,
}

impl<'a, R: BufRead> Input<'a, io::Chain<io::Cursor<Vec<u8>>, R>> {
    fn open(mut input: R, file: &'a str) -> Result<Self> {
        let mut head = Vec::with_capacity(GZIP_MAGIC.len());
        (&mut input)
            .take(GZIP_MAGIC.len() as u64)
            .read_to_end(&mut head)
            .map_err(|error| anyhow!("{file} could not be read: {error}"))?;
        let packed = head == GZIP_MAGIC;
        let whole = io::Cursor::new(head).chain(input);
        let stream = if packed {
            Stream::Gzip(Box::new(GzDecoder::new(whole)))
        } else {
            Stream::Raw(whole)
        };
        Ok(Self {
            stream,
            file,
            consumed: 0,
        })
    }
}

impl<R: BufRead> Input<'_, R> {
    fn magic(&mut self, expected: u32, kind: &str) -> Result<()> {
        let magic = self.u32()?;
        let file = self.file;
        ensure!(
            magic == expected,
            "{file} is not {kind}: it begins with {magic:#010x}; {expected:#010x} was expected"
        );
        Ok(())
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
        let expected = format!("the {} bytes its header declares", self.consumed + size);
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
                    return Err(anyhow!(
                        "{file} is cut off: it ends after {have} bytes, before {expected}"
                    ));
                }
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.unreadable(&error)),
            }
        }
        self.consumed += filled;
        Ok(())
    }

    /// Reading on to the end of a gzip member also checks its length and CRC.
    fn end(mut self, expected: &str) -> Result<()> {
        let mut one = [0];
        let rest = self
            .stream
            .read(&mut one)
            .map_err(|error| self.unreadable(&error))?;
        let file = self.file;
        ensure!(rest == 0, "{file} has bytes after {expected}");
        if let Stream::Gzip(decoder) = self.stream {
            let rest = decoder.into_inner().read(&mut one)?;
            ensure!(
                rest == 0,
                "{file} has bytes after its gzip data, which must be one member"
            );
        }
        Ok(())
    }

    fn unreadable(&self, error: &io::Error) -> anyhow::Error {
        let file = self.file;
        match self.stream {
            Stream::Raw(_) => anyhow!("{file} could not be read: {error}"),
            Stream::Gzip(_) if error.kind() == io::ErrorKind::UnexpectedEof => {
                anyhow!("{file} is cut off: its gzip data has no end")
            }
            Stream::Gzip(_) => anyhow!("{file} could not be unpacked: {error}"),
        }
    }
}
