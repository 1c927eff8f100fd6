//! Images with labels: where they come from and how they are held.
//!
//! - [`load()`]: finds, reads and names a dataset; the one entry point of training.
//! - [`manifest`], [`fetch`]: what Fashion-MNIST's files are, and their download.
//! - [`idx`]: the file format. [`parts`]: what readers of files give.
//! - [`folder`]: pictures in folders of classes. [`assign`]: their parts, where none is given.
//! - [`digest`]: what tells datasets apart, whatever they are called.
//! - [`synthetic`]: the stand-in for machines without the real data.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

#[cfg(feature = "cli")]
mod connection;
mod load;
mod name;
#[cfg(feature = "cli")]
mod part;
#[cfg(feature = "cli")]
mod proxy;

pub mod assign;
pub mod digest;
#[cfg(feature = "cli")]
pub mod fetch;
#[cfg(feature = "cli")]
pub mod folder;
pub mod idx;
pub mod manifest;
pub mod parts;
mod raster;
pub mod synthetic;

pub use digest::DatasetDigest;
pub use load::{SearchPaths, load, load_from};

/// Height and width of an image in pixels.
pub const SIDE: usize = 28;
/// Pixels of an image.
pub const PIXELS: usize = SIDE * SIDE;
/// Number of classes of every dataset.
pub const CLASSES: usize = 10;

/// The size of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ImageShape {
    /// 1 of a grey image, 3 (red, green, blue) of one in colour.
    pub channels: usize,
    /// Rows of pixels.
    pub height: usize,
    /// Columns of pixels.
    pub width: usize,
}

impl ImageShape {
    /// Pixels of an image, whatever its channels.
    pub fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// Values of an image: one for each pixel of each channel.
    pub fn values(&self) -> usize {
        self.channels * self.pixels()
    }
}

impl std::fmt::Display for ImageShape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            channels,
            height,
            width,
        } = self;
        match channels {
            1 => write!(f, "{height}×{width} pixels"),
            _ => write!(f, "{height}×{width} pixels in {channels} channels"),
        }
    }
}

/// The images of Fashion-MNIST, and of the stand-in.
pub const FASHION_MNIST_SHAPE: ImageShape = ImageShape {
    channels: 1,
    height: SIDE,
    width: SIDE,
};

/// The name of the dataset that [`FASHION_MNIST_CLASSES`] belong to.
pub const FASHION_MNIST: &str = "Fashion-MNIST";

/// Names of the classes of Fashion-MNIST, and of the stand-in, in the order of their labels.
pub const FASHION_MNIST_CLASSES: [&str; CLASSES] = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
];

/// Which dataset a user asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum DatasetChoice {
    /// Fashion-MNIST if it is there or can be downloaded, else the synthetic stand-in
    #[default]
    Auto,
    /// Fashion-MNIST or an error
    FashionMnist,
    /// Garments drawn by the program itself: needs no files and no network
    Synthetic,
}

/// What happens while a dataset is found and loaded, for whoever talks to the user.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// Worth a line.
    Note(&'a str),
    /// Must be seen: the result is not what the user may take it for.
    Warning(&'a str),
    /// `done` of `total` bytes of a file are there; the first event of a file comes before its
    /// first byte.
    Download {
        /// Its name.
        file: &'a str,
        /// Bytes that are there.
        done: u64,
        /// Bytes of the whole file.
        total: u64,
    },
}

/// Images with their labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// The size of each image.
    pub shape: ImageShape,
    /// How many classes there are, whether or not each has an image here.
    pub classes: usize,
    /// Bytes, image after image, each channel by channel and row by row; 0 is background.
    pub images: Vec<u8>,
    /// One label below [`classes`](Self::classes) for each image.
    pub labels: Vec<u8>,
}

