//! GPUs that are open.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use anyhow::Context;
use burn::tensor::Device;
use burn_wgpu::WgpuSetup;
use burn_wgpu::wgpu;

use super::adapter::{Adapter, instance};
use super::{AdapterClass, Backend, Selected, failure, memory};
use crate::Result;
use crate::error::bail;
use crate::util::{lock, text};

/// Address space, in bytes, in which a driver may be used: with less it may crash where its own memory
/// ends. Mesa's software driver takes 2.2 GB for a small run.
const DRIVER_SPACE: u64 = 4 << 30;

/// Opens an adapter for Burn, with the kernels of `class` or those of its own.
pub(super) fn open(
    adapter: Adapter,
    reason: String,
    class: Option<AdapterClass>,
) -> Result<Selected> {
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

/// The GPUs that [`select`](super::select) opened. Burn keeps them, too, until the process ends.
static OPEN: Mutex<Vec<(Device, Gpu)>> = Mutex::new(Vec::new());

impl Gpu {
    /// That of a device which [`select`](super::select) opened.
    pub fn of(device: &Device) -> Option<Self> {
        let open = lock(&OPEN);
        let found = open.iter().find(|(other, _)| other == device);
        found.map(|(_, gpu)| gpu.clone())
    }
}
