//! Which device a run uses: `--backend auto|wgpu|cpu` and `--device`.
//!
//! Adapters are enumerated here, before Burn touches any, so that a machine
//! without one gets a message instead of a panic on a worker thread.

mod adapter_class;
mod failure;
mod memory;
mod read_back;
pub mod recorder;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use anyhow::{Context, Result, bail};
use burn::tensor::Device;
use burn_wgpu::WgpuSetup;
use burn_wgpu::wgpu::{self, Backends, DeviceType};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::util::lock;
use crate::util::text::{self, count};

pub use adapter_class::AdapterClass;
#[cfg(feature = "cli")]
pub(crate) use failure::with_advice_without_memory;
pub use failure::{
    DeviceLost, OutOfMemory, advise_if_lost, advise_without_memory, ran_out_of_memory, when_lost,
};
pub use memory::Memory;
#[cfg(feature = "cli")]
pub(crate) use memory::proc_bytes;
pub(crate) use read_back::{read, wait};

/// The value of `--backend`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
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

/// A GPU adapter of this machine, or a software stand-in for one.
pub struct Adapter {
    handle: wgpu::Adapter,
    info: wgpu::AdapterInfo,
}

impl Adapter {
    /// Name and graphics API, such as `Apple M3, Metal`.
    pub fn name(&self) -> String {
        let name: String = self.info.name.chars().filter(|c| !c.is_control()).collect();
        format!("{}, {}", name.trim(), api_name(self.info.backend))
    }

    /// `discrete GPU`, `integrated GPU`, …
    pub fn kind(&self) -> &'static str {
        match self.info.device_type {
            DeviceType::DiscreteGpu => "discrete GPU",
            DeviceType::IntegratedGpu => "integrated GPU",
            DeviceType::VirtualGpu => "virtual GPU",
            DeviceType::Cpu => "software",
            DeviceType::Other => "other",
        }
    }

    /// What kernels are chosen for on it.
    fn class(&self) -> AdapterClass {
        AdapterClass::of_type(self.info.device_type)
    }

    /// Whether it runs shaders on the CPU.
    pub fn is_software(&self) -> bool {
        self.info.device_type == DeviceType::Cpu
    }

    /// The driver's name and version, as far as it says.
    pub fn driver(&self) -> String {
        format!("{} {}", self.info.driver, self.info.driver_info)
            .trim()
            .to_string()
    }

    /// Order of preference: the smaller the better.
    fn rank(&self) -> u8 {
        match self.info.device_type {
            DeviceType::DiscreteGpu => 0,
            DeviceType::IntegratedGpu => 1,
            DeviceType::VirtualGpu => 2,
            DeviceType::Other => 3,
            DeviceType::Cpu => 4,
        }
    }
}

/// The adapters of this machine that Vulkan, Metal or DX12 offers, best first.
///
/// OpenGL is left out: it reaches the same GPUs with fewer abilities.
pub fn adapters() -> Vec<Adapter> {
    let found = pollster::block_on(instance().enumerate_adapters(Backends::PRIMARY));
    let mut adapters: Vec<Adapter> = found
        .into_iter()
        .map(|handle| Adapter {
            info: handle.get_info(),
            handle,
        })
        .collect();
    adapters.sort_by_key(Adapter::rank);
    adapters
}

/// What to do where the GPU cannot be used.
pub const DRIVER_ADVICE: &str = match cfg!(windows) {
    false => {
        "install your GPU's driver (on Linux its Vulkan driver and the package libvulkan1; \
         `mesa-vulkan-drivers` for Intel, AMD and software Vulkan), or train with --backend cpu"
    }
    true => {
        "install your GPU's driver, put Microsoft's dxcompiler.dll (from \
         https://github.com/microsoft/DirectXShaderCompiler/releases) beside the program, or train \
         with --backend cpu"
    }
};

/// There is no such GPU.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum NoAdapter {
    /// There is none at all.
    #[error("no GPU adapter found through Vulkan, Metal or DX12 — {DRIVER_ADVICE}")]
    None,
    /// There is none of this number or name.
    #[error("--device {0}: no such adapter — `fmnist devices` lists them by number and name")]
    Unknown(String),
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

fn pick(mut adapters: Vec<Adapter>, wanted: Option<&str>) -> Result<Adapter> {
    if adapters.is_empty() {
        bail!(NoAdapter::None);
    }
    let Some(wanted) = wanted else {
        return Ok(adapters.remove(0));
    };
    let part = wanted.trim().to_lowercase();
    let number: Option<usize> = part.parse().ok();
    let is_meant = |name: &str| match number {
        // A number beyond the list may still be a word of a name, such as 4090.
        Some(_) => name.split_whitespace().any(|word| word == part),
        None => !part.is_empty() && name.contains(&part),
    };
    let by_name = || {
        let mut names = adapters.iter().map(|adapter| adapter.name().to_lowercase());
        names.position(|name| is_meant(&name))
    };
    let number = number.filter(|&n| n < adapters.len());
    match number.or_else(by_name) {
        Some(index) => Ok(adapters.remove(index)),
        None => bail!(NoAdapter::Unknown(wanted.to_string())),
    }
}

