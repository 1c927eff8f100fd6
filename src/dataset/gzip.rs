//! Files that may be gzip-compressed, and what is compressed again, read within bounds.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;

use flate2::bufread::GzDecoder;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
/// How often a file may have been compressed.
const MAX_LAYERS: usize = 3;
/// The most bytes that gzip makes one of; compressed again and again, a few could stand for anything.
pub const MAX_PACKED: u64 = 1032;
/// What a file may unpack to in any case: more than any published dataset's.
const FREE: u64 = 64 << 20;
const BUFFER: usize = 16 * 1024;

/// What `input` holds when it is unpacked, from its beginning.
///
/// # Errors
///
/// If `input` cannot be read. If what is packed is damaged, here or later, the error's kind is
/// `InvalidData` and its text says so of a file.
pub fn unpacked<'a>(input: Box<dyn BufRead + 'a>) -> io::Result<Box<dyn BufRead + 'a>> {
    let taken = Rc::new(Cell::new(0));
    let counted = Counted {
        input,
        taken: taken.clone(),
    };
    let mut input: Box<dyn BufRead> = Box::new(BufReader::with_capacity(BUFFER, counted));
    for layer in 0.. {
        let mut head = Vec::with_capacity(GZIP_MAGIC.len());
        (&mut input)
            .take(GZIP_MAGIC.len() as u64)
            .read_to_end(&mut head)?;
        let packed = head == GZIP_MAGIC && layer < MAX_LAYERS;
        input = Box::new(io::Cursor::new(head).chain(input));
        if !packed {
            break;
        }
        let member = Member {
            decoder: GzDecoder::new(input),
            unpacked: 0,
            taken: taken.clone(),
        };
        input = Box::new(BufReader::with_capacity(BUFFER, member));
    }
    Ok(input)
}

/// A file that is read, and how many bytes were taken out of it.
struct Counted<R> {
    input: R,
    taken: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.taken.set(self.taken.get() + read as u64);
        Ok(read)
    }
}

/// What a gzip member holds; an error at its end if it is not the last thing in the input.
struct Member<R> {
    decoder: GzDecoder<R>,
    unpacked: u64,
    /// Bytes taken out of the file so far.
    taken: Rc<Cell<u64>>,
}

impl<R: BufRead> Member<R> {
    fn read_on(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.decoder.read(buffer)?;
        if read == 0 && !buffer.is_empty() && self.decoder.get_mut().read(&mut [0])? > 0 {
            return Err(damaged(
                "has bytes after its gzip data, which must be one member",
            ));
        }
        self.unpacked += read as u64;
        if self.unpacked > FREE + MAX_PACKED * self.taken.get() {
            return Err(damaged("unpacks to far more than any dataset does"));
        }
        Ok(read)
    }
}

impl<R: BufRead> Read for Member<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_on(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted | io::ErrorKind::InvalidData => error,
            io::ErrorKind::UnexpectedEof => damaged("is cut off: its gzip data has no end"),
            _ => damaged(&format!("could not be unpacked: {error}")),
        })
    }
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
