//! The GPUs of this machine: which there are, and which one is meant.

use std::sync::OnceLock;

use burn_wgpu::wgpu::{self, Backends, DeviceType};
use thiserror::Error;

use super::AdapterClass;
use crate::Result;
use crate::error::bail;

/// A GPU adapter of this machine, or a software stand-in for one.
pub struct Adapter {
    pub(super) handle: wgpu::Adapter,
    pub(super) info: wgpu::AdapterInfo,
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
    pub(super) fn class(&self) -> AdapterClass {
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

/// The one that is wanted, by number or a part of its name; without, the best.
pub(super) fn pick(mut adapters: Vec<Adapter>, wanted: Option<&str>) -> Result<Adapter> {
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

/// One instance for the whole process: the Vulkan loader does not bear instances
/// that come and go on several threads.
pub(super) fn instance() -> &'static wgpu::Instance {
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
