//! From the device to the host.

use anyhow::{Context, Result};
use burn::Tensor;

use crate::recorder;

/// Waits for the device and reads a tensor.
///
/// # Errors
///
/// If the device failed.
pub fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    let data = tensor
        .try_into_data()
        .context("the device failed: its results cannot be read")?;
    recorder::read_back(data.as_bytes().len());
    Ok(data.iter().collect())
}
