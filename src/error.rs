//! The one error of the library's public functions.

use thiserror::Error as Derive;

use crate::dataset::InvalidSplit;
use crate::device::{DeviceLost, NoAdapter, OutOfMemory};
#[cfg(feature = "cli")]
use crate::run::interrupt::Interrupted;
use crate::train::Diverged;

/// What a public function returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something failed: what a program may want to tell apart has a variant of its own.
///
/// Its message is for people. It says what is wrong, and mostly what to do; `{:#}` adds the chain of causes.
#[derive(Debug, Derive)]
#[non_exhaustive]
pub enum Error {
    /// There is no such GPU.
    #[error(transparent)]
    NoAdapter(#[from] NoAdapter),
    /// A device had no memory left for a tensor.
    #[error(transparent)]
    OutOfMemory(#[from] OutOfMemory),
    /// A device can do nothing any more.
    #[error(transparent)]
    DeviceLost(#[from] DeviceLost),
    /// A model's loss is no number any more.
    #[error(transparent)]
    Diverged(#[from] Diverged),
    /// Images and labels do not belong together.
    #[error(transparent)]
    InvalidSplit(#[from] InvalidSplit),
    /// The user interrupted a run, which is saved.
    #[cfg(feature = "cli")]
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
    /// Anything else: a file, a setting, what a callback returned.
    #[error(transparent)]
    Other(anyhow::Error),
}

impl Error {
    /// An error that the library does not know, or a text: what a callback ends a training with.
    pub fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        anyhow::Error::from_boxed(error.into()).into()
    }
}

impl From<anyhow::Error> for Error {
    /// The variant of the cause that has one, however much was said about it on the way; else
    /// [`Other`](Self::Other), with all that was said.
    fn from(error: anyhow::Error) -> Self {
        fn cause<T>(error: anyhow::Error) -> std::result::Result<Error, anyhow::Error>
        where
            T: Into<Error> + std::error::Error + Send + Sync + 'static,
        {
            error.downcast::<T>().map(Into::into)
        }
        let error = match error.downcast_ref() {
            // Such a one has what was said about it in its context only.
            None | Some(Self::Other(_)) => error,
            Some(_) => return error.downcast().unwrap_or_else(Self::Other),
        };
        let found = cause::<NoAdapter>(error)
            .or_else(cause::<OutOfMemory>)
            .or_else(cause::<DeviceLost>)
            .or_else(cause::<Diverged>)
            .or_else(cause::<InvalidSplit>);
        #[cfg(feature = "cli")]
        let found = found.or_else(cause::<Interrupted>);
        found.unwrap_or_else(Self::Other)
    }
}

/// Returns an error with this text, as `anyhow::bail` does, from functions of either [`Result`].
macro_rules! bail {
    ($($text:tt)*) => {
        return Err(anyhow::anyhow!($($text)*).into())
    };
}

/// Returns an error with this text unless a condition holds: `anyhow::ensure` for either [`Result`].
macro_rules! ensure {
    ($condition:expr, $($text:tt)*) => {
        match $condition {
            true => {}
            false => $crate::error::bail!($($text)*),
        }
    };
}

pub(crate) use {bail, ensure};

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_cause_is_found_under_what_was_said_about_it() {
        let error = anyhow::Error::from(OutOfMemory).context("the weights cannot be read");
        assert!(matches!(Error::from(error), Error::OutOfMemory(_)));
        let error = anyhow::Error::from(Error::from(OutOfMemory)).context("in the second epoch");
        assert!(matches!(Error::from(error), Error::OutOfMemory(_)));
    }

    #[test]
    fn what_has_no_variant_keeps_all_that_was_said() {
        let first = Error::from(anyhow!("no such file").context("a.gz cannot be read"));
        assert_eq!(first.to_string(), "a.gz cannot be read");
        let second = Error::from(anyhow::Error::from(first).context("no dataset"));
        let whole = "no dataset: a.gz cannot be read: no such file";
        assert_eq!(format!("{second:#}"), whole);
        assert_eq!(format!("{:#}", anyhow::Error::from(second)), whole);
        assert_eq!(Error::other("stopped").to_string(), "stopped");
    }
}
