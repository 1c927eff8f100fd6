//! Pictures of the user's own, and models for other programs.

#[path = "../common/mod.rs"]
mod common;

mod background;
mod cli;
mod export;
mod files;
mod hostile;
mod orientation;
mod output;
