//! Datasets: files, downloads, what is drawn.

#[path = "../common/mod.rs"]
mod common;

mod assign;
mod connection;
mod dataset;
mod fetch;
mod folder;
mod idx;
mod other_datasets;
mod synthetic;
