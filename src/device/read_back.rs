//! From the device to the host.

use anyhow::{Context, Result, ensure};
use burn::{Tensor, tensor::Device};

use crate::device::recorder;
use crate::device::{OutOfMemory, ran_out_of_memory};

/// Waits until the device has done all that it was given.
///
/// # Errors
///
/// If the device failed; [`OutOfMemory`] if it had no place for a tensor on the way.
pub fn wait(device: &Device) -> Result<()> {
    let waited = device.sync();
    ensure!(!ran_out_of_memory(), OutOfMemory);
    waited.context("the device failed")
}

/// Waits for the device and reads a tensor.
///
/// # Errors
///
/// If the device failed; [`OutOfMemory`] if a tensor had no place there before this one was read.
pub fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    // The first only asks whether there will be data, the second waits for it.
    let data = tensor.try_into_data();
    let values = data.map(|data| data.try_into_vec());
    // What is read then is what lay in other memory, and comes without an error.
    ensure!(!ran_out_of_memory(), OutOfMemory);
    let unreadable = "the device failed: its results cannot be read";
    let values: Vec<f32> = values.context(unreadable)?.context(unreadable)?;
    recorder::read_back(size_of_val(&values[..]));
    Ok(values)
}
