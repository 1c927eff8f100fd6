//! What a command prints for its user: the reader may have gone, and the disk may be full.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::sync::Mutex;

use anyhow::{Result, anyhow};
use thiserror::Error;

use super::lock;

/// Whoever reads stdout has closed it, as `head` does: nothing failed, and no more is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("nobody reads stdout any more")]
pub struct ReaderGone;

/// What the first failure was, for work that goes on without a reader.
static FAILURE: Mutex<Option<(ErrorKind, String)>> = Mutex::new(None);

/// Prints a text to its last byte.
///
/// # Errors
///
/// [`ReaderGone`] if nobody reads; otherwise what the system says. [`check`] says it again at the
/// end to those who go on.
pub fn print(text: fmt::Arguments<'_>) -> Result<()> {
    let mut stdout = io::stdout().lock();
    noted(stdout.write_fmt(text).and_then(|()| stdout.flush()))
}

/// Makes an error of stdout one for the user, and keeps the first one for [`check`].
///
/// # Errors
///
/// As [`print()`].
pub fn noted(printed: io::Result<()>) -> Result<()> {
    let Err(error) = printed else { return Ok(()) };
    let mut failure = lock(&FAILURE);
    failure.get_or_insert((error.kind(), error.to_string()));
    drop(failure);
    check()
}

/// Whether all that was printed so far has arrived.
///
/// # Errors
///
/// As [`print()`].
pub fn check() -> Result<()> {
    let failure = lock(&FAILURE);
    match &*failure {
        None => Ok(()),
        Some((ErrorKind::BrokenPipe, _)) => Err(ReaderGone.into()),
        Some((_, error)) => Err(anyhow!(
            "stdout cannot be written: {error} — make room there, or send the output elsewhere"
        )),
    }
}