/// Images and labels that make no [`Split`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidSplit {
    /// The bytes are not those of as many images as there are labels.
    #[error("{bytes} bytes are not {labels} images of {values} bytes, one for each label")]
    Length {
        /// Bytes of images.
        bytes: usize,
        /// Number of labels.
        labels: usize,
        /// Bytes of an image.
        values: usize,
    },
    /// A label stands for no class.
    #[error("label {label} of image {index} is not below {classes}")]
    Label {
        /// Index of the image.
        index: usize,
        /// Its label.
        label: u8,
        /// Number of classes.
        classes: usize,
    },
}

impl Split {
    /// Images of a size with their labels, of so many classes.
    ///
    /// # Errors
    ///
    /// If there are not as many of both, or a label is not below `classes`.
    pub fn new(
        shape: ImageShape,
        classes: usize,
        images: Vec<u8>,
        labels: Vec<u8>,
    ) -> Result<Self, InvalidSplit> {
        if Some(images.len()) != labels.len().checked_mul(shape.values()) {
            return Err(InvalidSplit::Length {
                bytes: images.len(),
                labels: labels.len(),
                values: shape.values(),
            });
        }
        let mut labelled = labels.iter().copied().enumerate();
        if let Some((index, label)) = labelled.find(|(_, label)| usize::from(*label) >= classes) {
            return Err(InvalidSplit::Label {
                index,
                label,
                classes,
            });
        }
        Ok(Self {
            shape,
            classes,
            images,
            labels,
        })
    }

    /// No image of such a size and so many classes.
    pub fn empty(shape: ImageShape, classes: usize) -> Self {
        Self {
            shape,
            classes,
            images: Vec::new(),
            labels: Vec::new(),
        }
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The bytes of image `index`.
    ///
    /// # Panics
    ///
    /// If `index` is not below [`Split::len`].
    pub fn image(&self, index: usize) -> &[u8] {
        let values = self.shape.values();
        &self.images[index * values..][..values]
    }

    /// Keeps the first `n` images; all of them if there are no more than `n`.
    pub fn truncate(&mut self, n: usize) {
        self.images.truncate(n.saturating_mul(self.shape.values()));
        self.labels.truncate(n);
    }

    /// SHA-256 of the images and of the labels, each as the unpacked file that holds them.
    pub fn sums(&self) -> [String; 2] {
        [
            idx::images_sum(self.shape, &self.images),
            idx::labels_sum(&self.labels),
        ]
    }

    /// SHA-256 of images and labels, in hexadecimal.
    pub fn digest(&self) -> String {
        let sum = Sha256::new().chain_update(&self.images);
        format!("{:x}", sum.chain_update(&self.labels).finalize())
    }

    /// Takes the last `n` images out, all of them if there are no more than `n`.
    pub fn split_off_last(&mut self, n: usize) -> Split {
        let keep = self.len().saturating_sub(n);
        Split {
            images: self.images.split_off(keep * self.shape.values()),
            labels: self.labels.split_off(keep),
            ..*self
        }
    }
}

/// A dataset under its name.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// What stands in tables, titles and files: `Fashion-MNIST`, the same with what was changed in
    /// it, `synthetic (stand-in)`, or a folder's name.
    pub name: String,
    /// Names of the classes in the order of their labels.
    pub class_names: Vec<String>,
    /// What it holds.
    pub digest: DatasetDigest,
    /// Images to train on.
    pub train: Split,
    /// Images to test with.
    pub test: Split,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_has_the_label_of_a_class_for_each_image() {
        let shape = ImageShape {
            channels: 3,
            height: 5,
            width: 7,
        };
        let split = |labels| Split::new(shape, 10, vec![0; 2 * 3 * 5 * 7], labels);
        assert_eq!(split(vec![9, 0]).map(|split| split.len()), Ok(2));
        let none = Split::new(shape, 10, Vec::new(), Vec::new());
        assert_eq!(none, Ok(Split::empty(shape, 10)));
        let length = InvalidSplit::Length {
            bytes: 210,
            labels: 3,
            values: 105,
        };
        assert_eq!(split(vec![0; 3]), Err(length));
        let error = split(vec![0, 10]).unwrap_err().to_string();
        assert_eq!(error, "label 10 of image 1 is not below 10");
    }
}
