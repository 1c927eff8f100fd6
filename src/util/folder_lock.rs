//! The lock that keeps two processes from writing to one folder.

use std::fs::{File, TryLockError};
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// The file in the folder that is locked. It stays there.
pub const LOCK: &str = ".lock";

/// The lock of a folder, held until it is dropped; the system frees it with the process.
#[derive(Debug)]
pub struct FolderLock {
    /// What the user must know where the file system has no locks, as on Lustre and some NFS.
    pub warning: Option<String>,
    _file: File,
}

impl FolderLock {
    /// Takes the lock of a folder. If another process has it, `taken` decides: with its error that
    /// is the end, else the process is waited for. Where there are no locks it goes on without.
    ///
    /// # Errors
    ///
    /// That of `taken`, or if the lock's file cannot be made.
    pub fn take(folder: &Path, taken: impl FnOnce() -> Result<()>) -> Result<Self> {
        let path = folder.join(LOCK);
        ensure!(
            !path.is_symlink(),
            "{} is a symbolic link, and a folder is not locked through one — remove it",
            path.display()
        );
        ensure!(
            path.is_file() || !path.exists(),
            "{} is not a file — remove it",
            path.display()
        );
        let mut options = File::options();
        let options = options.write(true).create(true).truncate(false);
        let file = options.open(&path).with_context(|| {
            let path = path.display();
            format!("{path} cannot be used — make its folder writable")
        })?;
        let locked = match file.try_lock() {
            Ok(()) => Ok(()),
            Err(TryLockError::Error(error)) => Err(error),
            Err(TryLockError::WouldBlock) => {
                taken()?;
                file.lock()
            }
        };
        let warning = locked.err().map(|error| {
            let folder = folder.display();
            format!("{folder} cannot be locked ({error}) — let no other process write to it now")
        });
        Ok(Self {
            warning,
            _file: file,
        })
    }
}
