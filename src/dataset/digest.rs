//! A digest of a dataset's contents, independent of its name, its folder and its compression.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::Result;
use crate::error::ensure;

/// Characters of a SHA-256 in hexadecimal.
const LENGTH: usize = 64;
/// How many of them tell datasets apart for a person.
const SHORT: usize = 8;

/// A dataset by what is in it: datasets with the same digest hold the same images with the same
/// labels in the same order. Each is the SHA-256, in lower-case hexadecimal digits, of those of the
/// unpacked files, written one after the other: images to train on, their labels; the same to validate
/// with, if the dataset has such a part; the same to test with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetDigest {
    /// Digest of all parts.
    pub all: String,
    /// Digest of the test images and labels.
    pub test: String,
}

impl DatasetDigest {
    /// The digest of a dataset whose parts have these [sums](super::Split::sums).
    pub fn new(train: &[String; 2], validation: Option<&[String; 2]>, test: &[String; 2]) -> Self {
        Self {
            all: of([Some(train), validation, Some(test)]
                .into_iter()
                .flatten()
                .flatten()),
            test: Self::of_test(test),
        }
    }

    /// The value of [`test`](Self::test) for test images with these [sums](super::Split::sums).
    pub fn of_test(test: &[String; 2]) -> String {
        of(test)
    }

    /// How another dataset differs, in words.
    pub fn difference(&self, other: &Self) -> &'static str {
        match self.test == other.test {
            true => {
                "images to train on or to validate with are others, or have other labels; those to test \
                 with are the same"
            }
            false => "images to test with are others, or have other labels",
        }
    }

    /// Whether this can be a digest at all.
    ///
    /// # Errors
    ///
    /// If it is none, as in a file that others have written.
    pub fn check(&self) -> Result<()> {
        for sum in [&self.all, &self.test] {
            let digits = |sum: &str| sum.bytes().all(|c| c.is_ascii_hexdigit());
            ensure!(
                sum.len() == LENGTH && digits(sum),
                "dataset_digest is no SHA-256"
            );
        }
        Ok(())
    }
}

fn of<'a>(sums: impl IntoIterator<Item = &'a String>) -> String {
    let mut hasher = Sha256::new();
    for sum in sums {
        hasher.update(sum);
    }
    format!("{:x}", hasher.finalize())
}

/// A dataset for people: its name, and the beginning of its digest if that is known.
pub fn label(name: &str, digest: Option<&str>) -> String {
    match digest.and_then(|digest| digest.get(..SHORT)) {
        Some(short) => format!("{name} ({short}…)"),
        None => name.to_owned(),
    }
}
