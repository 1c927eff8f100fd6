//! From the device to the host.

use anyhow::Context;
use burn::{Tensor, tensor::Device};

#[cfg(doc)]
use super::{DeviceLost, OutOfMemory};
use super::{failure, recorder};
use crate::Result;

/// Waits until the device has done all that it was given.
///
/// # Errors
///
/// If the device failed; [`OutOfMemory`] if it had no place for a tensor on the way, [`DeviceLost`] if
/// it is gone.
pub fn wait(device: &Device) -> Result<()> {
    let waited = device.sync();
    failure::check()?;
    Ok(waited.context("the device failed")?)
}

/// Waits for the device and reads a tensor.
///
/// # Errors
///
/// If the device failed; [`OutOfMemory`] if a tensor had no place there before this one was read,
/// [`DeviceLost`] if it is gone.
pub fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    // The first only asks whether there will be data, the second waits for it.
    let data = tensor.try_into_data();
    let values = data.map(|data| data.try_into_vec());
    // What is read then is what lay in other memory, and comes without an error.
    failure::check()?;
    let unreadable = "the device failed: its results cannot be read";
    let values: Vec<f32> = values.context(unreadable)?.context(unreadable)?;
    recorder::read_back(size_of_val(&values[..]));
    Ok(values)
}
