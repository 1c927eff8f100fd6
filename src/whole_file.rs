//! Files that are never half-written.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use tempfile::{Builder, NamedTempFile};

/// Writes a file so that at every instant there is the old one or the new one, whole.
///
/// # Errors
///
/// If the file cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || {
        let mut file = temporary_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok::<_, std::io::Error>(())
    };
    write().with_context(|| format!("{} cannot be written", path.display()))
}

/// A temporary file with the permissions of any other: by themselves they are for their owner only.
fn temporary_in(folder: &Path) -> std::io::Result<NamedTempFile> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let permissions = std::fs::Permissions::from_mode(0o666); // less the user's umask
        Builder::new().permissions(permissions).tempfile_in(folder)
    }
    #[cfg(not(unix))]
    Builder::new().tempfile_in(folder)
}
