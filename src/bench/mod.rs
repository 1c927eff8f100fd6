//! How fast a device trains: what `fmnist bench` measures and prints.

pub mod ceilings;
mod spread;
mod step;
mod table;
mod until;
mod work;

use std::time::Instant;

use anyhow::Result;
use serde::Serialize;

use crate::dataset::Split;
use crate::device::{AdapterClass, Backend, Selected, proc_bytes};
use crate::model::{Architecture, ModelKind};
use crate::train::recipe::Recipe;
use crate::train::{DeviceSplit, Settings};
use ceilings::Ceilings;
use step::Steps;

pub use spread::Spread;
pub use table::table;
pub use until::{UntilReport, run_until, until_table};
pub use work::Work;

/// What was measured, as `--json` prints it. Units stand in the names; `null` is what this backend or
/// system does not tell.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Version of the program.
    pub version: &'static str,
    /// Operating system and processor architecture.
    pub platform: String,
    /// Backend that was measured.
    pub backend: Backend,
    /// Name of the GPU or CPU.
    pub device: String,
    /// Name and version of the GPU's driver.
    pub driver: Option<String>,
    /// What the GPU's kernels are chosen for.
    pub adapter_class: Option<AdapterClass>,
    /// Threads of the CPU kernels.
    pub threads: usize,
    /// Name of the dataset.
    pub dataset: String,
    /// What the settings of the step are.
    pub recipe: Recipe,
    /// Images per step.
    pub batch_size: usize,
    /// From the start of the process until the images were read and the device was open.
    pub start_up_s: f64,
    /// What the device can do at most.
    pub ceilings: Ceilings,
    /// The models in the order measured.
    pub models: Vec<ModelReport>,
    /// The most memory that the process had; a GPU's own is in [`ModelReport::device_memory_bytes`].
    pub peak_process_bytes: Option<u64>,
}

/// One model's part of a [`Report`].
#[derive(Clone, Debug, Serialize)]
pub struct ModelReport {
    /// Which model.
    pub model: ModelKind,
    /// Number of trainable weights.
    pub parameters: usize,
    /// From fresh weights to the end of the first step, pipelines compiled on the way. The second
    /// model finds some of them.
    pub first_step_s: f64,
    /// The same plus [`Report::start_up_s`].
    pub first_step_since_process_start_s: f64,
    /// Steps measured.
    pub steps: usize,
    /// Time per step.
    pub step_ms: Spread,
    /// By the median.
    pub images_per_s: f64,
    /// How long the host takes to ask an idle GPU for a step.
    pub enqueue_ms: Option<f64>,
    /// Median time per step where the same kernels are launched one by one, by Burn's operations, instead of
    /// several steps together; none where they always are.
    pub one_by_one_ms: Option<f64>,
    /// Share of a median step in which no kernel runs on the GPU, 0 to 1; none where the GPU has no timestamps.
    /// The kernels are timed one by one: where they overlap otherwise, there is less idle time than this says.
    pub idle_share: Option<f64>,
    /// Kernels launched on the GPU, Burn's own included.
    pub launches_per_step: Option<f64>,
    /// Bytes sent to the GPU.
    pub uploaded_bytes_per_step: Option<f64>,
    /// Bytes fetched from the GPU.
    pub read_back_bytes_per_step: Option<f64>,
    /// Dense arithmetic of a step, as if by plain loops: see [`Work::flop`].
    pub gflop_per_step: f64,
    /// By the median. Kernels that get by with less than the dense arithmetic may exceed the ceiling.
    pub gflop_per_s: f64,
    /// Traffic that a step cannot do without: see [`Work::bytes`].
    pub least_gb_per_step: f64,
    /// By the median. What stays in caches may exceed the ceiling.
    pub gb_per_s: f64,
    /// What timed the kernels: `device` (timestamps on the GPU) or `host`.
    pub kernel_clock: &'static str,
    /// Time of all kernels in a step. On the CPU the project's own operations count.
    pub kernels_ms_per_step: f64,
    /// What took part in it, the slowest first.
    pub kernels: Vec<KernelReport>,
    /// GPU memory in use after the last step, and set aside by the allocator.
    pub device_memory_bytes: Option<DeviceMemory>,
}

/// A kernel's part of a step.
#[derive(Clone, Debug, Serialize)]
pub struct KernelReport {
    /// A shader's file in `shaders`, the same operation on the CPU, or `Burn: ` and its kernel's type.
    pub name: String,
    /// How often it runs.
    pub calls_per_step: f64,
    /// Time of all its calls.
    pub ms_per_step: f64,
    /// Share of the time of all kernels, 0 to 1.
    pub share: f64,
}

