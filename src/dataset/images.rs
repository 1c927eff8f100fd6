//! The bytes of images, in memory or wherever else bytes can be looked at.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// Bytes that are shared, such as those of a file that is mapped into memory.
pub type SharedBytes = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// Images of one size, each channel by channel and row by row; 0 is background.
#[derive(Clone)]
pub enum Images {
    /// Image after image, in memory.
    Packed(Vec<u8>),
    /// Images among the bytes of something else, which are not copied.
    Scattered {
        /// The mapped file that holds them.
        bytes: SharedBytes,
        /// Where in it each image begins.
        starts: Vec<usize>,
    },
}

impl Images {
    /// The bytes of image `index`, of `values`.
    ///
    /// # Panics
    ///
    /// If there is no such image.
    pub fn image(&self, index: usize, values: usize) -> &[u8] {
        match self {
            Self::Packed(bytes) => &bytes[index * values..][..values],
            Self::Scattered { bytes, starts } => &(**bytes).as_ref()[starts[index]..][..values],
        }
    }

    /// Image after image.
    pub fn packed(&self, values: usize) -> Cow<'_, [u8]> {
        match self {
            Self::Packed(bytes) => Cow::Borrowed(bytes),
            Self::Scattered { starts, .. } => {
                let mut packed = Vec::with_capacity(starts.len() * values);
                for index in 0..starts.len() {
                    packed.extend_from_slice(self.image(index, values));
                }
                Cow::Owned(packed)
            }
        }
    }

    /// The same as bytes of their own.
    pub(crate) fn into_packed(self, values: usize) -> Vec<u8> {
        match self {
            Self::Packed(bytes) => bytes,
            Self::Scattered { .. } => self.packed(values).into_owned(),
        }
    }

    /// Whether these are among the bytes of something else.
    pub fn are_scattered(&self) -> bool {
        matches!(self, Self::Scattered { .. })
    }

    /// Takes the images from number `first` on out.
    pub(super) fn split_off(&mut self, first: usize, values: usize) -> Self {
        match self {
            Self::Packed(packed) => Self::Packed(packed.split_off(first * values)),
            Self::Scattered { bytes, starts } => Self::Scattered {
                bytes: bytes.clone(),
                starts: starts.split_off(first),
            },
        }
    }
}

impl From<Vec<u8>> for Images {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Packed(bytes)
    }
}

impl fmt::Debug for Images {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Packed(bytes) => write!(f, "{} bytes of images", bytes.len()),
            Self::Scattered { starts, .. } => write!(f, "{} images of others", starts.len()),
        }
    }
}
