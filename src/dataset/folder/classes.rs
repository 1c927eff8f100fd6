//! The classes of a dataset: their names and order, and what is wrong with them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};

use super::tree::{Counts, Ignored};
use super::{Entry, Listing};
use crate::dataset::parts::{MAX_CLASSES, Part};
use crate::util::natural;
use crate::util::text::{count, first_five, line, shown, thousands};

/// What is expected of a folder without parts.
pub(super) const CLASSES_TREE: &str = "    \
    photos/
      cat/   a.jpg, b.jpg, …
      dog/   c.jpg, d.jpg, …";

/// What is expected of one with parts.
pub(super) const PARTS_TREE: &str = "    \
    photos/
      train/
        cat/   a.jpg, b.jpg, …
        dog/   c.jpg, d.jpg, …
      test/
        cat/   e.jpg, …
        dog/   f.jpg, …";

/// Where a dataset's classes are told, and what is expected there.
pub(super) struct Source<'a> {
    /// A folder or a file.
    pub path: &'a Path,
    pub expected: &'static str,
}

/// A picture of a class.
pub(super) struct Labelled<'a> {
    pub path: PathBuf,
    pub class: &'a OsStr,
    pub part: Option<Part>,
}

/// Puts pictures of the classes `names`, which may come in any order and more than once, in order.
///
/// # Errors
///
/// If there are too few classes or too many, or too few pictures of one.
pub(super) fn listing<'a>(
    root: &Path,
    source: &Source<'_>,
    names: impl Iterator<Item = &'a OsStr>,
    pictures: Vec<Labelled<'_>>,
    ignored: &Counts,
) -> Result<Listing> {
    let mut names: Vec<&OsStr> = names.collect::<BTreeSet<_>>().into_iter().collect();
    names.sort_by(|a, b| natural::compare(a, b));
    ensure!(
        names.len() <= MAX_CLASSES,
        "{} has {} classes ({}); at most {} are told apart — name the folder whose folders are the \
         classes:\n\n{}",
        shown(source.path),
        thousands(names.len() as u64),
        shown_list(names.iter().copied()),
        thousands(MAX_CLASSES as u64),
        source.expected
    );
    let labels: HashMap<&OsStr, u16> = names.iter().copied().zip(0..).collect();
    let entry = |picture: Labelled<'_>| {
        Some(Entry {
            label: *labels.get(picture.class)?,
            path: picture.path,
            part: picture.part,
        })
    };
    let mut files: Vec<Entry> = pictures.into_iter().filter_map(entry).collect();
    files.sort_by(|a, b| {
        let order = (a.part, a.label).cmp(&(b.part, b.label));
        order.then_with(|| natural::compare_paths(&a.path, &b.path))
    });

    let mut counts = vec![[0; Part::ALL.len()]; names.len()];
    for file in &files {
        counts[usize::from(file.label)][file.part.unwrap_or(Part::Train) as usize] += 1;
    }
    check(source, &names, &counts, ignored)?;
    let is_given = |part: &Part| files.iter().any(|file| file.part == Some(*part));
    Ok(Listing {
        root: root.to_path_buf(),
        entered: None,
        class_names: different(&names),
        given: Part::ALL.into_iter().filter(is_given).collect(),
        files,
        ignored: (ignored.iter())
            .map(|(reason, n)| (reason.name().to_owned(), *n))
            .collect(),
        warning: None,
    })
}

/// Makes sure that each class can be learnt and tested; `counts` are its pictures in each part.
fn check(
    source: &Source<'_>,
    names: &[&OsStr],
    counts: &[[usize; 3]],
    ignored: &Counts,
) -> Result<()> {
    let (place, expected) = (shown(source.path), source.expected);
    if let ([name], [counts]) = (names, counts) {
        bail!(
            "{place} has one class, {} ({}){}, and two are needed at least — add another, or name the \
             folder that the class folders are in:\n\n{expected}",
            shown_name(name),
            self::count(counts.iter().sum(), "picture"),
            match ignored.get(&Ignored::FolderLink) {
                Some(links) =>
                    format!(" beside links to folders ({links}), which are not followed"),
                None => String::new(),
            }
        );
    }
    let classes = || names.iter().zip(counts);
    let those = |wanted: fn(&[usize; 3]) -> bool| {
        classes().filter_map(move |(name, counts)| wanted(counts).then_some(*name))
    };
    let mut problems = Vec::new();
    let mut problem = |n: usize, what: &str, list: String| {
        if n > 0 {
            problems.push(format!("{} {what}: {list}", self::classes(n)));
        }
    };
    let empty = those(|counts| counts.iter().sum::<usize>() == 0);
    problem(
        empty.clone().count(),
        "without a picture",
        shown_list(empty),
    );
    let single = those(|counts| counts == &[1, 0, 0]);
    problem(
        single.clone().count(),
        "of a single picture",
        shown_list(single),
    );
    let untrained = classes().filter(|(_, counts)| counts[0] == 0 && counts.iter().any(|n| *n > 0));
    let with_counts = untrained.clone().map(|(name, counts)| {
        let parts = Part::ALL.into_iter().zip(counts).filter(|(_, n)| **n > 0);
        let mut found: Vec<_> = parts
            .map(|(part, n)| format!("{n} in {}", part.name()))
            .collect();
        // Names of classes are told apart by case, those of parts are not.
        let mut others = names.iter().filter(|other| *other != name);
        if let Some(other) = others.find(|other| other.eq_ignore_ascii_case(name)) {
            found.push(format!("{} is another class", shown_name(other)));
        }
        format!("{} ({})", shown_name(name), found.join(", "))
    });
    problem(
        untrained.count(),
        "with no picture to train on",
        first_five(with_counts),
    );
    ensure!(
        problems.is_empty(),
        "{place} has {} — give each class three pictures or more, at least one to train on, or leave the \
         class out:\n\n{expected}",
        problems.join("; ")
    );
    Ok(())
}

fn classes(n: usize) -> String {
    match n {
        1 => "1 class".to_owned(),
        _ => format!("{} classes", thousands(n as u64)),
    }
}

/// A name as it can be printed.
pub(super) fn shown_name(name: &OsStr) -> String {
    line(&name.to_string_lossy())
}

/// Names as they can be printed, of which no two are the same.
fn different(names: &[&OsStr]) -> Vec<String> {
    let mut taken: HashSet<String> = HashSet::new();
    let different = |name: &&OsStr| {
        let name = shown_name(name);
        let numbered = (2..).map(|number| format!("{name} ({number})"));
        let mut names = std::iter::once(name.clone()).chain(numbered);
        let free = names.find(|name| !taken.contains(name)).unwrap_or(name);
        taken.insert(free.clone());
        free
    };
    names.iter().map(different).collect()
}

/// The first five of some names.
pub(super) fn shown_list<'a>(names: impl Iterator<Item = &'a OsStr>) -> String {
    first_five(names.map(shown_name))
}
