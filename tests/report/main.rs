//! What is shown of runs: figures, tables, pages.

#[path = "../common/mod.rs"]
mod common;

mod classes;
mod evaluation;
mod grid;
mod html;
mod training;
