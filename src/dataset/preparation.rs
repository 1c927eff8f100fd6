//! How a user's pictures become a dataset.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How a picture of any size becomes an image of one size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resize {
    /// The whole picture, as large as it fits, in the middle of black.
    #[default]
    Pad,
    /// As much of its middle as fills the image.
    Crop,
    /// The whole picture, whatever becomes of its proportions.
    Stretch,
}

/// What the user wants of pictures, and of parts that a dataset does not have: stored with a run, so
/// that whatever is done with its models later does the same.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preparation {
    /// Height and width of the images; without, the pictures' own if that is one of at most
    /// 64×64, else 64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_size: Option<usize>,
    /// How pictures are brought to that size. Without, light things are looked for, trimmed and put in
    /// the middle of black, as Fashion-MNIST's images were made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resize: Option<Resize>,
    /// 1 for grey images, 3 for colour; without, grey if all pictures to train on are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<usize>,
    /// The file that names the class of each picture, where folders do not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<PathBuf>,
    /// What of its path keeps a picture in one part with others: a regular expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group_by: Option<String>,
    /// How many images to validate with, where the data do not say which; without, a tenth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<usize>,
    /// Source of the parts, where the data do not say them.
    pub seed: u64,
    /// Whether the last images to train on validate, where IDX files have others to test with. So they did in
    /// earlier versions, whose runs do not say it.
    #[serde(default = "yes")]
    pub last_validate: bool,
    /// Whether a picture that cannot be read is an error.
    #[serde(skip)]
    pub strict: bool,
}

fn yes() -> bool {
    true
}

impl Preparation {
    /// That of a run which tells none: of Fashion-MNIST, or of an earlier version.
    pub fn of_earlier() -> Self {
        Self {
            last_validate: true,
            ..Self::default()
        }
    }

    /// Without what says how parts are made, if none are: it has no say then.
    pub(super) fn without_parts_if(self, is_complete: bool) -> Self {
        match is_complete {
            true => Self {
                validation: None,
                seed: 0,
                ..self
            },
            false => self,
        }
    }
}
