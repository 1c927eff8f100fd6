//! Tells folders of parts (train, validation, test) from folders of classes.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};

use super::classes::{CLASSES_TREE, PARTS_TREE, shown_list, shown_name};
use super::tree::{Counts, Folder};
use crate::dataset::parts::Part;
use crate::util::text::{count, shown};

/// What the folders of a tree mean.
pub(super) struct Layout<'a> {
    /// The name of the folder in the tree that all this is in.
    pub entered: Option<&'a OsStr>,
    /// What the classes' folders look like.
    pub tree: &'static str,
    /// Those of training may be empty.
    pub classes: Vec<ClassFolder<'a>>,
}

/// The folder of a class in a part.
pub(super) struct ClassFolder<'a> {
    pub folder: &'a Folder,
    /// Where it is, from where the layout begins.
    pub path: PathBuf,
    pub part: Option<Part>,
}

impl<'a> Layout<'a> {
    /// What the folders of `tree` mean, which was read from `dir`.
    ///
    /// # Errors
    ///
    /// If there is no picture or no folder for classes, and as [`parts_in`].
    pub(super) fn of(tree: &'a Folder, dir: &Path, ignored: &Counts) -> Result<Self> {
        ensure!(
            tree.count > 0,
            "{} holds no picture{} — make a folder for each class and put its pictures there:\
             \n\n{CLASSES_TREE}",
            shown(dir),
            found_instead(tree.folders.len(), ignored)
        );
        match wrapped(tree, dir) {
            Some(inner) => Self::at(inner, &dir.join(&inner.name), Some(&inner.name)),
            None => Self::at(tree, dir, None),
        }
    }

    fn at(root: &'a Folder, dir: &Path, entered: Option<&'a OsStr>) -> Result<Self> {
        if let Some(parts) = parts_in(root, dir)? {
            let mut classes = Vec::new();
            for (folder, part) in parts {
                let name = Path::new(&folder.name);
                classes.extend(classes_in(folder, name, &dir.join(name), Some(part))?);
            }
            let tree = PARTS_TREE;
            return Ok(Self {
                entered,
                tree,
                classes,
            });
        }
        Ok(Self {
            entered,
            tree: CLASSES_TREE,
            classes: classes_in(root, Path::new(""), dir, None)?,
        })
    }

    /// A warning of folders in those of classes, which begin at `root`, that may be parts: the whole may be several
    /// datasets, or parts within classes.
    pub(super) fn parts_within_classes(&self, root: &Path) -> Option<String> {
        let parts = |class: &ClassFolder<'a>| -> Vec<&'a OsStr> {
            let folders = class.folder.folders.iter();
            let parts = folders.filter(|inner| part_named(&inner.name.to_string_lossy()).is_some());
            parts.map(|inner| &*inner.name).collect()
        };
        let mut found = self.classes.iter().map(|class| (class, parts(class)));
        let (class, parts) = found.find(|(_, parts)| parts.len() > 1)?;
        Some(format!(
            "the class {} has folders named as parts are ({}), which all belong to it — for a dataset of its own \
             name {}; parts of this one hold a folder for each class",
            shown_name(&class.folder.name),
            shown_list(parts.into_iter()),
            shown(&root.join(&class.path))
        ))
    }
}

/// The class folders in `folder`, which is at `place`, and from where the layout begins at `path`.
fn classes_in<'a>(
    folder: &'a Folder,
    path: &Path,
    place: &Path,
    part: Option<Part>,
) -> Result<Vec<ClassFolder<'a>>> {
    ensure!(
        folder.count > folder.pictures.len(),
        "{} holds {} but no class folders — make a folder for each class and put its pictures there, \
         or list each picture with its class in a CSV file and name that by --labels:\n\n{}",
        shown(place),
        count(folder.pictures.len(), "picture"),
        match part {
            Some(_) => PARTS_TREE,
            None => CLASSES_TREE,
        }
    );
    // Where a class would be learnt, an empty folder is told of.
    let of_training = matches!(part, None | Some(Part::Train));
    let classes = folder.folders.iter();
    let classes = classes.filter(|class| class.count > 0 || of_training);
    let at = |folder: &'a Folder| ClassFolder {
        folder,
        path: path.join(&folder.name),
        part,
    };
    Ok(classes.map(at).collect())
}

