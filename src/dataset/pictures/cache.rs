//! Images that were made of pictures before, in a file of the user's cache.
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | `fmnistP2` |
//! | … | images, each `[3, height, width]` bytes |
//! | … | the index, JSON: what is known of each picture, in the order of the images |
//! | 8 | length of the index, little-endian |
//! | 16 | hash of the index |
//!
//! A picture is known by what its file holds. As long as the file's size and time of change stay what
//! they were, that is not looked at again. Whatever is wrong with a file of the cache, the pictures are
//! decoded anew.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::{Context, Result, anyhow, ensure};
use memmap2::Mmap;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::dataset::{ImageShape, SIDES, SharedBytes};
use crate::picture::Format;
use crate::util::whole_file;

const MAGIC: [u8; 8] = *b"fmnistP2";
/// Length and hash of the index.
const SUFFIX: u64 = 24;
/// More than the index of a million pictures takes.
const MAX_INDEX: u64 = 1 << 30;

/// A file as the file system knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stat {
    /// Bytes.
    pub len: u64,
    /// Time of the last change, in nanoseconds since 1970.
    pub modified: u64,
    /// Where there is such a thing: the file's number, and the time of the last change of anything about it,
    /// its name included.
    pub identity: [u64; 2],
}

impl Stat {
    /// Of the file at `path`.
    pub fn of(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        let modified = metadata.modified()?.duration_since(SystemTime::UNIX_EPOCH);
        Ok(Self {
            len: metadata.len(),
            modified: modified.map_or(0, |time| time.as_nanos() as u64),
            identity: identity(&metadata),
        })
    }
}

#[cfg(unix)]
fn identity(metadata: &fs::Metadata) -> [u64; 2] {
    use std::os::unix::fs::MetadataExt;
    let changed = metadata.ctime().wrapping_mul(1_000_000_000) + metadata.ctime_nsec();
    [metadata.ino(), changed as u64]
}

#[cfg(not(unix))]
fn identity(_metadata: &fs::Metadata) -> [u64; 2] {
    [0; 2]
}

/// What is known of a picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Hash of its path.
    pub path: u64,
    /// Its file.
    pub stat: Stat,
    /// Hash of what the file holds; none if it could not be read, which may be made good.
    pub file: Option<u64>,
    /// What was made of it, or why nothing was.
    pub outcome: Result<Info, String>,
}

/// A picture of which there is an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    /// Hash of its pixels.
    pub content: [u64; 2],
    /// Its width and height, upright.
    pub size: [usize; 2],
    /// The file's format.
    pub format: Format,
    /// Whether it has no colour.
    pub is_grey: bool,
    /// Hash of the image's bytes.
    pub image: u64,
}

/// Hash of a path, whatever bytes it has.
pub fn path_hash(path: &Path) -> u64 {
    xxh3_64(path.as_os_str().as_encoded_bytes())
}

/// What is known of the images in a file.
#[derive(Debug, Serialize, Deserialize)]
pub struct Index {
    /// Of each image.
    pub shape: ImageShape,
    /// Of each picture, in the order of the images; those that could not be read have none.
    pub records: Vec<Record>,
}

impl Index {
    /// Reads that of a file of `len` bytes.
    ///
    /// # Errors
    ///
    /// If it is anything but a whole file of this kind.
    pub fn read(file: &mut (impl Read + Seek), len: u64) -> Result<Self> {
        let mut magic = [0; MAGIC.len()];
        file.read_exact(&mut magic)?;
        ensure!(magic == MAGIC && len >= SUFFIX, "no such file");
        file.seek(SeekFrom::Start(len - SUFFIX))?;
        let (mut index_len, mut hash) = ([0; 8], [0; 16]);
        file.read_exact(&mut index_len)?;
        file.read_exact(&mut hash)?;
        let index_len = u64::from_le_bytes(index_len);
        let start = (len - SUFFIX).checked_sub(index_len);
        let start = start
            .filter(|_| index_len <= MAX_INDEX)
            .context("no index")?;
        file.seek(SeekFrom::Start(start))?;
        let mut index = vec![0; usize::try_from(index_len)?];
        file.read_exact(&mut index)?;
        ensure!(xxh3_128(&index).to_le_bytes() == hash, "a damaged index");
        let index: Self = serde_json::from_slice(&index)?;
        let shape = index.shape;
        let sides = [shape.height, shape.width];
        ensure!(
            shape.channels == 3 && sides.iter().all(|side| SIDES.contains(side)),
            "no such images"
        );
        let images = index.records.iter().filter(|record| record.outcome.is_ok());
        let bytes = images.count() as u64 * shape.values() as u64;
        ensure!(start == MAGIC.len() as u64 + bytes, "other images");
        Ok(index)
    }
}

/// Images of pictures, in a file.
pub struct ImageFile {
    file: File,
    path: PathBuf,
    /// Of each image: in colour, whatever the dataset.
    pub shape: ImageShape,
    /// Of each picture, in the order of the images; those that could not be read have none.
    pub records: Vec<Record>,
    /// Where in the file the image of each record is, counted in images.
    places: Vec<usize>,
}

impl ImageFile {
    fn new(file: File, path: PathBuf, shape: ImageShape, records: Vec<Record>) -> Self {
        let mut next = 0;
        let place = |record: &Record| {
            let place = next;
            next += usize::from(record.outcome.is_ok());
            place
        };
        Self {
            file,
            path,
            shape,
            places: records.iter().map(place).collect(),
            records,
        }
    }

