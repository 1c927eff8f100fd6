//! The parts of a dataset, and what readers of files give.

use anyhow::{Result, bail, ensure};

use super::ImageShape;
use crate::util::text::count;

/// The most classes that a dataset has.
pub const MAX_CLASSES: usize = 1000;
/// The longest side of an image that a file may declare, in pixels.
pub const MAX_SIDE: usize = 4096;

/// The part of a dataset that an image belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// To train on.
    Train,
    /// To validate with after each epoch.
    Validation,
    /// To test with at the end.
    Test,
}

impl Part {
    /// All parts, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// Its name in tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// One value for each part of a dataset. The training part is always there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts<T> {
    /// For [`Part::Train`].
    pub train: T,
    /// For [`Part::Validation`], if the dataset has it.
    pub validation: Option<T>,
    /// For [`Part::Test`], if the dataset has it.
    pub test: Option<T>,
}

/// Images of one size with their labels, as a file holds them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labelled {
    /// Bytes, image after image, each channel by channel and row by row.
    pub images: Vec<u8>,
    /// A label for each image, below the number of classes.
    pub labels: Vec<u16>,
}

/// A dataset as read from files that store images as arrays (IDX, NPZ, CIFAR).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrays {
    /// The size of each image.
    pub shape: ImageShape,
    /// Names of the classes in the order of their labels.
    pub class_names: Vec<String>,
    /// Images and labels.
    pub parts: Parts<Labelled>,
}

/// Makes sure that there are images to validate and to test with.
///
/// # Errors
///
/// If not: those to train on were too few, or too many of them belong together.
pub(super) fn check_held_out(source: &str, validation: usize, test: usize) -> Result<()> {
    for (images, what) in [(validation, "validate"), (test, "test")] {
        ensure!(
            images > 0,
            "{source} has nothing to {what} with: its images are too few, the same, or all of one group — \
             give each class three or more"
        );
    }
    Ok(())
}

/// Makes sure that a file may declare images of this size.
///
/// # Errors
///
/// If they have no pixels, more than any picture of a dataset, or other channels than grey or red, green
/// and blue.
pub(super) fn check_shape(file: &str, shape: ImageShape) -> Result<()> {
    let sides = 1..=MAX_SIDE;
    ensure!(
        sides.contains(&shape.height) && sides.contains(&shape.width),
        "{file} holds images of {shape} — sides of 1 to {MAX_SIDE} pixels can be read"
    );
    ensure!(
        matches!(shape.channels, 1 | 3),
        "{file} holds images of {shape} — 1 channel (grey) or 3 (red, green, blue) can be read"
    );
    Ok(())
}

/// Names of classes that nobody has named: one for each label up to the largest of the images to train
/// on.
pub(super) fn numbered_classes(train: &[u16]) -> Vec<String> {
    let classes = train
        .iter()
        .max()
        .map_or(0, |&label| usize::from(label) + 1);
    (0..classes).map(|class| format!("class {class}")).collect()
}

/// Makes sure that each label of `source` is below `classes`, the number of classes that `classes_of` has.
///
/// # Errors
///
/// Names the first label that is not, and how many images have it.
pub(super) fn check_labels(
    source: &str,
    labels: &[u16],
    classes: usize,
    classes_of: &str,
) -> Result<()> {
    let is_class = |label: u16| usize::from(label) < classes;
    let Some(at) = labels.iter().position(|&label| !is_class(label)) else {
        return Ok(());
    };
    let label = labels[at];
    let images = labels.iter().filter(|&&other| other == label).count();
    bail!(
        "{source} has label {label} at position {at} ({} of that class), but {classes_of} has {} only, \
         from 0 on — add what is missing there, or leave these images out",
        count(images, "image"),
        match classes {
            1 => "1 class".to_owned(),
            _ => format!("{classes} classes"),
        }
    )
}
