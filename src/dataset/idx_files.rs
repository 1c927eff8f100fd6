//! Datasets of IDX files in a folder: MNIST, its relatives, EMNIST, and one's own in the same files.
//!
//! A set is up to six files: `train-images-idx3-ubyte` with `train-labels-idx1-ubyte`, and `t10k-` or
//! `test-` and `val-`, `valid-` or `validation-` with the same, packed or not, with anything in front and in
//! any of the usual spellings. A folder may have several sets, told apart by what stands in front.
//!
//! EMNIST's files, known by their names, differ: images are transposed, the letters' labels count from 1,
//! and `…-mapping.txt` has a character for each label.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use anyhow::Context;
use rayon::prelude::*;

use super::parts::{self, Arrays, Labelled, MAX_CLASSES, Parts};
use super::{ImageShape, files, idx};
use crate::Result;
use crate::error::{bail, ensure};
use crate::util::text::{count, is_unprintable};

/// The files of a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdxSet {
    /// The prefix of all names, in lower case with hyphens: `emnist-letters`; often nothing.
    pub prefix: String,
    /// Images to train on, and their labels.
    pub train: [PathBuf; 2],
    /// Images to validate with, and their labels.
    pub validation: Option<[PathBuf; 2]>,
    /// Images to test with, and their labels.
    pub test: Option<[PathBuf; 2]>,
    /// The characters of EMNIST's labels.
    pub mapping: Option<PathBuf>,
}

/// The letters that EMNIST tells apart.
const LETTERS: usize = 26;

/// What files of a set are for: images and labels to train on, to validate and to test with; each with the
/// names under which there is something.
type Names = [[BTreeSet<String>; 2]; 3];

/// What names end with, after the part; whether that has images or labels, as an index into [`Names`].
const KINDS: [(&str, usize); 3] = [
    ("-images-idx3-ubyte", 0),
    ("-images-idx4-ubyte", 0),
    ("-labels-idx1-ubyte", 1),
];
/// What stands before that; which part it is, as an index into [`Names`].
const PARTS: [(&str, usize); 6] = [
    ("train", 0),
    ("val", 1),
    ("valid", 1),
    ("validation", 1),
    ("t10k", 2),
    ("test", 2),
];

/// The sets of IDX files in a folder, in the order of their prefixes; none if there are none.
///
/// # Errors
///
/// If the folder cannot be read, if a set lacks its images to train on, or a file its labels or images,
/// or if two files have the same role and do not hold the same.
pub fn sets_in(dir: &Path) -> Result<Vec<IdxSet>> {
    let unreadable = || format!("{} could not be read", dir.display());
    let mut sets = BTreeMap::<String, Names>::new();
    for entry in fs::read_dir(dir).with_context(unreadable)? {
        let name = entry.with_context(unreadable)?.file_name();
        let name = name.to_string_lossy();
        let spelling = files::spelling(&name);
        // `._train-images…` is what macOS leaves beside a file.
        if let Some((prefix, part, kind)) = role(&spelling)
            && !name.starts_with('.')
        {
            let names = sets.entry(prefix.to_owned()).or_default();
            names[part][kind].insert(spelling.clone());
        }
    }
    let sets = sets.into_iter();
    let sets = sets.map(|(prefix, names)| assemble(dir, prefix, &names));
    sets.filter_map(Result::transpose).collect()
}

