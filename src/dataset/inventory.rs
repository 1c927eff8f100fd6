//! What was found in a folder of pictures, for people and for the run's files.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::parts::Part;

/// A picture of the dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Its path in the folder.
    pub path: PathBuf,
    /// Its class.
    pub label: u16,
    /// What it is for.
    pub part: Part,
    /// A hash of its pixels.
    pub content: u128,
}

/// A picture that is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// Its path in the folder.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// What a folder of pictures holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inventory {
    /// The pictures in the order of the dataset: to train on, to validate with, to test with.
    pub pictures: Vec<Picture>,
    /// Those left out.
    pub skipped: Vec<Skipped>,
    /// What was passed over, and how often.
    pub ignored: Vec<(String, usize)>,
    /// How many pictures of each format.
    pub formats: BTreeMap<&'static str, usize>,
    /// Width and height of the smallest picture, the one in the middle, and the largest.
    pub sizes: [[usize; 2]; 3],
    /// Which parts the folder tells by itself.
    pub given: Vec<Part>,
}
