//! Which files are pictures, and reading them.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::kind::{HEAD, Kind, kind};
use super::picture::{Picture, decode};

/// The most bytes that a file may have.
pub const MAX_FILE_BYTES: u64 = 64 << 20;

/// What the names of pictures end in: what a folder holds under such a name is missed if it is none.
const EXTENSIONS: [&str; 19] = [
    "apng", "avif", "bmp", "dib", "gif", "heic", "heif", "jfif", "jpe", "jpeg", "jpg", "jxl",
    "pjp", "pjpeg", "png", "svg", "tif", "tiff", "webp",
];

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
        if !is_hidden && !path.is_dir() && is_picture(&path) {
            pictures.push(path);
        }
    }
    pictures.sort();
    Ok(pictures)
}

/// Whether a file is a picture by its name or, if it has another, by its first bytes.
pub(crate) fn is_picture(path: &Path) -> bool {
    is_called_picture(path) || begins_like_picture(path)
}

fn is_called_picture(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    EXTENSIONS.iter().any(|e| extension.eq_ignore_ascii_case(e))
}

fn begins_like_picture(path: &Path) -> bool {
    let mut head = Vec::new();
    path.is_file() // opening a pipe would wait for whoever writes to it
        && File::open(path)
            .and_then(|file| file.take(HEAD as u64).read_to_end(&mut head))
            .is_ok()
        && matches!(kind(&head), Some(Kind::Picture(_) | Kind::Foreign(_)))
}

/// Reads and decodes a picture's file.
///
/// # Errors
///
/// If there is no such file, if it has more than [`MAX_FILE_BYTES`], and as [`decode`].
pub fn load(path: &Path) -> Result<Picture> {
    let file = path.display().to_string();
    decode(&read(path, &file)?, &file)
}

fn read(path: &Path, file: &str) -> Result<Vec<u8>> {
    let unreadable =
        || format!("{file} cannot be read — check its name and whether you may read it");
    let metadata = fs::metadata(path).with_context(unreadable)?;
    if metadata.is_dir() {
        pictures_in(path).with_context(unreadable)?;
        bail!(
            "{file} is a folder that holds no picture; hidden files, and folders in it, do not count — \
             name another"
        );
    }
    // Opening a pipe would wait for whoever writes to it.
    ensure!(
        metadata.is_file(),
        "{file} is not a file — save the picture in one"
    );
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .with_context(unreadable)?;
    ensure!(
        bytes.len() as u64 <= MAX_FILE_BYTES,
        "{file} has more than {} MiB, the most that is read — scale the picture down",
        MAX_FILE_BYTES >> 20
    );
    Ok(bytes)
}
