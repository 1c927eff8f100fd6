//! Which device a run uses: `--backend auto|wgpu|cpu` and `--device`.
//!
//! Adapters are enumerated here, before Burn touches any, so that a machine
//! without one gets a message instead of a panic on a worker thread.

mod adapter;
mod adapter_class;
mod failure;
mod gpu;
mod memory;
mod read_back;
pub mod recorder;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::error::bail;
use crate::util::text::count;

use adapter::pick;
pub use adapter::{Adapter, DRIVER_ADVICE, NoAdapter, adapters};
pub use adapter_class::AdapterClass;
#[cfg(feature = "cli")]
pub(crate) use failure::with_advice_without_memory;
pub use failure::{
    DeviceLost, OutOfMemory, advise_if_lost, advise_without_memory, ran_out_of_memory, when_lost,
};
pub(crate) use gpu::Gpu;
use gpu::open;
pub use memory::Memory;
#[cfg(feature = "cli")]
pub(crate) use memory::proc_bytes;
pub(crate) use read_back::{read, wait};

/// The value of `--backend`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BackendChoice {
    /// A hardware GPU if there is one, else the CPU.
    #[default]
    Auto,
    /// A GPU through WebGPU: Vulkan, Metal or DX12.
    Wgpu,
    /// The CPU through ndarray.
    Cpu,
}

/// A backend of this program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// `burn-wgpu`.
    Wgpu,
    /// `burn-ndarray`.
    Cpu,
}

impl std::fmt::Display for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Wgpu => "wgpu",
            Self::Cpu => "cpu",
        })
    }
}

/// The device that was chosen, ready to use.
pub struct Selected {
    /// Burn's handle, without autodiff.
    pub device: Device,
    /// The backend it belongs to.
    pub backend: Backend,
    /// Its name for people, such as `Apple M3, Metal` or `AMD EPYC, 2 threads`.
    pub name: String,
    /// Why it was chosen, as a clause.
    pub reason: String,
    /// What the user should know, if anything.
    pub warning: Option<String>,
    /// What a GPU's kernels are chosen for.
    pub class: Option<AdapterClass>,
    /// The largest tensor, in bytes, that a GPU's kernels can address.
    pub largest_tensor: Option<u64>,
    /// The memory that tensors on the CPU share with the rest, where the system tells it.
    pub memory: Option<Memory>,
}

/// Chooses and opens a device.
///
/// `wanted` is the value of `--device`: the number of an adapter in [`adapters`],
/// or a part of its name.
///
/// # Errors
///
/// [`NoAdapter`] when there is no such adapter; another when it cannot be opened.
pub fn select(choice: BackendChoice, wanted: Option<&str>) -> Result<Selected> {
    select_as(choice, wanted, None)
}

/// Like [`select`], with the kernels of `class` in place of those of the GPU's own.
///
/// # Errors
///
/// As for [`select`].
pub fn select_as(
    choice: BackendChoice,
    wanted: Option<&str>,
    class: Option<AdapterClass>,
) -> Result<Selected> {
    match choice {
        BackendChoice::Cpu => {
            if let Some(wanted) = wanted {
                bail!(
                    "--device {wanted} names a GPU, but --backend is cpu — leave one of the two out"
                );
            }
            if class.is_some() {
                bail!(
                    "--adapter-class is of GPUs, but --backend is cpu — leave one of the two out"
                );
            }
            Ok(cpu("--backend cpu"))
        }
        BackendChoice::Wgpu => {
            let adapter = pick(adapters(), wanted)?;
            let reason = match wanted {
                Some(wanted) => format!("--device {wanted}"),
                None => "--backend wgpu".to_string(),
            };
            open(adapter, reason, class)
        }
        BackendChoice::Auto if wanted.is_some() || class.is_some() => {
            select_as(BackendChoice::Wgpu, wanted, class)
        }
        BackendChoice::Auto => match adapters().into_iter().next() {
            Some(adapter) if !adapter.is_software() => {
                let reason = format!("found a {}", adapter.kind());
                open(adapter, reason, class).or_else(|error| {
                    let mut selected = cpu("the GPU cannot be used");
                    selected.warning = Some(format!("{error:#}"));
                    Ok(selected)
                })
            }
            Some(_) => Ok(cpu("the only GPU adapter is a software one")),
            None => Ok(cpu("no GPU adapter found")),
        },
    }
}

fn cpu(reason: &str) -> Selected {
    let threads = rayon::current_num_threads();
    Selected {
        device: Device::ndarray(),
        backend: Backend::Cpu,
        name: format!("{}, {}", cpu_name(), count(threads, "thread")),
        reason: reason.to_string(),
        warning: None,
        class: None,
        largest_tensor: None,
        memory: Memory::of_process(),
    }
}

/// The processor's name where the system tells it, else its architecture.
fn cpu_name() -> String {
    std::fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_string())
        })
        .unwrap_or_else(|| format!("{} CPU", std::env::consts::ARCH))
}
