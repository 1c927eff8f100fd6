//! The operations of a training step, each on every backend.
//!
//! | operation | what it computes |
//! | --- | --- |
//! | [`gather`] | a batch: picks, augments and scales images |
//! | [`conv_relu_pool`] | the convolutional block: 3×3 or 5×5 convolution, bias, ReLU and 2×2 max-pooling or none |
//! | [`channel_norm`] | the normalisation after it |
//! | [`linear`] | the fully connected layer, with or without ReLU |
//! | [`dropout`] | zeros at random, without a mask in memory |
//! | [`cross_entropy`] | softmax, loss and the number of correct predictions |
//! | [`linear_cross_entropy`] | the last layer and its loss at once |
//! | [`adamw`] | the optimizer, for all parameters at once |
//!
//! Each has a `mod.rs` (its API and gradient), `reference.rs` (the definition, with Burn's own
//! operations; `gather` and `dropout` are defined by their random choices instead), `cpu.rs` or `cpu/` (kernels on slices), `ndarray.rs` (these on tensors), `plan.rs`
//! (launches and sizes, without a device) and `gpu.rs` (the launches of its shaders in `shaders/`). But
//! `linear_cross_entropy` is defined by the two that it joins, which the CPU takes, too.
//! What several share lies beside them.

pub mod adamw;
pub mod channel_norm;
pub mod conv_relu_pool;
pub mod cross_entropy;
pub mod dropout;
pub mod gather;
pub mod linear;
pub mod linear_cross_entropy;

mod autodiff;
#[cfg(test)]
mod grids_of_tests;
pub(crate) mod ndarray_tensor;
mod no_fusion;
pub(crate) mod partial_sums;
mod pcg4d;
mod scratch;
pub mod simd;
pub(crate) mod softmax;
mod uninit;
pub(crate) mod weights;
pub(crate) mod wgsl;