/// Prefix, part and kind of a file, by the [spelling](files::spelling) of its name.
fn role(name: &str) -> Option<(&str, usize, usize)> {
    let with_kind = |&(ending, kind): &(&str, usize)| Some((name.strip_suffix(ending)?, kind));
    let (stem, kind) = KINDS.iter().find_map(with_kind)?;
    let with_part = |&(word, part): &(&'static str, usize)| Some((stem.strip_suffix(word)?, part));
    let (prefix, part) = PARTS.iter().find_map(with_part)?;
    match prefix {
        "" => Some((prefix, part, kind)),
        // `contest-images` is no `test-images`.
        _ => Some((prefix.strip_suffix('-')?, part, kind)),
    }
}

/// The set with this prefix; none if what has the names are folders without such a file.
fn assemble(dir: &Path, prefix: String, names: &Names) -> Result<Option<IdxSet>> {
    let [train, validation, test] = names;
    let (validation, test) = (pair(dir, validation)?, pair(dir, test)?);
    let Some(train) = pair(dir, train)? else {
        return match validation.or(test) {
            None => Ok(None),
            Some([images, _]) => bail!(
                "{} has no images to train on beside it — put train-images-idx3-ubyte and \
                 train-labels-idx1-ubyte of the same dataset there",
                images.display()
            ),
        };
    };
    let mapping = match is_emnist(&prefix) {
        true => files::find(&format!("{prefix}-mapping.txt"), dir),
        false => None,
    };
    Ok(Some(IdxSet {
        prefix,
        train,
        validation,
        test,
        mapping,
    }))
}

/// Images with their labels.
fn pair(dir: &Path, [images, labels]: &[BTreeSet<String>; 2]) -> Result<Option<[PathBuf; 2]>> {
    let (alone, names, lacking) = match [locate(dir, images)?, locate(dir, labels)?] {
        [Some(images), Some(labels)] => return Ok(Some([images, labels])),
        [None, None] => return Ok(None),
        [Some(path), None] => (path, images, ["labels", "idx1"]),
        [None, Some(path)] => (path, labels, ["images", "idx3"]),
    };
    let [what, form] = lacking;
    let stem = names.first().and_then(|name| name.rsplitn(4, '-').last());
    bail!(
        "{} has no {what} beside it — put {}-{what}-{form}-ubyte of the same images there, or take it \
         away",
        alone.display(),
        stem.unwrap_or("train")
    )
}

/// The file that has one of these names.
fn locate(dir: &Path, names: &BTreeSet<String>) -> Result<Option<PathBuf>> {
    let mut located: Option<PathBuf> = None;
    for name in names {
        let Some(path) = files::find(name, dir) else {
            continue;
        };
        let (other, fault) = match located {
            Some(other) => (Some(other), "are for the same"),
            None => (
                files::contradicted(name, dir, &path)?,
                "do not hold the same",
            ),
        };
        if let Some(other) = other {
            bail!(
                "{} and {} {fault} — move the one away that is not meant",
                path.display(),
                other.display()
            );
        }
        located = Some(path);
    }
    Ok(located)
}

/// Reads the files of a set.
///
/// # Errors
///
/// If a file cannot be read or is not of the format, if there are not as many labels as images, if those
/// to test with are of another size, or if a label has no name or no image to train on.
pub fn read(set: &IdxSet) -> Result<Arrays> {
    let (shape, train) = read_part(&set.prefix, &set.train)?;
    let (class_names, classes_of) = match &set.mapping {
        Some(path) => {
            let (text, file) = (files::read_text(path)?, path.display().to_string());
            (parse_mapping(&text, &file, first_label(&set.prefix))?, path)
        }
        None => (parts::numbered_classes(&train.labels), &set.train[1]),
    };
    let classes_of = classes_of.display().to_string();
    let check = |labels_file: &Path, part: &Labelled| {
        let labels_file = labels_file.display().to_string();
        parts::check_labels(&labels_file, &part.labels, class_names.len(), &classes_of)
    };
    check(&set.train[1], &train)?;
    let read_other = |[images, labels]: &[PathBuf; 2]| -> Result<Labelled> {
        let (other_shape, part) = read_part(&set.prefix, &[images, labels])?;
        ensure!(
            other_shape == shape,
            "{} holds images of {other_shape}, but {} of {shape} — all images of a dataset must have one \
             size",
            images.display(),
            set.train[0].display()
        );
        check(labels, &part)?;
        Ok(part)
    };
    let validation = set.validation.as_ref().map(read_other).transpose()?;
    let test = set.test.as_ref().map(read_other).transpose()?;
    Ok(Arrays {
        shape,
        class_names,
        parts: Parts {
            train,
            validation,
            test,
        },
    })
}

fn is_emnist(prefix: &str) -> bool {
    prefix.starts_with("emnist")
}

/// The label of the first class.
fn first_label(prefix: &str) -> u16 {
    let letters = prefix.split('-').any(|word| word == "letters");
    u16::from(is_emnist(prefix) && letters)
}

/// Reads images and their labels, and makes of EMNIST's what they are in other datasets.
fn read_part(
    prefix: &str,
    [images, labels]: &[impl AsRef<Path>; 2],
) -> Result<(ImageShape, Labelled)> {
    let (images_file, labels_file) = (images.as_ref(), labels.as_ref());
    let (mut shape, mut images) = read_file(images_file, idx::read_any_images)?;
    let first_label = first_label(prefix);
    let mut labels = match first_label {
        0 => read_file(labels_file, |input, file| {
            idx::read_labels(input, file, MAX_CLASSES)
        })?,
        _ => read_file(labels_file, |input, file| {
            idx::read_labels(input, file, LETTERS + 1)
        })?,
    };
    let (images_file, labels_file) = (images_file.display(), labels_file.display());
    let image_count = images.len() / shape.values();
    ensure!(
        image_count == labels.len(),
        "{images_file} has {} but {labels_file} has {}; as many were expected",
        count(image_count, "image"),
        count(labels.len(), "label")
    );
    for (at, label) in labels.iter_mut().enumerate() {
        *label = label.checked_sub(first_label).with_context(|| {
            format!("{labels_file} has label 0 at position {at}; labels from 1 on were expected")
        })?;
    }
    if is_emnist(prefix) {
        shape = transpose(shape, &mut images);
    }
    Ok((shape, Labelled { images, labels }))
}

/// A reader of [`idx`].
type Reader<T> = fn(&mut dyn BufRead, &str) -> Result<T>;

fn read_file<T>(path: &Path, reader: Reader<T>) -> Result<T> {
    reader(&mut files::open(path)?, &path.display().to_string())
}

/// Makes rows of columns in all images; returns their new size.
fn transpose(shape: ImageShape, images: &mut [u8]) -> ImageShape {
    let ImageShape { height, width, .. } = shape;
    let planes = images.par_chunks_exact_mut(shape.pixels());
    planes.for_each_init(
        || vec![0; shape.pixels()],
        |source, plane| {
            source.copy_from_slice(plane);
            for (x, column) in plane.chunks_exact_mut(height).enumerate() {
                for (y, value) in column.iter_mut().enumerate() {
                    *value = source[y * width + x];
                }
            }
        },
    );
    ImageShape {
        height: width,
        width: height,
        ..shape
    }
}

/// The names of the classes, from the text of `file` with a label, the code of its character and often that
/// of the same letter in lower case in each line.
///
/// # Errors
///
/// If it is no such text, or does not name all labels from the first one on.
pub fn parse_mapping(text: &str, file: &str, first_label: u16) -> Result<Vec<String>> {
    let mut names = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let (label, name) = class(line).with_context(|| {
            format!(
                "{file} has no label with one or two codes of characters in line {} — unpack it again",
                number + 1
            )
        })?;
        ensure!(
            names.insert(label, name).is_none(),
            "{file} has label {label} twice — unpack it again"
        );
    }
    let labels = (first_label..).take(names.len().min(MAX_CLASSES));
    ensure!(
        !names.is_empty() && names.keys().copied().eq(labels),
        "{file} does not name the labels from {first_label} on, each once, without gaps, of up to \
         {MAX_CLASSES} classes — unpack it again"
    );
    Ok(names.into_values().collect())
}

/// The label and the name in a line of a mapping: `10 65` is `A`, `1 65 97` is `A/a`.
fn class(line: &str) -> Option<(u16, String)> {
    let mut fields = line.split_whitespace();
    let label = fields.next()?.parse().ok()?;
    let character = |code: &str| {
        let character = char::from_u32(code.parse().ok()?)?;
        let shown = !is_unprintable(character) && !character.is_whitespace();
        shown.then(|| character.to_string())
    };
    let characters: Vec<String> = fields.map(character).collect::<Option<_>>()?;
    matches!(characters.len(), 1 | 2).then(|| (label, characters.join("/")))
}
