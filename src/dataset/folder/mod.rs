//! A folder of pictures as a dataset, before any picture is decoded: which files there are, of which
//! class, and for which part.
//!
//! ```text
//! photos/                     photos/
//!   cat/   a.jpg, b.jpg, …      train/
//!   dog/   c.jpg, d.jpg, …        cat/   a.jpg, b.jpg, …
//!                                 dog/   c.jpg, d.jpg, …
//!                               test/
//!                                 cat/   e.jpg, …
//!                                 dog/   f.jpg, …
//! ```
//!
//! - [`scan`]: where folders tell, as above. [`scan_labels`]: where a CSV file does.
//! - `tree`: what lies in a folder. `layout`: which of its folders are parts, and which classes.
//! - `classes`: names and order of the classes, and what is wrong with them.
//!
//! Nothing is ever written to the folder.

mod classes;
pub mod labels;
mod layout;
mod tree;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

pub use self::labels::scan_labels;

use self::classes::{Labelled, Source, listing, shown_name};
use self::layout::Layout;
use self::tree::{Counts, Folder, Found, Ignored};
use super::parts::Part;
use crate::util::text::shown;

/// The pictures of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The folder that was read: the one wrapped in the given one, if that was entered.
    pub root: PathBuf,
    /// The name of the wrapped folder that was entered, as it can be printed.
    pub entered: Option<String>,
    /// Names of the classes in natural order (1, 2, 10), as they can be printed, each different.
    pub class_names: Vec<String>,
    /// The parts that folders or the CSV file tell, in the order of [`Part::ALL`]; none if they tell
    /// none.
    pub given: Vec<Part>,
    /// The pictures, in order of part, class and path (natural).
    pub files: Vec<Entry>,
    /// What was passed over and how often, in words: `files that are no pictures`.
    pub ignored: Vec<(String, usize)>,
    /// What may not be as it is meant, in words.
    pub warning: Option<String>,
}

/// A picture of a dataset, which may turn out to be none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its path in [`Listing::root`].
    pub path: PathBuf,
    /// Its class: an index of [`Listing::class_names`].
    pub label: u16,
    /// Its part; none for all pictures if [`Listing::given`] is empty.
    pub part: Option<Part>,
}

/// Lists the pictures of a folder that has one folder for each class, or one for each part with those
/// in it.
///
/// A folder that holds nothing but one folder of such folders is entered. Pictures in folders of a
/// class's folder belong to the class. Links to files are followed, to folders not.
///
/// # Errors
///
/// If a folder cannot be read; if there are no pictures, no class folders, fewer than two classes or
/// more than 1,000; if a class has fewer than two pictures or none to train on; if there are parts but
/// none to train on, or two folders for one; if folders may mean parts as well as classes.
pub fn scan(dir: &Path) -> Result<Listing> {
    let mut ignored = Counts::new();
    let tree = Folder::read(dir, &mut ignored)?;
    let layout = Layout::of(&tree, dir, &ignored)?;
    let entered = layout.entered.map(shown_name);
    let root = layout
        .entered
        .map_or(dir.to_path_buf(), |name| dir.join(name));
    let mut pictures = Vec::new();
    for class in &layout.classes {
        class.folder.for_each_picture(&class.path, &mut |path| {
            pictures.push(Labelled {
                path,
                class: &class.folder.name,
                part: class.part,
            });
        });
    }
    let outside = tree.count - pictures.len();
    if outside > 0 {
        ignored.insert(Ignored::Outside, outside);
    }
    // Those of training count though they may be empty.
    let names = layout.classes.iter().map(|class| &*class.folder.name);
    let source = Source {
        path: &root,
        expected: layout.tree,
    };
    let listing = listing(&root, &source, names, pictures, &ignored)?;
    Ok(Listing {
        entered,
        warning: layout.parts_within_classes(&root),
        ..listing
    })
}

/// Whether pictures lie in a folder itself, of which [`scan`] tells what is missing.
pub fn is_flat(dir: &Path) -> bool {
    let entries = tree::entries(dir).into_iter().flatten().flatten();
    let mut found = entries.map(|(_, found)| found);
    found.any(|found| matches!(found, Found::Picture))
}

/// Whether a folder holds pictures in folders, which [`scan`] may take for a dataset or tell what is
/// wrong with it. Of a large folder only the beginning is looked at.
pub fn is_in(dir: &Path) -> bool {
    walk(dir).any(|(path, found)| matches!(found, Found::Picture) && path.parent() != Some(dir))
}

/// What a folder without pictures holds, in words that follow `holds no dataset`. Nothing is said of a large
/// one, of which only the beginning is looked at.
pub fn found_instead(dir: &Path) -> String {
    let (mut entries, mut folders, mut ignored) = (0, 0, Counts::new());
    for (path, found) in walk(dir) {
        entries += 1;
        match found {
            Found::Folder if fs::read_dir(&path).is_err() => {
                return format!(": {} cannot be read", shown(&path));
            }
            Found::Folder => folders += 1,
            Found::Ignored(reason) => *ignored.entry(reason).or_default() += 1,
            Found::Picture => {}
        }
    }
    match entries == MAX_ENTRIES {
        true => String::new(),
        false => layout::found_instead(folders, &ignored),
    }
}

/// More than lies beside the class folders of any dataset.
const MAX_ENTRIES: usize = 10_000;

/// What lies in a folder and in the folders in it, as far as these can be read, up to so many things.
fn walk(dir: &Path) -> impl Iterator<Item = (PathBuf, Found)> {
    let mut folders = vec![dir.to_path_buf()];
    let mut listed = Vec::new();
    let next = move || {
        while listed.is_empty() {
            let folder = folders.pop()?;
            let entries = tree::entries(&folder).into_iter().flatten().flatten();
            let entries = entries.map(|(name, found)| (folder.join(name), found));
            listed = entries.take(MAX_ENTRIES).collect();
        }
        let (path, found) = listed.pop()?;
        if matches!(found, Found::Folder) {
            folders.push(path.clone());
        }
        Some((path, found))
    };
    std::iter::from_fn(next).take(MAX_ENTRIES)
}
