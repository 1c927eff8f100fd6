//! Files that are never half-written, and that are no larger than expected.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use tempfile::{Builder, NamedTempFile, TempPath};

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
    write_with(path, |file| Ok(file.write_all(bytes)?))
}

/// The same with the bytes that `fill` writes.
///
/// # Errors
///
/// As of [`write()`], and if `fill` fails.
pub fn write_with(path: &Path, fill: impl FnOnce(&mut File) -> Result<()>) -> Result<()> {
    // Whoever may write to /dev may replace /dev/null by a file, which ends the work of others.
    ensure!(
        fs::metadata(path).map_or(true, |there| there.is_file()),
        "{} is not a file, and is not replaced by one — move it away, or give another name",
        path.display()
    );
    let write = || {
        let persisted = unfinished(path, fill)?.persist(path);
        persisted.map_err(io::Error::from)?;
        Ok(sync_names_of(path)?)
    };
    let written: Result<()> = write();
    written.with_context(|| format!("{} cannot be written", path.display()))
}

/// Writes a file that was not there before; at every instant there is none or the whole one. A file
/// system that can neither link nor spare a name when it renames shows an empty one for a moment.
///
/// # Errors
///
/// If there is one of this name, or if the file cannot be written.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || {
        persist_new(unfinished(path, |file| file.write_all(bytes))?, path)?;
        sync_names_of(path)
    };
    match write() {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => bail!(
            "{} exists already and is not overwritten — give another name",
            path.display()
        ),
        written => written.with_context(|| {
            format!(
                "{} cannot be written — name a file elsewhere",
                path.display()
            )
        }),
    }
}

/// Gives a file the name `path`, which must be free.
fn persist_new(file: TempPath, path: &Path) -> io::Result<()> {
    let file = match file.persist_noclobber(path) {
        Err(refused) if refused.error.kind() != ErrorKind::AlreadyExists => refused.path,
        persisted => return Ok(persisted?),
    };
    // As on FAT: an empty file takes the name if it is free, and is replaced.
    File::create_new(path)?;
    file.persist(path).map_err(|refused| {
        // What refused the new file may refuse this too, and is told.
        drop(fs::remove_file(path));
        refused.error
    })
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

/// Removes what [`write()`] and [`write_new`] left in a folder when they were killed. What another
/// process is just writing there fails.
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

/// Removes the unfinished files in a folder that no process has [locked](File::lock), as far as that can be
/// done.
pub fn remove_abandoned(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if is_file
            && is_unfinished(&entry.file_name())
            && File::open(&path).is_ok_and(|file| file.try_lock().is_ok())
        {
            drop(fs::remove_file(path));
        }
    }
}

/// What `fill` writes, synced, in a file of another name in the folder of `path`. It is closed: some file
/// systems rename no open file.
fn unfinished<E: From<io::Error>>(
    path: &Path,
    fill: impl FnOnce(&mut File) -> Result<(), E>,
) -> Result<TempPath, E> {
    let mut file = temporary_in(folder_of(path))?;
    fill(file.as_file_mut())?;
    sync(file.as_file())?;
    Ok(file.into_temp_path())
}

/// Finds out whether files can be made in a folder.
///
/// # Errors
///
/// If none can.
pub fn try_folder(folder: &Path) -> io::Result<()> {
    temporary_in(folder).map(drop)
}

/// Whether a file of this name was left by a [`write()`] that was killed.
pub fn is_unfinished(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with(UNFINISHED)
}

/// Makes sure that a file survives a loss of power, if its file system can do that.
///
/// # Errors
///
/// If it cannot be synced for another reason.
pub fn sync(file: &File) -> io::Result<()> {
    match file.sync_all() {
        Err(error) if no_such_operation(&error) => Ok(()),
        synced => synced,
    }
}

/// Makes sure that the name of a new file or folder survives a loss of power, if its file system can
/// do that.
///
/// # Errors
///
/// If the folder that it is in cannot be synced for another reason.
#[cfg(unix)]
pub fn sync_names_of(new: &Path) -> io::Result<()> {
    use rustix::io::Errno;
    match File::open(folder_of(new)).and_then(|folder| folder.sync_all()) {
        Err(error) if no_such_operation(&error) => Ok(()),
        // Who may write to a folder may not be allowed to read it, and must, to sync it.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        // Nor can it be opened for writing, which some file systems want.
        Err(error) if Errno::from_io_error(&error) == Some(Errno::BADF) => Ok(()),
        synced => synced,
    }
}

#[cfg(not(unix))]
pub fn sync_names_of(_new: &Path) -> io::Result<()> {
    Ok(())
}

/// Whether this is how a file system says that it has no such operation.
#[cfg(unix)]
fn no_such_operation(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let answers = [
        Errno::INVAL,
        Errno::NOSYS,
        Errno::NOTSUP,
        Errno::OPNOTSUPP,
        Errno::NOTTY,
    ];
    Errno::from_io_error(error).is_some_and(|errno| answers.contains(&errno))
}

#[cfg(not(unix))]
fn no_such_operation(_error: &io::Error) -> bool {
    false
}

/// The folder that a file or folder is in.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A temporary file with the permissions of any other: by themselves they are for their owner only.
///
/// # Errors
///
/// If none can be made there.
pub fn temporary_in(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(UNFINISHED);
    builder.make_in(folder, |path| File::create_new(path))
}
