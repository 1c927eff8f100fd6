//! The models' input images as files, for `--show`.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::dataset::ImageShape;
use crate::util::whole_file;

/// Where the images that the models saw are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Show {
    /// The image of the only picture.
    File(PathBuf),
    /// The folder of the images of all pictures.
    Folder {
        /// Its path.
        path: PathBuf,
        /// The names in it that are given away, in small letters: some systems know no others.
        names: HashSet<String>,
    },
}

impl Show {
    /// A file if `path` ends in `.png`, otherwise a folder, which is made if there is none.
    ///
    /// # Errors
    ///
    /// If it is a file and there are several pictures, or if the folder cannot be made.
    pub fn at(path: &Path, pictures: usize) -> Result<Self> {
        let is_png = path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("png"));
        if is_png && !path.is_dir() {
            ensure!(
                pictures == 1,
                "--show {}: one file cannot hold the images of {pictures} pictures — name a folder",
                path.display()
            );
            return Ok(Self::File(path.to_owned()));
        }
        fs::create_dir_all(path).with_context(|| {
            format!(
                "--show {}: this folder cannot be made — name another",
                path.display()
            )
        })?;
        Ok(Self::Folder {
            path: path.to_owned(),
            names: HashSet::new(),
        })
    }

    /// Writes the image that was made of `picture`; in a folder that of `boot.jpg` is
    /// `boot.jpg.png`, and that of another `boot.jpg` is `boot.jpg-2.png`.
    ///
    /// # Errors
    ///
    /// As [`write_png`].
    pub fn write(&mut self, picture: &Path, image: &[u8], shape: ImageShape) -> Result<()> {
        match self {
            Self::File(path) => write_png(path, image, shape),
            Self::Folder { path, names } => {
                write_png(&path.join(new_name(picture, names)), image, shape)
            }
        }
    }
}

/// A name after that of `picture` that is not given away yet.
fn new_name(picture: &Path, names: &mut HashSet<String>) -> OsString {
    let mut times = 1;
    loop {
        let mut name = picture.file_name().unwrap_or_default().to_owned();
        if times > 1 {
            name.push(format!("-{times}"));
        }
        name.push(".png");
        if names.insert(name.to_string_lossy().to_lowercase()) {
            return name;
        }
        times += 1;
    }
}

/// Writes an image, `[channels, height, width]`, as a PNG in grey or in colour.
///
/// # Errors
///
/// If a file of this name exists, or if it cannot be written.
pub fn write_png(path: &Path, image: &[u8], shape: ImageShape) -> Result<()> {
    let mut bytes = Vec::new();
    let [width, height] = [shape.width, shape.height].map(u32::try_from);
    let mut encoder = png::Encoder::new(&mut bytes, width?, height?);
    encoder.set_color(match shape.channels {
        1 => png::ColorType::Grayscale,
        _ => png::ColorType::Rgb,
    });
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    let channels = image.chunks_exact(shape.pixels());
    let pixel = |at: usize| channels.clone().map(move |channel| channel[at]);
    let interleaved: Vec<u8> = (0..shape.pixels()).flat_map(pixel).collect();
    writer.write_image_data(&interleaved)?;
    writer.finish()?;
    whole_file::write_new(path, &bytes)
}
