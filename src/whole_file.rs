//! Files that are never half-written, and that are no larger than expected.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use tempfile::{Builder, NamedTempFile};

/// What the names of unfinished files begin with. A program that was killed may leave some.
const UNFINISHED: &str = ".unfinished-";

/// Writes a file so that at every instant there is the old one or the new one, whole, even if the
/// machine loses power.
///
/// A symbolic link in its place is replaced, not followed; a device or a pipe is left as it is.
///
/// # Errors
///
/// If the file cannot be written, or something else than a file is there.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    // Whoever may write to /dev may replace /dev/null by a file, which ends the work of others.
    ensure!(
        fs::metadata(path).map_or(true, |there| there.is_file()),
        "{} is not a file, and is not replaced by one — give another name",
        path.display()
    );
    let write = || {
        let (file, folder) = unfinished(path, bytes)?;
        file.persist(path)?;
        sync_folder(folder)
    };
    write().with_context(|| format!("{} cannot be written", path.display()))
}

/// Writes a file that was not there before; at every instant there is none or the whole one.
///
/// # Errors
///
/// If there is one of this name, or if the file cannot be written.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || {
        let (file, folder) = unfinished(path, bytes)?;
        file.persist_noclobber(path)?;
        sync_folder(folder)
    };
    match write() {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => bail!(
            "{} exists already and is not overwritten — give another name",
            path.display()
        ),
        written => written.with_context(|| format!("{} cannot be written", path.display())),
    }
}

/// Reads a file of at most `limit` bytes. Anything but a regular file is refused: a device or a pipe
/// may never end.
///
/// # Errors
///
/// If the file cannot be read, or is larger.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let unreadable = || format!("{} cannot be read", path.display());
    let metadata = fs::metadata(path).with_context(unreadable)?;
    ensure!(metadata.is_file(), "{} is not a file", path.display());
    let mut bytes = Vec::new();
    // It may grow in between.
    let mut file = File::open(path).with_context(unreadable)?.take(limit + 1);
    if metadata.len() <= limit {
        file.read_to_end(&mut bytes).with_context(unreadable)?;
    }
    ensure!(
        metadata.len().max(bytes.len() as u64) <= limit,
        "{} has more than {limit} bytes, which no such file of this program has",
        path.display()
    );
    Ok(bytes)
}

/// Removes what [`write()`] and [`write_new`] left in a folder when they were killed. Nobody else may be
/// writing there.
///
/// # Errors
///
/// If the folder cannot be read, or a file cannot be removed.
pub fn remove_unfinished(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if is_unfinished(&entry.file_name()) && entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// These bytes in a file of another name, and the folder that `path` and it are in.
fn unfinished<'a>(path: &'a Path, bytes: &[u8]) -> io::Result<(NamedTempFile, &'a Path)> {
    let folder = folder_of(path);
    let mut file = temporary_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok((file, folder))
}

/// Whether a file of this name was left by a [`write()`] that was killed.
pub fn is_unfinished(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with(UNFINISHED)
}

/// Makes sure that the name of a new folder survives a loss of power.
///
/// # Errors
///
/// If the folder that it is in cannot be synced.
pub fn sync_names_of(new: &Path) -> io::Result<()> {
    sync_folder(folder_of(new))
}

/// The folder that a file or folder is in.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes sure that names in the folder survive a loss of power.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// A temporary file with the permissions of any other: by themselves they are for their owner only.
fn temporary_in(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(UNFINISHED);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666)); // less the user's umask
    }
    builder.tempfile_in(folder)
}
