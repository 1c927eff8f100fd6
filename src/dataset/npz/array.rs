//! NumPy's file format for arrays, as far as images and labels need it.
//!
//! Described in `numpy.lib.format`: a magic string, a version, the length of a header, the header as a
//! Python literal, then the values. Versions 1 to 3 differ in the length's width and the header's
//! encoding.

use std::io::{ErrorKind, Read};

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::header::Header;
use crate::util::text::{count, one_line};

const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// The longest header, in bytes: NumPy reads no longer one either.
const MAX_HEADER: usize = 10_000;
/// Characters of a header, or of something in it, that a message shows.
const SHOWN: usize = 60;
/// Bytes that are read at a time.
const CHUNK: usize = 1 << 20;

/// An array of which the header was read, and the values follow.
pub struct Array<'a> {
    input: Box<dyn Read + 'a>,
    /// What it is called in errors.
    pub name: String,
    /// The type of its values as NumPy writes it: `|u1`, `<i8`.
    pub descr: String,
    /// Its length along each axis; the last one varies fastest.
    pub shape: Vec<usize>,
    /// Bytes of the values, as the archive says.
    size: u64,
}

impl<'a> Array<'a> {
    /// Reads the header of an array, which takes `size` bytes as a whole.
    ///
    /// # Errors
    ///
    /// If it is none, or is stored column by column.
    pub fn open(mut input: Box<dyn Read + 'a>, size: u64, name: String) -> Result<Self> {
        let mut start = [0; MAGIC.len() + 2];
        fill(&mut input, &mut start, &name, "its header")?;
        let [magic @ .., major, minor] = start;
        ensure!(
            magic == *MAGIC,
            "{name} is no NumPy array — save each array by numpy.savez or numpy.savez_compressed"
        );
        let mut length = [0; 4];
        let width = match (major, minor) {
            (1, 0) => 2,
            (2 | 3, 0) => 4,
            _ => bail!(
                "{name} is a NumPy array in version {major}.{minor} of the format — versions 1.0 to 3.0 \
                 can be read"
            ),
        };
        fill(&mut input, &mut length[..width], &name, "its header")?;
        let length = u32::from_le_bytes(length) as usize;
        ensure!(
            length <= MAX_HEADER,
            "{name} declares a header of {} — no array of images or labels needs more than {MAX_HEADER}",
            count(length, "byte")
        );
        let mut header = vec![0; length];
        fill(&mut input, &mut header, &name, "the end of its header")?;
        let header = String::from_utf8_lossy(&header);
        let Header {
            descr,
            fortran_order,
            shape,
        } = Header::parse(&header).with_context(|| {
            format!(
                "{name} has a header that is not understood: {} — save it as an array of numbers, by \
                 numpy.asarray(…)",
                one_line(header.trim(), SHOWN)
            )
        })?;
        ensure!(
            !fortran_order,
            "{name} is stored column by column — save numpy.ascontiguousarray(…) of it"
        );
        Ok(Self {
            input,
            name,
            descr,
            shape,
            size: size.saturating_sub((start.len() + width + length) as u64),
        })
    }

    /// Its shape as Python writes it.
    pub fn shown_shape(&self) -> String {
        let sizes: Vec<String> = self.shape.iter().map(usize::to_string).collect();
        match &sizes[..] {
            [size] => format!("({size},)"),
            _ => one_line(&format!("({})", sizes.join(", ")), SHOWN),
        }
    }

    /// Reads all values, each of so many bytes.
    ///
    /// # Errors
    ///
    /// If they do not take that, do not fit into memory, are cut off or damaged.
    pub fn values(mut self, bytes_each: usize) -> Result<Vec<u8>> {
        let name = &self.name;
        let mut sizes = self.shape.iter();
        let bytes = sizes.try_fold(bytes_each, |product, &size| product.checked_mul(size));
        let bytes = bytes.filter(|&bytes| bytes as u64 == self.size);
        let bytes = bytes.with_context(|| {
            format!(
                "{name} is damaged: values of its shape {} do not take {}",
                self.shown_shape(),
                count(self.size as usize, "byte")
            )
        })?;
        let mut values = Vec::new();
        values.try_reserve_exact(bytes).map_err(|_| {
            anyhow!(
                "{name}, of {}, does not fit into this machine's memory",
                count(bytes, "byte")
            )
        })?;
        let expected = format!("the {} of its shape", count(bytes, "byte"));
        while values.len() < bytes {
            let have = values.len();
            values.resize(bytes.min(have + CHUNK), 0);
            fill(&mut self.input, &mut values[have..], name, &expected)?;
        }
        // At the end the checksum is compared, too.
        let rest = self
            .input
            .read(&mut [0])
            .map_err(|error| damaged(name, &error))?;
        ensure!(rest == 0, "{name} has bytes after {expected}");
        Ok(values)
    }
}

fn fill(input: &mut impl Read, buffer: &mut [u8], name: &str, expected: &str) -> Result<()> {
    input
        .read_exact(buffer)
        .map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => anyhow!("{name} is cut off: it ends before {expected}"),
            _ => damaged(name, &error),
        })
}

fn damaged(name: &str, error: &std::io::Error) -> anyhow::Error {
    anyhow!("{name} is damaged or could not be read: {error} — save or download the file again")
}
