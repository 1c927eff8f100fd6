//! Datasets: files, downloads, what is drawn.

#[path = "../common/mod.rs"]
mod common;

mod assign;
mod cifar;
mod connection;
mod dataset;
mod fetch;
mod folder;
mod idx;
mod idx_files;
mod npz;
mod other_datasets;
mod picture;
mod pictures;
mod sources;
mod synthetic;
