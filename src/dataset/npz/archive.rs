//! The ZIP archive that an NPZ file is.

use std::collections::BTreeMap;
use std::io::Read;

use anyhow::{Result, anyhow, bail, ensure};
use flate2::read::DeflateDecoder;
use rawzip::{
    CompressionMethod, RECOMMENDED_BUFFER_SIZE, ReaderAt, ZipArchive, ZipArchiveEntryWayfinder,
    ZipLocator,
};

use super::array::Array;
use crate::dataset::gzip::MAX_PACKED;
use crate::util::text::{count, one_line, thousands};

/// The most entries of an archive: far more than a dataset has arrays.
const MAX_ENTRIES: usize = 1000;
/// Characters of a name that a message shows.
const SHOWN: usize = 100;

/// An archive of arrays.
pub struct Archive<'a, R> {
    zip: ZipArchive<R>,
    /// What it is called in errors.
    pub file: &'a str,
    /// What it holds and was not read yet, by name; of arrays without `.npy`.
    entries: BTreeMap<String, Entry>,
    /// Bytes of the file that belong to no array yet that was read.
    unread: u64,
}

/// What the archive says of one of its files.
struct Entry {
    place: ZipArchiveEntryWayfinder,
    method: CompressionMethod,
    encrypted: bool,
}

impl<'a, R: ReaderAt> Archive<'a, R> {
    /// Reads what an archive of `length` bytes holds, which is called `file` in errors.
    ///
    /// # Errors
    ///
    /// If it is none or damaged, or has too many entries or two of the same name.
    pub fn open(input: R, length: u64, file: &'a str) -> Result<Self> {
        let unreadable = |error: rawzip::Error| {
            anyhow!(
                "{file} is not a whole ZIP archive, as NPZ files are: {error} — save or download it again"
            )
        };
        let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
        let zip = ZipLocator::new().locate_in_reader(input, &mut buffer, length);
        let zip = zip.map_err(|(_, error)| unreadable(error))?;
        let mut entries = BTreeMap::new();
        let mut records = zip.entries(&mut buffer);
        while let Some(record) = records.next_entry().map_err(unreadable)? {
            ensure!(
                entries.len() < MAX_ENTRIES,
                "{file} holds more than {MAX_ENTRIES} files — a dataset has up to six arrays"
            );
            let path = record.file_path();
            let name = String::from_utf8_lossy(path.as_bytes());
            let name = name.strip_suffix(".npy").unwrap_or(&name).to_owned();
            let entry = Entry {
                place: record.wayfinder(),
                method: record.compression_method(),
                encrypted: record.flags().is_encrypted(),
            };
            ensure!(
                !entries.contains_key(&name),
                "{file} holds {} twice — save it again",
                one_line(&name, SHOWN)
            );
            entries.insert(name, entry);
        }
        ensure!(
            entries.len() as u64 == zip.entries_hint(),
            "{file} is damaged: it holds {} but declares {} — save or download it again",
            count(entries.len(), "file"),
            thousands(zip.entries_hint())
        );
        Ok(Self {
            zip,
            file,
            entries,
            unread: length,
        })
    }

    /// The names of what was not read yet.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Opens an array, to be read once; none if there is none of this name.
    ///
    /// # Errors
    ///
    /// If it is encrypted, packed in an unusual way, larger than its packed bytes can stand for, damaged,
    /// or no array.
    pub fn array(&mut self, name: &str) -> Result<Option<Array<'_>>> {
        let Some(entry) = self.entries.remove(name) else {
            return Ok(None);
        };
        let name = format!("{}: {name}", self.file);
        let packed = entry.place.compressed_size_hint();
        let size = entry.place.uncompressed_size_hint();
        ensure!(
            !entry.encrypted,
            "{name} is encrypted — save it without a password"
        );
        // Arrays that share bytes would get by with few.
        ensure!(
            packed <= self.unread,
            "{name} declares more packed bytes than the file has — save or download it again"
        );
        self.unread -= packed;
        let largest = match entry.method {
            CompressionMethod::STORE => packed,
            _ => packed.saturating_mul(MAX_PACKED),
        };
        ensure!(
            size <= largest,
            "{name} declares {} bytes, which {} packed ones cannot stand for — save or download it again",
            thousands(size),
            thousands(packed)
        );
        let found = self.zip.get_entry(entry.place);
        let found = found.map_err(|error| {
            anyhow!("{name} is damaged: {error} — save or download the file again")
        })?;
        let input: Box<dyn Read> = match entry.method {
            CompressionMethod::STORE => Box::new(found.verifying_reader(found.reader())),
            CompressionMethod::DEFLATE => {
                Box::new(found.verifying_reader(DeflateDecoder::new(found.reader())))
            }
            other => bail!(
                "{name} is packed by {other} — save it by numpy.savez or numpy.savez_compressed"
            ),
        };
        Array::open(input, size, name).map(Some)
    }
}