/// The one folder in `tree` that holds everything, unless it is that of a class or of a part.
fn wrapped<'a>(tree: &'a Folder, dir: &Path) -> Option<&'a Folder> {
    let [inner] = &tree.folders[..] else {
        return None;
    };
    let wraps = tree.pictures.is_empty() && inner.is_of_folders();
    let is_part = || {
        part_named(&inner.name.to_string_lossy()).is_some()
            && !matches!(parts_in(inner, dir), Ok(Some(_)))
    };
    (wraps && !is_part()).then_some(inner)
}

/// The folders of parts in a folder at `dir`; none if its folders are classes.
///
/// # Errors
///
/// If a part has two folders or training has none, or if the folders may be either.
fn parts_in<'a>(root: &'a Folder, dir: &Path) -> Result<Option<Vec<(&'a Folder, Part)>>> {
    let mut parts = Vec::new();
    let mut others = Vec::new();
    for folder in root.folders.iter().filter(|folder| folder.count > 0) {
        match part_named(&folder.name.to_string_lossy()) {
            Some(part) => parts.push((folder, part)),
            None => others.push(folder.name.as_os_str()),
        }
    }
    match (&parts[..], &others[..]) {
        ([], _) => return Ok(None),
        // `train` is a class too, beside `bus` and `car`, and so is `valid`.
        ([(folder, Part::Train | Part::Validation)], [_, ..]) if !folder.pictures.is_empty() => {
            return Ok(None);
        }
        ([(folder, Part::Train)], [_, ..]) => {
            let train = &folder.name;
            bail!(
                "{} holds folders of pictures, so that {} may be a class beside {} or all there is to \
                 train on — move one of them away:\n\n{PARTS_TREE}",
                shown(&dir.join(train)),
                shown_name(train),
                shown_list(others.iter().copied())
            )
        }
        _ => {}
    }
    parts.sort_by_key(|(_, part)| *part);
    for pair in parts.windows(2) {
        let [(one, part), (other, same)] = pair else {
            continue;
        };
        ensure!(
            part != same,
            "{} has two folders for the {} part: {} — keep one of them:\n\n{PARTS_TREE}",
            shown(dir),
            part.name(),
            shown_list([&*one.name, &*other.name].into_iter())
        );
    }
    ensure!(
        parts[0].1 == Part::Train,
        "{} has pictures in {} but none in a folder named train — put those to train on there, or all \
         into class folders without parts:\n\n{PARTS_TREE}",
        shown(dir),
        shown_list(parts.iter().map(|(folder, _)| &*folder.name))
    );
    Ok(Some(parts))
}

/// The part that a name stands for, whatever its case and number.
pub(super) fn part_named(name: &str) -> Option<Part> {
    let name = name.to_ascii_lowercase();
    match name.strip_suffix('s').unwrap_or(&name) {
        "train" | "training" => Some(Part::Train),
        "val" | "valid" | "validation" | "dev" => Some(Part::Validation),
        "test" | "testing" => Some(Part::Test),
        _ => None,
    }
}

/// What there is where no picture is, in words: so many folders, and what is passed over.
pub(super) fn found_instead(folders: usize, ignored: &Counts) -> String {
    let found = ignored.iter();
    let found: Vec<_> = found
        .map(|(reason, n)| format!("{} ({n})", reason.name()))
        .collect();
    match (found.is_empty(), folders) {
        (false, _) => format!(", only {}", found.join(", ")),
        (true, 0) => ": it is empty".to_owned(),
        (true, n) => format!(", only empty folders ({n})"),
    }
}
