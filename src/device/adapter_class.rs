//! Classes of adapters, for which kernels are chosen.

use std::sync::Mutex;

use burn::tensor::{Device, Tensor};
use burn_cubecl::CubeDevice;
use burn_wgpu::CubeBackend;
use burn_wgpu::wgpu::DeviceType;
use serde::Serialize;

use crate::util::lock;

/// What kernels are chosen for: how many workgroups run side by side on an adapter.
///
/// Results differ between classes by rounding, and by what that decides: the winner among equal values of a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AdapterClass {
    /// The few cores of a CPU, on which Vulkan runs in software.
    Software,
    /// A GPU of some ten processors, within a CPU or beside it on the same chip.
    Integrated,
    /// A GPU of some hundred processors.
    #[default]
    Discrete,
}

impl AdapterClass {
    /// That of an adapter of this type; an unknown one is taken for a large GPU.
    pub(super) fn of_type(device_type: DeviceType) -> Self {
        match device_type {
            DeviceType::Cpu => Self::Software,
            DeviceType::IntegratedGpu => Self::Integrated,
            _ => Self::Discrete,
        }
    }

    /// Its name, as `--adapter-class` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Software => "software",
            Self::Integrated => "integrated",
            Self::Discrete => "discrete",
        }
    }

    /// Processors (multiprocessors, compute units, cores of a GPU) that want two workgroups or more each, so that
    /// one computes while another waits for memory. None where that gains nothing.
    pub fn processors(self) -> Option<usize> {
        match self {
            Self::Software => None,
            Self::Integrated => Some(32),
            Self::Discrete => Some(132),
        }
    }

    /// That of a device of Burn's; [`Discrete`](Self::Discrete) if others opened it.
    pub(crate) fn of(device: &CubeDevice) -> Self {
        let known = lock(&KNOWN);
        let found = known.iter().find(|(other, _)| other == device);
        found.map_or_else(Self::default, |(_, class)| *class)
    }

    /// Remembers that of a device.
    pub(super) fn remember(self, device: &Device) {
        let tensor = Tensor::<1>::empty([1], device).try_into_primitive::<CubeBackend>();
        if let Ok(tensor) = tensor {
            lock(&KNOWN).push((tensor.device, self));
        }
    }
}

static KNOWN: Mutex<Vec<(CubeDevice, AdapterClass)>> = Mutex::new(Vec::new());
