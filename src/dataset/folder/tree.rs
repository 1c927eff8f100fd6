//! The pictures in a folder and in the folders in it, and what is passed over.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirEntry, FileType};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::picture;
use crate::util::folder_lock::LOCK;
use crate::util::natural;
use crate::util::text::shown;

/// How deep folders may lie in each other.
const MAX_DEPTH: usize = 100;

/// Why something is passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ignored {
    Other,
    Outside,
    Hidden,
    OfSystem,
    OfRun,
    FolderLink,
    BrokenLink,
    NoFile,
    Repeated,
}

impl Ignored {
    /// What such things are.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Other => "files that are no pictures",
            Self::Outside => "pictures outside of class folders",
            Self::Hidden => "hidden files and folders",
            Self::OfSystem => "files of the operating system",
            Self::OfRun => "run folders of this program",
            Self::FolderLink => "links to folders",
            Self::BrokenLink => "links to nothing",
            Self::NoFile => "pipes, sockets and devices",
            Self::Repeated => "lines that repeat another",
        }
    }
}

/// How many there are for each reason.
pub(super) type Counts = BTreeMap<Ignored, usize>;

/// Something in a folder.
pub(super) enum Found {
    Picture,
    Folder,
    Ignored(Ignored),
}

/// A folder.
#[derive(Debug, Default)]
pub(super) struct Folder {
    /// Its name in the folder that it lies in.
    pub name: OsString,
    /// Names of the pictures in it, in natural order.
    pub pictures: Vec<OsString>,
    /// Folders in it, in natural order.
    pub folders: Vec<Folder>,
    /// Pictures in it and in all folders in it.
    pub count: usize,
}

impl Folder {
    /// Reads a folder and all that is in it.
    ///
    /// # Errors
    ///
    /// If it or a folder in it cannot be read, or if folders lie too deep in each other.
    pub(super) fn read(path: &Path, ignored: &mut Counts) -> Result<Self> {
        Self::read_at(path, OsString::new(), 0, ignored)
    }

    fn read_at(path: &Path, name: OsString, depth: usize, ignored: &mut Counts) -> Result<Self> {
        ensure!(
            depth <= MAX_DEPTH,
            "{} lies more than {MAX_DEPTH} folders deep — move its pictures up",
            shown(path)
        );
        let mut folder = Self {
            name,
            ..Self::default()
        };
        for entry in entries(path)? {
            let (name, found) = entry?;
            match found {
                Found::Picture => folder.pictures.push(name),
                Found::Folder => {
                    let inner = Self::read_at(&path.join(&name), name, depth + 1, ignored)?;
                    folder.folders.push(inner);
                }
                Found::Ignored(reason) => *ignored.entry(reason).or_default() += 1,
            }
        }
        (folder.pictures).sort_by(|a, b| natural::compare(a, b));
        (folder.folders).sort_by(|a, b| natural::compare(&a.name, &b.name));
        folder.count =
            folder.pictures.len() + folder.folders.iter().map(|f| f.count).sum::<usize>();
        Ok(folder)
    }

    /// Whether all of its pictures lie in subfolders.
    pub(super) fn is_of_folders(&self) -> bool {
        self.count > 0 && self.pictures.is_empty()
    }

    /// Calls `take` with the path of each picture in it, which begins with `prefix`, that of the folder.
    pub(super) fn for_each_picture(&self, prefix: &Path, take: &mut impl FnMut(PathBuf)) {
        for name in &self.pictures {
            take(prefix.join(name));
        }
        for folder in &self.folders {
            folder.for_each_picture(&prefix.join(&folder.name), take);
        }
    }
}

/// The direct entries of a folder, in any order.
///
/// # Errors
///
/// If the folder cannot be read, at once or on the way.
pub(super) fn entries(
    path: &Path,
) -> Result<impl Iterator<Item = Result<(OsString, Found)>> + use<'_>> {
    let unreadable = move || {
        format!(
            "{} cannot be read — check its name and whether you may read it",
            shown(path)
        )
    };
    let entries = fs::read_dir(path).with_context(unreadable)?;
    Ok(entries.map(move |entry| {
        let entry = entry.with_context(unreadable)?;
        let kind = entry.file_type().with_context(unreadable)?;
        let found = look(&entry, kind);
        Ok((entry.file_name(), found))
    }))
}

fn look(entry: &DirEntry, kind: FileType) -> Found {
    if let Some(reason) = by_name(&entry.file_name()) {
        return Found::Ignored(reason);
    }
    let path = entry.path();
    if kind.is_dir() {
        return match is_run(&path) {
            true => Found::Ignored(Ignored::OfRun),
            false => Found::Folder,
        };
    }
    let kind = match kind.is_symlink() {
        true => fs::metadata(&path).map(|target| target.file_type()).ok(),
        false => Some(kind),
    };
    match kind {
        None => Found::Ignored(Ignored::BrokenLink),
        // Such a link may lead back up.
        Some(kind) if kind.is_dir() => Found::Ignored(Ignored::FolderLink),
        Some(kind) if !kind.is_file() => Found::Ignored(Ignored::NoFile),
        Some(_) if is_picture(&path) => Found::Picture,
        Some(_) => Found::Ignored(Ignored::Other),
    }
}

/// Why something of this name is passed over, whatever it is.
fn by_name(name: &OsStr) -> Option<Ignored> {
    let is = |other: &&str| name.eq_ignore_ascii_case(other);
    if name.as_encoded_bytes().starts_with(b".") {
        Some(Ignored::Hidden)
    } else if ["Thumbs.db", "desktop.ini", "__MACOSX"].iter().any(is) {
        Some(Ignored::OfSystem)
    } else {
        None
    }
}

/// Whether a folder is that of a run, of one seed or of several: there are pictures in it.
fn is_run(path: &Path) -> bool {
    let has = |name: &str| path.join(name).is_file();
    has("config.json") && ["history.csv", "runs.json", LOCK].into_iter().any(has)
}

/// Whether a file is a picture by its name or, if it has another, by its first bytes.
fn is_picture(path: &Path) -> bool {
    picture::is_called_picture(path) || picture::begins_like_picture(path)
}
