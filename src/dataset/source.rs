//! Finds out which dataset a folder or a file holds, from its contents.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

#[cfg(feature = "cli")]
use super::folder;
use super::idx_files::{self, IdxSet};
use super::{Event, cifar};
use crate::util::text::{line, quoted, shown};

/// The first bytes of a ZIP archive, which an NPZ file is.
const ZIP: [u8; 4] = *b"PK\x03\x04";

/// A dataset, by the form that it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// IDX files.
    Idx(IdxSet),
    /// An NPZ file.
    Npz(PathBuf),
    /// A folder with the binary files of CIFAR-10 or CIFAR-100.
    Cifar(PathBuf),
    /// A folder of pictures.
    Pictures(PathBuf),
}

impl Source {
    /// The dataset that a user names. It is said if it lies in the only folder of that.
    ///
    /// # Errors
    ///
    /// If there is none, or more than one: which.
    pub fn find(path: &Path, notify: &mut dyn FnMut(Event<'_>)) -> Result<Self> {
        let metadata = fs::metadata(path).with_context(|| {
            format!(
                "{} cannot be read — name a folder that is there by --data-dir",
                shown(path)
            )
        })?;
        if metadata.is_file() {
            return of_file(path);
        }
        // Opening a pipe would wait for whoever writes to it.
        ensure!(
            metadata.is_dir(),
            "{} is no folder and no file — name the folder of a dataset by --data-dir",
            shown(path)
        );
        let mut sources = sources_in(path)?;
        if sources.is_empty()
            && let Some(inner) = only_folder(path)
        {
            sources = sources_in(&inner)?;
            if let [_] = &sources[..] {
                let name = inner.file_name().unwrap_or_default();
                notify(Event::Note(&entered(path, &line(&name.to_string_lossy()))));
            }
        }
        #[cfg(feature = "cli")]
        if sources.is_empty() && folder::is_flat(path) {
            sources.push(Self::Pictures(path.to_path_buf()));
        }
        let listed: Vec<String> = sources.iter().map(Self::described).collect();
        match sources.len() {
            0 => bail!("{}", nothing_in(path)),
            1 => Ok(sources.remove(0)),
            _ => bail!(
                "{} holds more than one dataset — name the one that is meant:\n{}",
                shown(path),
                listed.join("\n")
            ),
        }
    }

    /// What it is, and how to have it alone.
    fn described(&self) -> String {
        let named = |path: &Path| format!("--data-dir {}", quoted(path));
        let alone = || "move it into a folder of its own".to_owned();
        let (what, how) = match self {
            Self::Idx(set) if set.prefix.is_empty() => ("IDX files".into(), named(&set.train[0])),
            Self::Idx(set) => (format!("IDX files of {}", set.prefix), named(&set.train[0])),
            Self::Npz(path) => ("an NPZ file".into(), named(path)),
            Self::Cifar(_) => ("CIFAR's binary files".into(), alone()),
            Self::Pictures(_) => ("pictures in folders".into(), alone()),
        };
        format!("    {what}: {how}")
    }
}

/// That the folder `name`, all that is in another, is read instead of that.
pub fn entered(dir: &Path, name: &str) -> String {
    format!(
        "{} holds one folder only, “{name}”: this is read",
        shown(dir)
    )
}

/// The dataset that a file belongs to.
fn of_file(path: &Path) -> Result<Source> {
    let mut head = Vec::new();
    File::open(path)
        .and_then(|file| file.take(ZIP.len() as u64).read_to_end(&mut head))
        .with_context(|| unreadable(path))?;
    if head == ZIP {
        return Ok(Source::Npz(path.to_path_buf()));
    }
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    let sets = idx_files::sets_in(folder.unwrap_or(Path::new(".")))?;
    let of_set = |set: &IdxSet| {
        let others = set.validation.iter().chain(&set.test).flatten();
        let mut files = set.train.iter().chain(others);
        files.any(|file| file.file_name() == path.file_name())
    };
    let set = sets.into_iter().find(of_set);
    set.map(Source::Idx).with_context(|| {
        format!(
            "{} is no file of a dataset that is read — name an NPZ file, one of IDX files, or the \
             folder of the dataset by --data-dir",
            shown(path)
        )
    })
}

/// All that may be meant by a folder.
fn sources_in(dir: &Path) -> Result<Vec<Source>> {
    let mut sources: Vec<Source> = idx_files::sets_in(dir)?
        .into_iter()
        .map(Source::Idx)
        .collect();
    let mut archives = Vec::new();
    for entry in fs::read_dir(dir).with_context(|| unreadable(dir))? {
        let path = entry.with_context(|| unreadable(dir))?.path();
        let is_hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        let is_npz = path
            .extension()
            .is_some_and(|ending| ending.eq_ignore_ascii_case("npz"));
        if is_npz && !is_hidden && path.is_file() {
            archives.push(path);
        }
    }
    archives.sort();
    sources.extend(archives.into_iter().map(Source::Npz));
    if cifar::is_in(dir) {
        sources.push(Source::Cifar(dir.to_path_buf()));
    }
    #[cfg(feature = "cli")]
    if folder::is_in(dir) {
        sources.push(Source::Pictures(dir.to_path_buf()));
    }
    Ok(sources)
}

/// The one folder that a folder holds besides hidden ones and files.
fn only_folder(dir: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(dir).ok()?.flatten();
    let is_hidden = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        name.starts_with(b".") || name == b"__MACOSX"
    };
    let mut folders = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir() && !is_hidden(path));
    folders.next().filter(|_| folders.next().is_none())
}

fn unreadable(dir: &Path) -> String {
    format!(
        "{} cannot be read — name one that can by --data-dir",
        shown(dir)
    )
}

fn nothing_in(dir: &Path) -> String {
    #[cfg(feature = "cli")]
    let found = folder::found_instead(dir);
    #[cfg(not(feature = "cli"))]
    let found = "";
    format!(
        "{} holds no dataset{found} — name by --data-dir a folder of pictures with a folder for each class,\n\n    \
         photos/\n      cat/   a.jpg, b.jpg, …\n      dog/   c.jpg, d.jpg, …\n\n\
         or the four files of a dataset in IDX format (train-images-idx3-ubyte, …), an NPZ file, or CIFAR's \
         binary files; leave it out to have Fashion-MNIST downloaded",
        shown(dir)
    )
}
