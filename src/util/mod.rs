//! What no room owns: words and numbers for people, files that are never half-written, means.

pub(crate) mod folder_lock;
pub mod statistics;
pub mod stdout;
pub mod text;
pub(crate) mod whole_file;