/// Address space, in bytes, in which a driver may be used: with less it may crash where its own memory
/// ends. Mesa's software driver takes 2.2 GB for a small run.
const DRIVER_SPACE: u64 = 4 << 30;

fn open(adapter: Adapter, reason: String, class: Option<AdapterClass>) -> Result<Selected> {
    let name = adapter.name();
    let class = class.unwrap_or(adapter.class());
    let warning = adapter.is_software().then(|| {
        format!("{name} is a software adapter: it runs shaders on the CPU, far slower than --backend cpu")
    });
    if let Some(bytes) = memory::address_space().filter(|bytes| *bytes < DRIVER_SPACE) {
        bail!(
            "{name} cannot be opened: its driver takes more than the {} that `ulimit -v` allows — raise \
             it to {}, or use --backend cpu",
            text::bytes(bytes),
            text::bytes(DRIVER_SPACE)
        );
    }
    let context =
        || format!("{name} cannot be opened — try another one (`fmnist devices`) or --backend cpu");
    // What Burn's own set-up asks for, less what wgpu calls experimental.
    let features = adapter.handle.features()
        - wgpu::Features::MAPPABLE_PRIMARY_BUFFERS
        - wgpu::Features::all_experimental_mask();
    let request = adapter.handle.request_device(&wgpu::DeviceDescriptor {
        label: Some("fmnist"),
        required_features: features,
        required_limits: adapter.handle.limits(),
        memory_hints: wgpu::MemoryHints::MemoryUsage,
        ..Default::default()
    });
    let (device, queue) = pollster::block_on(request).with_context(context)?;
    let gpu = Gpu {
        device: device.clone(),
        queue: queue.clone(),
        class,
        pipelines: Arc::default(),
    };
    let largest_tensor = device.limits().max_storage_buffer_binding_size;
    let setup = WgpuSetup {
        instance: instance().clone(),
        backend: adapter.info.backend,
        adapter: adapter.handle,
        device,
        queue,
    };
    let device = Device::wgpu_options()
        .setup(setup)
        .init()
        .with_context(context)?;
    // After Burn, which sets handlers of its own.
    failure::watch(&gpu.device);
    class.remember(&device);
    lock(&OPEN).push((device.clone(), gpu));
    Ok(Selected {
        device,
        backend: Backend::Wgpu,
        name,
        reason,
        warning,
        class: Some(class),
        largest_tensor: Some(largest_tensor),
        memory: None,
    })
}

/// A GPU as wgpu knows it: what is submitted there runs in turn with what Burn submits.
#[derive(Clone, Debug)]
pub(crate) struct Gpu {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    pub class: AdapterClass,
    /// Those that were compiled, by their shaders' texts.
    pub pipelines: Arc<Mutex<HashMap<String, wgpu::ComputePipeline>>>,
}

/// The GPUs that [`select`] opened. Burn keeps them, too, until the process ends.
static OPEN: Mutex<Vec<(Device, Gpu)>> = Mutex::new(Vec::new());

impl Gpu {
    /// That of a device which [`select`] opened.
    pub fn of(device: &Device) -> Option<Self> {
        let open = lock(&OPEN);
        let found = open.iter().find(|(other, _)| other == device);
        found.map(|(_, gpu)| gpu.clone())
    }
}

fn cpu(reason: &str) -> Selected {
    let threads = rayon::current_num_threads();
    // burn-ndarray is deprecated upstream and ends with Burn 0.22; this is the one
    // place that names it as a device.
    #[allow(deprecated)]
    let device = Device::ndarray();
    Selected {
        device,
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

/// One instance for the whole process: the Vulkan loader does not bear instances
/// that come and go on several threads.
fn instance() -> &'static wgpu::Instance {
    static INSTANCE: OnceLock<wgpu::Instance> = OnceLock::new();
    INSTANCE.get_or_init(|| {
        wgpu::Instance::new(wgpu::InstanceDescriptor {
            backends: Backends::PRIMARY,
            backend_options: wgpu::BackendOptions {
                dx12: wgpu::Dx12BackendOptions {
                    shader_compiler: wgpu::Dx12Compiler::DynamicDxc { dxc_path: dxc() },
                    ..Default::default()
                },
                ..Default::default()
            },
            ..wgpu::InstanceDescriptor::new_without_display_handle()
        })
    })
}

/// Microsoft's shader compiler for DX12: beside the program, or wherever Windows finds one. Without it there is no
/// adapter of DX12: the compiler that Windows brings takes more than a minute for one kernel.
fn dxc() -> String {
    const DXC: &str = "dxcompiler.dll";
    let program = std::env::current_exe().ok();
    let beside = program.map(|program| program.with_file_name(DXC));
    match beside.filter(|path| path.exists()) {
        Some(path) => path.to_string_lossy().into_owned(),
        None => DXC.to_owned(),
    }
}

fn api_name(backend: wgpu::Backend) -> &'static str {
    match backend {
        wgpu::Backend::Vulkan => "Vulkan",
        wgpu::Backend::Metal => "Metal",
        wgpu::Backend::Dx12 => "DX12",
        wgpu::Backend::Gl => "OpenGL",
        wgpu::Backend::BrowserWebGpu => "WebGPU",
        wgpu::Backend::Noop => "no-op",
    }
}
