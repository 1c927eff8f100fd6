//! The device's ceilings, measured: multiply-adds per second, and memory traffic in bytes per second.

pub(crate) mod gpu;
mod ndarray;

use std::time::Instant;

use anyhow::Result;
use burn::Tensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::tensor::Device;
use serde::Serialize;

use crate::device;

/// How often [`multiply_add`] multiplies and adds.
pub const ROUNDS: usize = 1024;
/// `x ← FACTOR·x + ADDEND` approaches 1, by a `SLOWNESS`th of the distance each time.
pub const FACTOR: f32 = 1.0 - ADDEND;
/// See [`FACTOR`].
pub const ADDEND: f32 = 1.0 / SLOWNESS as f32;
const SLOWNESS: usize = 1024;

/// Lengths that both operations take are multiples of this.
pub const GRANULE: usize = 512;

/// Values for [`multiply_add`]: enough for every unit of a large GPU.
const VALUES: usize = 1 << 22;
/// Values for [`copy`]: 64 MiB to read and as much to write, more than caches hold.
const COPIED: usize = 1 << 24;

/// A sample is at least so long, and the best of so many counts: whatever else the machine does
/// makes a ceiling lower, never higher.
const SAMPLE_SECONDS: f64 = 0.05;
const SAMPLES: usize = 5;

/// The two operations, as Burn dispatches them to the backend of their tensors.
#[backend_extension(Cube, NdArray)]
pub trait CeilingKernels: Backend {
    /// See [`multiply_add`].
    fn multiply_add(values: FloatTensor<Self>) -> FloatTensor<Self>;

    /// See [`copy`].
    fn copy(source: FloatTensor<Self>, destination: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// `x ← FACTOR·x + ADDEND`, [`ROUNDS`] times for each of the values, whose number is a multiple of
/// [`GRANULE`]. In place where nobody else holds them.
pub fn multiply_add(values: Tensor<1>) -> Tensor<1> {
    Tensor::from_dispatch(Dispatch::multiply_add(values.into_dispatch()))
}

/// `destination` with the values of `source`, as many, a multiple of [`GRANULE`]. In place where
/// nobody else holds it.
pub fn copy(source: Tensor<1>, destination: Tensor<1>) -> Tensor<1> {
    let (source, destination) = (source.into_dispatch(), destination.into_dispatch());
    Tensor::from_dispatch(Dispatch::copy(source, destination))
}

/// The ceilings of a device.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ceilings {
    /// Arithmetic in f32: a multiply-add counts 2.
    pub multiply_add_gflop_per_s: f64,
    /// Traffic of a copy: a byte read and written counts 2.
    pub copy_gb_per_s: f64,
}

impl Ceilings {
    /// Measures them; takes a second or two.
    ///
    /// # Errors
    ///
    /// If the device fails.
    pub fn measure(device: &Device) -> Result<Self> {
        let mut values = Some(Tensor::zeros([VALUES], device));
        let multiply_adds = best_rate(device, || {
            values = values.take().map(multiply_add);
        })?;
        let source = Tensor::ones([COPIED], device);
        let mut destination = Some(Tensor::zeros([COPIED], device));
        let copies = best_rate(device, || {
            destination = destination.take().map(|it| copy(source.clone(), it));
        })?;
        Ok(Self {
            multiply_add_gflop_per_s: multiply_adds * (2 * VALUES * ROUNDS) as f64 * 1e-9,
            copy_gb_per_s: copies * (2 * COPIED * size_of::<f32>()) as f64 * 1e-9,
        })
    }
}

/// Runs of `work` per second.
fn best_rate(device: &Device, mut work: impl FnMut()) -> Result<f64> {
    let mut rate = |runs: usize| -> Result<f64> {
        let started = Instant::now();
        for _ in 0..runs {
            work();
        }
        device::wait(device)?;
        Ok(runs as f64 / started.elapsed().as_secs_f64())
    };
    // The first run compiles shaders and touches new memory.
    rate(1)?;
    let mut runs = 1;
    while (runs as f64) < SAMPLE_SECONDS * rate(runs)? {
        runs *= 2;
    }
    let mut best = 0.0f64;
    for _ in 0..SAMPLES {
        best = best.max(rate(runs)?);
    }
    Ok(best)
}
