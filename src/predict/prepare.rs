//! From a picture's file to what the models of a run see.

use std::path::Path;

use anyhow::{Context, Result};

use super::load;
use crate::dataset::{ImageShape, Resize};
use crate::picture::Background;

/// A picture as the models see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// Bytes, channel by channel and row by row.
    pub image: Vec<u8>,
    /// Whether the object was found, where one is looked for. If not, `image` may show something else.
    pub is_sure: bool,
}

/// Makes a picture into an image of this size, as the pictures were made that the models learned from;
/// without `resize` as Fashion-MNIST's were: see [`fit`](crate::picture::Picture::fit).
///
/// # Errors
///
/// If the file cannot be read, or shows nothing.
pub fn prepare(path: &Path, shape: ImageShape, resize: Option<Resize>) -> Result<Prepared> {
    if let Some(resize) = resize {
        return Ok(Prepared {
            image: load(path, Background::White)?.to_image(shape, resize),
            is_sure: true,
        });
    }
    let fitted = load(path, Background::Contrast)?.fit().with_context(|| {
        format!(
            "{} shows nothing but its background — use a picture of one thing on a plain background",
            path.display()
        )
    })?;
    Ok(Prepared {
        image: fitted.image.to_vec(),
        is_sure: fitted.is_sure,
    })
}