    /// Opens a file of the cache.
    ///
    /// # Errors
    ///
    /// If it is not there, or anything but a whole file of this kind.
    pub fn open(path: &Path) -> Result<Self> {
        // Opening a pipe would wait for whoever writes to it.
        ensure!(fs::metadata(path)?.is_file(), "no file");
        let mut file = File::open(path)?;
        let len = file.metadata()?.len();
        let Index { shape, records } = Index::read(&mut file, len)?;
        Ok(Self::new(file, path.to_path_buf(), shape, records))
    }

    /// Reads the image of record number `record`, which has one, to the end of `bytes`.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is not what it was.
    pub fn read(&self, record: usize, bytes: &mut Vec<u8>) -> Result<()> {
        let first = bytes.len();
        bytes.resize(first + self.shape.values(), 0);
        read_at(&self.file, &mut bytes[first..], self.start(record) as u64)
            .with_context(|| self.unusable())?;
        let hash = xxh3_64(&bytes[first..]);
        match &self.records[record].outcome {
            Ok(info) if info.image == hash => Ok(()),
            _ => Err(anyhow!(self.unusable())),
        }
    }

    /// Where in the file the image of record number `record` begins.
    pub fn start(&self, record: usize) -> usize {
        MAGIC.len() + self.places[record] * self.shape.values()
    }

    /// The file's bytes, which the system reads where they are looked at, and gives up where memory is
    /// short.
    ///
    /// # Errors
    ///
    /// If the system cannot map it.
    pub fn map(&self) -> Result<SharedBytes> {
        // SAFETY: bytes may not change as long as they are borrowed. This program writes a file of the cache
        // under another name first, and changes none: it puts another in its place, and a file that is open
        // stays what it is. Whoever else writes to it changes what is trained on, or, cutting it off, ends
        // the program.
        let map = unsafe { Mmap::map(&self.file) }.with_context(|| self.unusable())?;
        Ok(Arc::new(map))
    }

    /// Whether each image is what it was.
    pub fn is_whole(&self) -> bool {
        let is_good = |bytes: &mut Vec<u8>, record: usize| {
            bytes.clear();
            self.records[record].outcome.is_err() || self.read(record, bytes).is_ok()
        };
        let records = (0..self.records.len()).into_par_iter();
        records.map_init(Vec::new, is_good).all(|is_good| is_good)
    }

    fn unusable(&self) -> String {
        format!(
            "{} cannot be read, or was changed — remove it to have the pictures decoded anew",
            self.path.display()
        )
    }

    /// What is known of pictures, by the hash of the path, and by that of the file.
    pub fn known(&self) -> (HashMap<u64, usize>, HashMap<u64, usize>) {
        let records = || self.records.iter().enumerate();
        (
            records()
                .map(|(index, record)| (record.path, index))
                .collect(),
            records()
                .filter_map(|(index, record)| Some((record.file?, index)))
                .collect(),
        )
    }
}

#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

#[cfg(not(unix))]
fn read_at(mut file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(bytes)
}

/// A file of images while it is written.
pub struct Writer {
    out: BufWriter<NamedTempFile>,
    path: PathBuf,
    shape: ImageShape,
    records: Vec<Record>,
}

impl Writer {
    /// Begins the file `path` in a folder that is made if it is not there.
    ///
    /// # Errors
    ///
    /// If none can be written there.
    pub fn new(path: &Path, shape: ImageShape) -> Result<Self> {
        let folder = path
            .parent()
            .context("a file of the cache is in a folder")?;
        let begin = || -> io::Result<NamedTempFile> {
            fs::create_dir_all(folder)?;
            whole_file::remove_abandoned(folder);
            let mut file = whole_file::temporary_in(folder)?;
            // Tells others that it is being written, where the file system can.
            drop(file.as_file().lock());
            file.write_all(&MAGIC)?;
            Ok(file)
        };
        let file = begin().with_context(|| unwritable(path))?;
        Ok(Self {
            out: BufWriter::with_capacity(1 << 20, file),
            path: path.to_path_buf(),
            shape,
            records: Vec::new(),
        })
    }

    /// Adds a picture and, if there is one, its image.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn push(&mut self, record: Record, image: &[u8]) -> Result<()> {
        self.out
            .write_all(image)
            .with_context(|| unwritable(&self.path))?;
        self.records.push(record);
        Ok(())
    }

    /// Ends the file, gives it its name, and opens it.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn finish(mut self) -> Result<ImageFile> {
        let path = self.path.clone();
        let finish = || -> Result<ImageFile> {
            let index = serde_json::to_vec(&Index {
                shape: self.shape,
                records: self.records.clone(),
            })?;
            self.out.write_all(&index)?;
            self.out.write_all(&(index.len() as u64).to_le_bytes())?;
            self.out.write_all(&xxh3_128(&index).to_le_bytes())?;
            let temporary = self.out.into_inner()?;
            let file = File::open(temporary.path())?;
            // Some file systems rename no open file.
            temporary.into_temp_path().persist(&self.path)?;
            Ok(ImageFile::new(file, self.path, self.shape, self.records))
        };
        finish().with_context(|| unwritable(&path))
    }
}

fn unwritable(path: &Path) -> String {
    format!(
        "{} cannot be written, where the images are kept that pictures become — make room there, or \
         set XDG_CACHE_HOME to another folder",
        path.display()
    )
}
