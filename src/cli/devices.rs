//! `fmnist devices`.

use anyhow::Result;

use crate::device;

/// Prints the adapters that `--device` can name, best first.
///
/// # Errors
///
/// If they cannot be printed.
pub fn run() -> Result<()> {
    let adapters = device::adapters();
    if adapters.is_empty() {
        outln!("no GPU adapter found through Vulkan, Metal or DX12; training uses the CPU")?;
        return outln!("to use a GPU, {}", device::DRIVER_ADVICE);
    }
    for (number, adapter) in adapters.iter().enumerate() {
        outln!(
            "{number}  {}  {}  {}",
            adapter.name(),
            adapter.kind(),
            adapter.driver()
        )?;
    }
    if adapters.iter().all(device::Adapter::is_software) {
        outln!("software adapters only: `--backend auto` uses the CPU directly, which is faster")?;
    }
    Ok(())
}