/// Memory of a GPU in bytes.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct DeviceMemory {
    /// Held by tensors.
    pub in_use: u64,
    /// Held by the allocator, tensors included.
    pub reserved: u64,
}

/// Measures training steps as `settings` say on `images`, and what `selected` can do at most.
///
/// `steps` is how many to measure, or none for as many as take a few seconds; `process_start` is when the program began: what happened since is its start-up.
///
/// # Errors
///
/// If the device fails.
pub fn run(
    settings: &Settings,
    steps: Option<usize>,
    dataset: &str,
    images: Split,
    selected: &Selected,
    process_start: Instant,
    say: impl Fn(&str),
) -> Result<Report> {
    let start_up_s = process_start.elapsed().as_secs_f64();
    let mut models = Vec::new();
    let images = DeviceSplit::fit(images, &selected.device, selected.largest_tensor);
    for model in &settings.models {
        say(&format!("measuring the {} model", model.architecture.model));
        let measured = step::measure(model, settings, steps, &images, &selected.device)?;
        // The next model's memory is its own.
        selected.device.memory_cleanup();
        models.push(model_report(
            &model.architecture,
            settings.batch_size,
            &measured,
            start_up_s,
            selected,
        ));
    }
    say("measuring the ceilings");
    Ok(Report {
        version: env!("CARGO_PKG_VERSION"),
        platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        backend: selected.backend,
        device: selected.name.clone(),
        driver: driver(selected),
        adapter_class: selected.class,
        threads: rayon::current_num_threads(),
        dataset: dataset.to_string(),
        recipe: settings.recipe,
        batch_size: settings.batch_size,
        start_up_s,
        ceilings: Ceilings::measure(&selected.device)?,
        models,
        peak_process_bytes: peak_process_bytes(),
    })
}

fn model_report(
    architecture: &Architecture,
    batch_size: usize,
    steps: &Steps,
    start_up_s: f64,
    selected: &Selected,
) -> ModelReport {
    let work = Work::of_step(architecture, batch_size);
    let record = &steps.record;
    let per_step = |amount: usize| amount as f64 / steps.recorded_steps as f64;
    let ms_per_step = |seconds: f64| seconds * 1e3 / steps.recorded_steps as f64;
    let on_gpu = |amount: f64| (selected.backend == Backend::Wgpu).then_some(amount);

    let mut kernels: Vec<KernelReport> = record
        .kernels
        .iter()
        .map(|(name, kernel)| KernelReport {
            name: name.clone(),
            calls_per_step: per_step(kernel.calls),
            ms_per_step: ms_per_step(kernel.seconds),
            share: kernel.seconds / record.seconds(),
        })
        .collect();
    kernels.sort_by(|a, b| b.share.total_cmp(&a.share));

    let step_s = steps.step_seconds.median;
    let kernels_ms_per_step = ms_per_step(record.seconds());
    let idle_share = (1.0 - kernels_ms_per_step * 1e-3 / step_s).max(0.0);
    ModelReport {
        model: architecture.model,
        parameters: steps.parameters,
        first_step_s: steps.first_step_seconds,
        first_step_since_process_start_s: start_up_s + steps.first_step_seconds,
        steps: steps.steps,
        step_ms: steps.step_seconds.scaled(1e3),
        images_per_s: batch_size as f64 / step_s,
        enqueue_ms: on_gpu(steps.enqueue_seconds * 1e3),
        one_by_one_ms: steps.one_by_one_seconds.map(|seconds| seconds * 1e3),
        idle_share: on_gpu(idle_share).filter(|_| record.device_clock),
        launches_per_step: on_gpu(per_step(record.calls())),
        uploaded_bytes_per_step: on_gpu(per_step(record.uploaded_bytes)),
        read_back_bytes_per_step: on_gpu(per_step(record.read_back_bytes)),
        gflop_per_step: work.flop * 1e-9,
        gflop_per_s: work.flop * 1e-9 / step_s,
        least_gb_per_step: work.bytes * 1e-9,
        gb_per_s: work.bytes * 1e-9 / step_s,
        kernel_clock: if record.device_clock {
            "device"
        } else {
            "host"
        },
        kernels_ms_per_step,
        kernels,
        device_memory_bytes: steps.memory,
    }
}

fn driver(selected: &Selected) -> Option<String> {
    let adapters = match selected.backend {
        Backend::Wgpu => crate::device::adapters(),
        Backend::Cpu => Vec::new(),
    };
    let adapter = adapters
        .iter()
        .find(|adapter| adapter.name() == selected.name)?;
    Some(adapter.driver())
}

/// The most memory that this process has had, where the system tells it.
fn peak_process_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    proc_bytes(&status, "VmHWM")
}
