//! Files that are not whole yet.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::files::sha256;
use crate::util::whole_file;

/// A failure of the folder that a file is downloaded into, not of the mirror.
#[derive(Debug)]
pub struct OnDisk(String);

impl fmt::Display for OnDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl OnDisk {
    fn at(path: &Path) -> Self {
        Self(format!(
            "{} cannot be written — make room there, or name another folder with --data-dir",
            path.display()
        ))
    }
}

/// A file while it is downloaded, `NAME.gz.part`.
pub struct PartialFile {
    path: PathBuf,
    file: File,
}

impl PartialFile {
    /// Opens what an earlier attempt left, or a new file.
    pub fn open(path: PathBuf) -> Result<Self> {
        let open = || {
            // A link may lead anywhere.
            if path.is_symlink() {
                fs::remove_file(&path)?;
            }
            let mut options = OpenOptions::new();
            let options = options.create(true).truncate(false).read(true).write(true);
            options.open(&path)
        };
        let file = open().with_context(|| OnDisk::at(&path))?;
        Ok(Self { path, file })
    }

    /// Does something with the file.
    pub fn on_disk<T>(&mut self, work: impl FnOnce(&mut File) -> io::Result<T>) -> Result<T> {
        work(&mut self.file).with_context(|| OnDisk::at(&self.path))
    }

    pub fn len(&mut self) -> Result<u64> {
        self.on_disk(|file| Ok(file.metadata()?.len()))
    }

    /// Keeps the first `len` bytes, and goes on behind them.
    pub fn keep(&mut self, len: u64) -> Result<()> {
        self.on_disk(|file| {
            file.set_len(len)?;
            file.seek(SeekFrom::Start(len)).map(drop)
        })
    }

    pub fn sha256(&mut self) -> Result<String> {
        self.on_disk(|file| file.rewind().and_then(|()| sha256(file)))
    }

    /// Gives the file its name.
    pub fn finish(mut self, target: &Path) -> Result<()> {
        self.on_disk(|file| whole_file::sync(file))?;
        let Self { path, file } = self;
        drop(file);
        fs::rename(&path, target)
            .and_then(|()| whole_file::sync_names_of(target))
            .with_context(|| OnDisk::at(target))
    }
}
