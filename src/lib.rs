//! Trains image classifiers on any GPU through WebGPU compute shaders, and on any CPU.
//!
//! Data flows one way:
//!
//! ```text
//! dataset ──▶ batches ──▶ model ──▶ train ──▶ history ──▶ report
//!                │          │
//!                └── ops ◀──┘   forward, backward and update, in shaders/*.wgsl or on the CPU
//! ```
//!
//! | module | what it is for |
//! | --- | --- |
//! | [`dataset`] | finds, downloads, reads and draws images with their labels |
//! | [`ops`] | the operations of a training step, each with its reference, CPU kernels and shaders |
//! | [`model`] | the dense and the convolutional network |
//! | [`train`] | recipes, batches, the training loop, its callbacks and its history |
//! | [`run`] | a whole run: trained, shown, saved, tested and reported, and the folder it leaves behind |
//! | [`report`] | evaluation, curves, tables, and the page that shows them |
//! | [`picture`] | pictures' files of any common format, decoded and scaled |
//! | [`predict`] | pictures of any kind, made into what the models saw in training |
//! | [`program`] | a model's launches as data, for other hosts of WebGPU |
//! | [`web`] | a trained model as a page that answers in a browser |
//! | [`export`] | trained models as ONNX and safetensors files |
//! | [`device`] | chooses a GPU or the CPU, reads from it, and notices when it fails |
//! | [`mod@bench`] | how fast a device trains, and what a step is made of |
//! | [`cli`] | the commands: parses, chooses, prints |
//! | [`util`] | text for people, files that are never half-written, means and deviations |
//!
//! # Features
//!
//! `cli`, on by default, is the program: [`mod@bench`], [`cli`], [`picture`], [`predict`], [`report`], [`run`], [`web`] and the
//! download in [`dataset`]. A crate that only wants operations, models or training takes this one with
//! `default-features = false`, and gets no parser of command lines, no plots, no network and no signal
//! handling. Nothing in the other modules ends the process.
//!
//! # Errors
//!
//! An error's message is for people; what a program may want to tell apart is a variant of [`Error`]. The modules
//! of the program return [`anyhow::Error`], of which `Error::from` finds the variant.
//!
//! # Fusion
//!
//! Burn's own feature `fusion` is not supported: it wraps the GPU backend, for which the operations are
//! implemented. A crate that turns it on does not compile, and is told so.

#![recursion_limit = "256"]
// burn-ndarray is deprecated: it ends with Burn 0.22, which this project stays on.
#![allow(deprecated)]
// Without the program its modules are named all the same.
#![cfg_attr(not(feature = "cli"), allow(rustdoc::broken_intra_doc_links))]

// What unit tests share with those in `tests`.
#[cfg(test)]
extern crate self as fmnist;

#[cfg(feature = "cli")]
pub mod bench;
#[cfg(feature = "cli")]
pub mod cli;
pub mod dataset;
pub mod device;
mod error;
pub mod export;
pub mod model;
pub mod ops;
#[cfg(feature = "cli")]
pub mod picture;
#[cfg(feature = "cli")]
pub mod predict;
pub mod program;
#[cfg(feature = "cli")]
pub mod report;
#[cfg(feature = "cli")]
pub mod run;
pub mod train;
pub mod util;
#[cfg(feature = "cli")]
pub mod web;

pub use error::{Error, Result};
