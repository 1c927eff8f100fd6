//! Files of a dataset: where they are, in whatever spelling of their names, and what they hold.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use super::gzip;

/// Bytes that are hashed at a time.
const CHUNK: usize = 64 * 1024;
const READ_BUFFER: usize = 128 * 1024;
/// The longest text that is read, in bytes: a thousand long names.
const MAX_TEXT: u64 = 256 * 1024;

/// Where the file `name` is in `dir`: as published, `NAME.gz`, if it is there, else unpacked, else under
/// a name as other programs leave it, with dots for hyphens or other letters' case; else in a folder of
/// such a name; else nowhere.
pub(super) fn find(name: &str, dir: &Path) -> Option<PathBuf> {
    let folders = || alike(name, dir).into_iter().filter(|path| path.is_dir());
    find_in(name, dir).or_else(|| folders().find_map(|folder| find_in(name, &folder)))
}

fn find_in(name: &str, dir: &Path) -> Option<PathBuf> {
    let published = [dir.join(gz_name(name)), dir.join(name)];
    let mut named = published.into_iter().chain(alike(name, dir));
    named.find(|path| path.is_file())
}

/// The name of a file as it is published.
pub(super) fn gz_name(name: &str) -> String {
    format!("{name}.gz")
}

/// What in `dir` has the file's name in any spelling, in alphabetical order.
fn alike(name: &str, dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let is_alike = |other: &str| spelling(other) == spelling(name);
    let mut alike: Vec<PathBuf> = entries
        .filter(|entry| is_alike(&entry.file_name().to_string_lossy()))
        .map(|entry| entry.path())
        .collect();
    alike.sort();
    alike
}

/// What the spellings of a file's name have in common.
pub(super) fn spelling(name: &str) -> String {
    let name = name.to_lowercase();
    name.trim_end_matches(".gz").replace(['.', '_', ' '], "-")
}

/// A file of this name in another spelling or packing that does not hold what the one at `path` in `dir`
/// holds: as when one was unpacked and changed, and the other kept.
///
/// # Errors
///
/// If one cannot be read.
pub(super) fn contradicted(name: &str, dir: &Path, path: &Path) -> Result<Option<PathBuf>> {
    let alike = alike(name, dir).into_iter();
    let mut others = alike
        .filter(|other| other.is_file() && other != path)
        .peekable();
    if others.peek().is_none() {
        return Ok(None);
    }
    let sum = |path: &Path| {
        let read = || content_sum(&mut BufReader::new(File::open(path)?), u64::MAX);
        read().with_context(|| format!("{} could not be read", path.display()))
    };
    let expected = sum(path)?;
    for other in others {
        if sum(&other)? != expected {
            return Ok(Some(other));
        }
    }
    Ok(None)
}

/// The SHA-256 of what a file holds when it is unpacked, of at most `limit` bytes; none if what is
/// packed is damaged.
pub(super) fn content_sum(file: &mut dyn BufRead, limit: u64) -> io::Result<Option<String>> {
    let content = gzip::unpacked(Box::new(file)).and_then(|content| sha256(content.take(limit)));
    match content {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
        content => content.map(Some),
    }
}

/// The SHA-256 of all of `input`, in hexadecimal digits.
pub(super) fn sha256(mut input: impl Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return Ok(format!("{:x}", hasher.finalize())),
            Ok(read) => hasher.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Opens a file to be read from its beginning to its end.
///
/// # Errors
///
/// If it cannot be opened; the error names it.
pub(super) fn open(path: &Path) -> Result<BufReader<File>> {
    let file =
        File::open(path).with_context(|| format!("{} could not be opened", path.display()))?;
    Ok(BufReader::with_capacity(READ_BUFFER, file))
}

/// The text of a short file, packed or not.
///
/// # Errors
///
/// If it cannot be read, is longer than any list of names, or is no text.
pub(super) fn read_text(path: &Path) -> Result<String> {
    let name = path.display();
    let mut bytes = Vec::new();
    gzip::unpacked(Box::new(open(path)?))
        .and_then(|content| content.take(MAX_TEXT + 1).read_to_end(&mut bytes))
        .with_context(|| format!("{name} could not be read"))?;
    ensure!(
        bytes.len() as u64 <= MAX_TEXT,
        "{name} is longer than {MAX_TEXT} bytes — it should hold the names of the classes only"
    );
    String::from_utf8(bytes).ok().with_context(|| {
        format!("{name} is no text in UTF-8 — it should hold the names of the classes")
    })
}
