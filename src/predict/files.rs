//! Finds the pictures that arguments name, and reads them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::picture::{self, Background, Picture, begins_like_picture, is_called_picture};

/// Puts in the place of each folder the pictures in it, sorted by name; not those in folders in it.
///
/// A picture is what begins like one or has the name of one, unless it is hidden: macOS keeps notes
/// about `boot.jpg` in `._boot.jpg`. A folder that has none, or that cannot be read, stays: [`load`]
/// says what is wrong with it.
pub fn expand(paths: &[PathBuf]) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in paths {
        match pictures_in(path) {
            Ok(pictures) if !pictures.is_empty() => files.extend(pictures),
            _ => files.push(path.clone()),
        }
    }
    files
}

fn pictures_in(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut pictures = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let is_hidden = path
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !is_hidden && !path.is_dir() && (is_called_picture(&path) || begins_like_picture(&path))
        {
            pictures.push(path);
        }
    }
    pictures.sort();
    Ok(pictures)
}

/// Reads and decodes a picture's file, on this background where it is transparent.
///
/// # Errors
///
/// If it is a folder, and as [`picture::load`].
pub fn load(path: &Path, background: Background) -> Result<Picture> {
    if path.is_dir() {
        let folder = path.display();
        pictures_in(path).with_context(|| {
            format!("{folder} cannot be read — check its name and whether you may read it")
        })?;
        bail!(
            "{folder} is a folder that holds no picture; hidden files, and folders in it, do not count — \
             name another"
        );
    }
    Ok(picture::load(path, background)?.0)
}
