//! What the files of Fashion-MNIST are (names, sizes, hashes), and whether a folder has them.

use std::fs::File;
use std::io::{self, BufReader, Seek};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};
use serde::Deserialize;

use super::files;
use crate::Result;
use crate::util::text::quoted;

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
        files::find(&self.name, dir)
    }

    /// A file of this name in another spelling or packing that does not hold what the one at `path`
    /// in `dir` holds: as when one was unpacked and changed, and the other kept.
    ///
    /// # Errors
    ///
    /// If one cannot be read.
    pub fn contradicted(&self, dir: &Path, path: &Path) -> Result<Option<PathBuf>> {
        Ok(files::contradicted(&self.name, dir, path)?)
    }

    /// Whether the file at `path` is this one: as published, unpacked, or packed in another way.
    fn is_at(&self, path: &Path) -> io::Result<bool> {
        let mut file = File::open(path)?;
        let len = file.metadata()?.len();
        for known in [&self.gz, &self.raw] {
            if len == known.bytes && files::sha256(&file)? == known.sha256 {
                return Ok(true);
            }
            file.rewind()?;
        }
        // More than the file has is not read.
        let content = files::content_sum(&mut BufReader::new(file), self.raw.bytes + 1)?;
        Ok(content.is_some_and(|content| content == self.raw.sha256))
    }

    /// The file's name as it is published.
    pub fn gz_name(&self) -> String {
        files::gz_name(&self.name)
    }
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
            State::Wrong(path) => return Err(not_published(dir, &path, manifest).into()),
            State::Missing => missing.push(file),
        }
    }
    Ok(missing)
}
