//! The parts of a dataset, and what readers of files give.

use super::ImageShape;

/// What images of a dataset are for.
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

/// Something of each part that a dataset has: images to train on in any case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts<T> {
    /// Of [`Part::Train`].
    pub train: T,
    /// Of [`Part::Validation`].
    pub validation: Option<T>,
    /// Of [`Part::Test`].
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

/// A dataset as the files hold it that store images as arrays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrays {
    /// The size of each image.
    pub shape: ImageShape,
    /// Names of the classes in the order of their labels.
    pub class_names: Vec<String>,
    /// Images and labels.
    pub parts: Parts<Labelled>,
}
