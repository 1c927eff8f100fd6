//! Images with labels: where they come from and how they are held.
//!
//! - [`load()`]: finds, reads and names a dataset; the one entry point of training.
//! - [`manifest`], [`fetch`]: what Fashion-MNIST's files are, and their download.
//! - [`folder`]: pictures in folders of classes. [`assign`]: their parts, where none is given.
//! - [`idx`]: the file format. [`idx_files`], [`npz`], [`cifar`]: readers of files that hold whole
//!   datasets as arrays. [`parts`]: what they give.
//! - [`digest`]: what tells datasets apart, whatever they are called.
//! - [`synthetic`]: the stand-in for machines without the real data.

use std::borrow::Cow;

use sha2::{Digest, Sha256};
use thiserror::Error;

#[cfg(feature = "cli")]
mod connection;
mod files;
mod gzip;
mod load;
mod name;
#[cfg(feature = "cli")]
mod partial_file;
#[cfg(feature = "cli")]
mod proxy;

mod assemble;
pub mod assign;
pub mod cifar;
pub mod digest;
mod duplicates;
#[cfg(feature = "cli")]
pub mod fetch;
#[cfg(feature = "cli")]
pub mod folder;
pub mod idx;
pub mod idx_files;
mod images;
pub mod inventory;
pub mod manifest;
pub mod npz;
pub mod parts;
#[cfg(feature = "cli")]
pub mod pictures;
mod preparation;
mod raster;
mod source;
mod spec;
pub mod synthetic;

pub use digest::DatasetDigest;
pub use images::{Images, SharedBytes};
pub use inventory::Inventory;
pub use load::{SearchPaths, load, load_from};
pub use preparation::{Preparation, Resize};
pub use spec::{Channel, ImageShape, MAX_CHANNELS, SIDES, Spec};

/// Height and width of an image in pixels.
pub const SIDE: usize = 28;
/// Pixels of an image.
pub const PIXELS: usize = SIDE * SIDE;
/// Number of classes of every dataset.
pub const CLASSES: usize = 10;

/// The images of Fashion-MNIST, and of the stand-in.
pub const FASHION_MNIST_SHAPE: ImageShape = ImageShape {
    channels: 1,
    height: SIDE,
    width: SIDE,
};

/// Fashion-MNIST, and the stand-in. Of the 47 million pixels of the former, the mean is
/// 0.2860 · 255 and the deviation 0.3530 · 255.
pub const FASHION_MNIST_SPEC: Spec = Spec {
    shape: FASHION_MNIST_SHAPE,
    classes: CLASSES,
    channels: [Channel { mean: 73, std: 90 }; MAX_CHANNELS],
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
pub enum DatasetChoice {
    /// Fashion-MNIST if it is there or can be downloaded, else the synthetic stand-in.
    #[default]
    Auto,
    /// Fashion-MNIST or an error.
    FashionMnist,
    /// Garments drawn by the program itself: needs no files and no network.
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
    /// `done` of `total` pictures are decoded.
    Decoding {
        /// Decoded so far.
        done: usize,
        /// Of all.
        total: usize,
    },
}

/// Images with their labels.
#[derive(Clone, Debug)]
pub struct Split {
    /// What they have in common with the rest of their dataset.
    pub spec: Spec,
    /// An image for each label.
    pub images: Images,
    /// One label below the number of classes for each image.
    pub labels: Vec<u16>,
}

/// The same images with the same labels, wherever the bytes are.
impl PartialEq for Split {
    fn eq(&self, other: &Self) -> bool {
        self.spec == other.spec && self.labels == other.labels && self.images().eq(other.images())
    }
}

impl Eq for Split {}

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
        label: u16,
        /// Number of classes.
        classes: usize,
    },
}

impl Split {
    /// Images with their labels, as `spec` says.
    ///
    /// # Errors
    ///
    /// If there are not as many of both, or a label is no class.
    pub fn new(spec: Spec, images: Vec<u8>, labels: Vec<u16>) -> Result<Self, InvalidSplit> {
        let Spec { shape, classes, .. } = spec;
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
            spec,
            images: images.into(),
            labels,
        })
    }

    /// No image.
    pub fn empty(spec: Spec) -> Self {
        Self {
            spec,
            images: Vec::new().into(),
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
        self.images.image(index, self.spec.shape.values())
    }

    /// The bytes of all images, one after the other.
    pub fn packed(&self) -> Cow<'_, [u8]> {
        self.images.packed(self.spec.shape.values())
    }

    /// Image after image.
    pub fn images(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|index| self.image(index))
    }

    /// How many images of each class there are.
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.spec.classes];
        for &label in &self.labels {
            counts[usize::from(label)] += 1;
        }
        counts
    }

    /// Keeps the first `n` images; all of them if there are no more than `n`.
    pub fn truncate(&mut self, n: usize) {
        let extra = self.len().saturating_sub(n);
        self.split_off_last(extra);
    }

    /// SHA-256 of the images and of the labels, each as the unpacked file that holds them.
    pub fn sums(&self) -> [String; 2] {
        [
            idx::images_sum(self.spec.shape, self.len(), self.images()),
            idx::labels_sum(&self.labels),
        ]
    }

    /// SHA-256 of images and labels, in hexadecimal.
    pub fn digest(&self) -> String {
        let mut sum = Sha256::new();
        self.images().for_each(|image| sum.update(image));
        let labels = idx::labels_data(&self.labels);
        format!("{:x}", sum.chain_update(labels).finalize())
    }

    /// Takes the last `n` images out, all of them if there are no more than `n`.
    pub fn split_off_last(&mut self, n: usize) -> Split {
        let keep = self.len().saturating_sub(n);
        Split {
            images: self.images.split_off(keep, self.spec.shape.values()),
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
    /// How pictures become its images, and its parts were made. None if the parts are those of the
    /// files, and pictures become images as Fashion-MNIST's did.
    pub preparation: Option<Preparation>,
    /// What was found in a folder of pictures; none of other data.
    pub inventory: Option<Inventory>,
    /// What the user should know before training.
    pub warnings: Vec<String>,
    /// Images to train on.
    pub train: Split,
    /// Images to validate with; none if they are to be taken from those to train on.
    pub validation: Option<Split>,
    /// Images to test with.
    pub test: Split,
}

impl Dataset {
    /// Has all parts looked at as `spec` says, whose images and classes are those of the dataset.
    pub fn set_spec(&mut self, spec: Spec) {
        let parts = [&mut self.train, &mut self.test];
        for split in parts.into_iter().chain(&mut self.validation) {
            split.spec = spec;
        }
    }
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
        let spec = Spec::new(shape, 10);
        let split = |labels| Split::new(spec, vec![0; 2 * 3 * 5 * 7], labels);
        assert_eq!(split(vec![9, 0]).map(|split| split.len()), Ok(2));
        let none = Split::new(spec, Vec::new(), Vec::new());
        assert_eq!(none, Ok(Split::empty(spec)));
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
