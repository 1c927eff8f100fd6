//! What the files of Fashion-MNIST are (names, sizes, hashes), and whether a folder has them.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use serde::Deserialize;
use sha2::{Digest, Sha256};

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
    /// Where this file is in `dir`: as published if it is there, else unpacked, else nowhere.
    pub fn find(&self, dir: &Path) -> Option<PathBuf> {
        [self.gz_name(), self.name.clone()]
            .into_iter()
            .map(|name| dir.join(name))
            .find(|path| path.is_file())
    }

    /// What the file at `path`, found by [`ManifestFile::find`], must be.
    pub fn fingerprint(&self, path: &Path) -> &Fingerprint {
        if path.extension().is_some_and(|extension| extension == "gz") {
            &self.gz
        } else {
            &self.raw
        }
    }

    /// The file's name as it is published.
    pub fn gz_name(&self) -> String {
        format!("{}.gz", self.name)
    }
}

/// What [`verify`] found of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is at this path, byte for byte.
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
        let good = matches(&path, file.fingerprint(&path))
            .with_context(|| format!("{} could not be read", path.display()))?;
        Ok(if good {
            State::Good(path)
        } else {
            State::Wrong(path)
        })
    };
    manifest.files.iter().map(state).collect()
}

/// The error for a file at `path` that is not the manifest's.
pub(super) fn not_published(path: &Path, manifest: &Manifest) -> anyhow::Error {
    let (path, name) = (path.display(), &manifest.name);
    anyhow!(
        "{path} is not {name}'s file of that name (another dataset under the same name?): to train \
         on another dataset give its folder by --data-dir, with --dataset auto; for {name} move \
         the file away and run `fmnist data fetch`"
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
            State::Wrong(path) => return Err(not_published(&path, manifest)),
            State::Missing => missing.push(file),
        }
    }
    Ok(missing)
}

fn matches(path: &Path, expected: &Fingerprint) -> io::Result<bool> {
    let file = File::open(path)?;
    Ok(file.metadata()?.len() == expected.bytes && sha256(file)? == expected.sha256)
}

/// The SHA-256 of all of `input`, in hexadecimal digits.
pub(super) fn sha256(mut input: impl Read) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; CHUNK];
    loop {
        match input.read(&mut buffer) {
            Ok(0) => return Ok(hex(hasher)),
            Ok(read) => hasher.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The digest in lower-case hexadecimal digits.
pub(super) fn hex(hasher: Sha256) -> String {
    hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
