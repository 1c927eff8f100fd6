//! `fmnist devices`.

use crate::device;

/// Prints the adapters that `--device` can name, best first.
pub fn run() {
    let adapters = device::adapters();
    if adapters.is_empty() {
        outln!("no GPU adapter found through Vulkan, Metal or DX12; training uses the CPU");
        outln!("to use a GPU, {}", device::DRIVER_ADVICE);
        return;
    }
    for (number, adapter) in adapters.iter().enumerate() {
        outln!(
            "{number}  {}  {}  {}",
            adapter.name(),
            adapter.kind(),
            adapter.driver()
        );
    }
    if adapters.iter().all(device::Adapter::is_software) {
        outln!("software adapters only: `--backend auto` uses the CPU directly, which is faster");
    }
}
