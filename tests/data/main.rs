//! Datasets: files, downloads, what is drawn.

#[path = "../common/mod.rs"]
mod common;

mod connection;
mod dataset;
mod fetch;
mod idx;
mod idx_files;
mod other_datasets;
mod synthetic;
