//! Recognises pictures' files, and reads them.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::kind::{HEAD, Kind, kind};
use super::{Background, Format, Picture, decode};

/// The most bytes that a file may have.
pub const MAX_FILE_BYTES: u64 = 64 << 20;

/// What the names of pictures end in: what a folder holds under such a name is missed if it is none.
const EXTENSIONS: [&str; 19] = [
    "apng", "avif", "bmp", "dib", "gif", "heic", "heif", "jfif", "jpe", "jpeg", "jpg", "jxl",
    "pjp", "pjpeg", "png", "svg", "tif", "tiff", "webp",
];

/// Whether the name of a file ends like that of a picture, be it one that is read or one that has to be
/// converted.
pub fn is_called_picture(path: &Path) -> bool {
    let extension = path.extension().and_then(OsStr::to_str).unwrap_or_default();
    EXTENSIONS.iter().any(|e| extension.eq_ignore_ascii_case(e))
}

/// Whether a file begins like a picture, be it one that is read or one that has to be converted; not
/// if it cannot be read.
pub fn begins_like_picture(path: &Path) -> bool {
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
pub fn load(path: &Path, background: Background) -> Result<(Picture, Format)> {
    let file = path.display().to_string();
    decode(&read(path, &file)?, &file, background)
}

/// Reads a picture's file, which errors call `file`.
///
/// # Errors
///
/// If there is no such file, or it has more than [`MAX_FILE_BYTES`].
pub fn read(path: &Path, file: &str) -> Result<Vec<u8>> {
    let unreadable =
        || format!("{file} cannot be read — check its name and whether you may read it");
    let metadata = fs::metadata(path).with_context(unreadable)?;
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
