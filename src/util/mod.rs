//! What no room owns: words and numbers for people, files that are never half-written, means.

#[cfg(feature = "cli")]
pub(crate) mod folder_lock;
#[cfg(feature = "cli")]
pub mod statistics;
#[cfg(feature = "cli")]
pub mod stdout;
pub mod text;
#[cfg(feature = "cli")]
pub(crate) mod whole_file;
