//! Helpers without another home: words, numbers and their order for people, files that are never
//! half-written, means.

use std::sync::{Mutex, MutexGuard, PoisonError};

#[cfg(feature = "cli")]
pub(crate) mod columns;
#[cfg(feature = "cli")]
pub(crate) mod folder_lock;
#[cfg(feature = "cli")]
pub(crate) mod in_order;
pub(crate) mod json;
#[cfg(feature = "cli")]
pub(crate) mod markup;
#[cfg(feature = "cli")]
pub(crate) mod natural;
#[cfg(feature = "cli")]
pub(crate) mod side_by_side;
#[cfg(feature = "cli")]
pub mod statistics;
#[cfg(feature = "cli")]
pub mod stdout;
pub mod text;
#[cfg(feature = "cli")]
pub(crate) mod whole_file;

/// Locks what is changed as a whole or not at all, so that a panic of another thread does no harm.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
