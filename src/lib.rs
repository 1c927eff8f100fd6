//! Trains image classifiers on any GPU through WebGPU compute shaders, and on any CPU.
//!
//! Data flows one way:
//!
//! ```text
//! dataset ──▶ batches ──▶ model ──▶ train ──▶ history ──▶ report
//!                           │
//!                     conv_relu_pool ◀── shaders/conv_relu_pool/*.wgsl
//! ```
//!
//! | module | what it does |
//! | --- | --- |
//! | [`dataset`] | finds, downloads, reads, draws and batches images |
//! | [`gather`] | makes a batch on the device: picks, augments and scales images |
//! | [`model`] | the dense and the convolutional network |
//! | [`conv_relu_pool`] | the fused block of the latter, on each backend |
//! | [`channel_norm`], [`linear`], [`dropout`], [`cross_entropy`], [`adamw`] | the rest of a training step, likewise |
//! | `layer_node` | how the block and the layer connect to Burn's autodiff |
//! | [`simd`], `scratch`, `slices` | what the CPU kernels share |
//! | `wgsl` | what the GPU kernels share |
//! | `pcg4d` | random words that every backend computes alike |
//! | [`train`] | recipes, the training loop, its history and its progress |
//! | [`mod@bench`], [`recorder`] | how fast a device trains, and what a step is made of |
//! | [`report`] | curves, tables and the summary of a run |
//! | [`predict`] | pictures of any kind, made into what the models saw in training |
//! | [`export`] | trained models as ONNX and safetensors files |
//! | [`run_folder`] | the files that a run leaves behind |
//! | [`device`] | chooses a GPU or the CPU, and notices when a GPU fails |
//! | [`cli`] | the commands |
//! | [`checkpoint`], `keeper`, [`interrupt`] | a training as a file, and when it is saved |
//! | [`statistics`], [`text`], [`stdout`], `whole_file`, `folder_lock`, `npy`, `host` | means and deviations, numbers for people, output that arrives or says why not, files that are never half-written, folders for one process at a time, arrays for NumPy, reading from the device |

#![recursion_limit = "256"]
#![warn(missing_docs)]

pub mod adamw;
pub mod bench;
pub mod channel_norm;
pub mod checkpoint;
pub mod cli;
pub mod conv_relu_pool;
pub mod cross_entropy;
pub mod dataset;
pub mod device;
pub mod dropout;
pub mod export;
mod folder_lock;
pub mod gather;
mod host;
pub mod interrupt;
mod keeper;
mod layer_node;
pub mod linear;
pub mod model;
pub mod npy;
mod pcg4d;
pub mod predict;
pub mod recorder;
pub mod report;
pub mod run_folder;
mod scratch;
pub mod simd;
mod slices;
pub mod statistics;
pub mod stdout;
pub mod text;
pub mod train;
mod wgsl;
mod whole_file;
