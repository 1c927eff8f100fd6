//! What the files of Fashion-MNIST are (names, sizes, hashes), and whether a folder has them.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::idx;
use crate::util::text::quoted;

/// Bytes that are hashed at a time.
const CHUNK: usize = 64 * 1024;

/// Where a dataset can be downloaded from, and what its files must be.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The dataset's name.
    pub name: String,
    /// Folders on the web, each ending in `/`, in the order in which they are tried.
    pub mirrors: Vec<String>,
    /// The four files.
    pub files: Vec<ManifestFile>,
}

/// A file of a [`Manifest`].
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestFile {
    /// Its name when unpacked; `.gz` is added to it as it is published.
    pub name: String,
    /// The gzip-compressed file that the mirrors have.
    pub gz: Fingerprint,
    /// The unpacked file.
    pub raw: Fingerprint,
}

/// Size and SHA-256 of a file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fingerprint {
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 in lower-case hexadecimal digits.
    pub sha256: String,
}

impl Manifest {
    /// The manifest of Fashion-MNIST, `data/fashion-mnist.json` at compile time.
    pub fn fashion_mnist() -> Self {
        serde_json::from_str(include_str!("../../data/fashion-mnist.json"))
            .expect("data/fashion-mnist.json is part of the program and tested to parse")
    }
}

impl ManifestFile {
    /// Where this file is in `dir`: as published if it is there, else unpacked, else under a name as
    /// other programs leave it, with dots for hyphens or other letters' case; else in a folder of such
    /// a name; else nowhere.
    pub fn find(&self, dir: &Path) -> Option<PathBuf> {
        let folders = || self.alike(dir).into_iter().filter(|path| path.is_dir());
        self.find_in(dir)
            .or_else(|| folders().find_map(|folder| self.find_in(&folder)))
    }

    fn find_in(&self, dir: &Path) -> Option<PathBuf> {
        let published = [dir.join(self.gz_name()), dir.join(&self.name)];
        let mut named = published.into_iter().chain(self.alike(dir));
        named.find(|path| path.is_file())
    }

    /// What in `dir` has the file's name in any spelling, in alphabetical order.
    fn alike(&self, dir: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        let is_alike = |name: &str| spelling(name) == spelling(&self.name);
        let mut alike: Vec<PathBuf> = entries
            .filter(|entry| is_alike(&entry.file_name().to_string_lossy()))
            .map(|entry| entry.path())
            .collect();
        alike.sort();
        alike
    }

    /// A file of this name in another spelling or packing that does not hold what the one at `path`
    /// in `dir` holds: as when one was unpacked and changed, and the other kept.
    ///
    /// # Errors
    ///
    /// If one cannot be read.
    pub fn contradicted(&self, dir: &Path, path: &Path) -> Result<Option<PathBuf>> {
        let alike = self.alike(dir).into_iter();
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

    /// Whether the file at `path` is this one: as published, unpacked, or packed in another way.
    fn is_at(&self, path: &Path) -> io::Result<bool> {
        let mut file = File::open(path)?;
        let len = file.metadata()?.len();
        for known in [&self.gz, &self.raw] {
            if len == known.bytes && sha256(&file)? == known.sha256 {
                return Ok(true);
            }
            file.rewind()?;
        }
        // More than the file has is not read.
        let content = content_sum(&mut BufReader::new(file), self.raw.bytes + 1)?;
        Ok(content.is_some_and(|content| content == self.raw.sha256))
    }

    /// The file's name as it is published.
    pub fn gz_name(&self) -> String {
        format!("{}.gz", self.name)
    }
}

/// The SHA-256 of what a file holds when it is unpacked, of at most `limit` bytes; none if what is
/// packed is damaged.
fn content_sum(file: &mut dyn BufRead, limit: u64) -> io::Result<Option<String>> {
    let content = idx::unpacked(Box::new(file)).and_then(|content| sha256(content.take(limit)));
    match content {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
        content => content.map(Some),
    }
}

/// What the spellings of a file's name have in common.
fn spelling(name: &str) -> String {
    let name = name.to_lowercase();
    name.trim_end_matches(".gz").replace(['.', '_', ' '], "-")
}

/// What [`verify`] found of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is at this path, byte for byte, packed in whatever way.
    Good(PathBuf),
    /// There is a file at this path, but another one.
    Wrong(PathBuf),
    /// There is no such file.
    Missing,
}

/// Hashes the files of `manifest` in `dir`: one [`State`] per file, in the manifest's order.
///
/// # Errors
///
/// If a file cannot be read.
pub fn verify(dir: &Path, manifest: &Manifest) -> Result<Vec<State>> {
    let state = |file: &ManifestFile| {
        let Some(path) = file.find(dir) else {
            return Ok(State::Missing);
        };
        let good = file
            .is_at(&path)
            .with_context(|| format!("{} could not be read", path.display()))?;
        Ok(match file.contradicted(dir, &path)? {
            _ if !good => State::Wrong(path),
            Some(other) => State::Wrong(other),
            None => State::Good(path),
        })
    };
    manifest.files.iter().map(state).collect()
}

/// The error for a file at `path` that is not the manifest's; it was found in `dir`.
pub(super) fn not_published(dir: &Path, path: &Path, manifest: &Manifest) -> anyhow::Error {
    let (dir, path, name) = (quoted(dir), path.display(), &manifest.name);
    anyhow!(
        "{path} is not {name}'s file of that name (another dataset under the same name?) — to use it \
         as it is pass --data-dir {dir}, without --dataset; for {name} move the file away and run \
         `fmnist data fetch --data-dir {dir}`"
    )
}

/// The files of `manifest` that are not in `dir`.
///
/// # Errors
///
/// If a file of the same name is there but another one, or cannot be read.
pub fn missing<'a>(dir: &Path, manifest: &'a Manifest) -> Result<Vec<&'a ManifestFile>> {
    let mut missing = Vec::new();
    for (file, state) in manifest.files.iter().zip(verify(dir, manifest)?) {
        match state {
            State::Good(_) => {}
            State::Wrong(path) => return Err(not_published(dir, &path, manifest)),
            State::Missing => missing.push(file),
        }
    }
    Ok(missing)
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
