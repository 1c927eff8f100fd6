//! Training steps on a GPU by [`Replay`]: what CubeCL holds and what a program needs are brought together.

use std::collections::BTreeMap;

use burn::Tensor;
use burn::backend::TensorMetadata;
use burn::tensor::Device;
use burn_cubecl::cubecl::client::Client;
use burn_cubecl::cubecl::server::Handle;
use burn_cubecl::cubecl::wgpu::WgpuServer;
use burn_wgpu::{AutoCompiler, CubeBackend, CubeTensor, wgpu};

use super::{Batches, ModelSettings};
use crate::device::Gpu;
use crate::ops::adamw::{AdamStep, Buffers};
use crate::ops::dropout::Dropout;
use crate::ops::gather;
use crate::program::replay::{MOST_TIMES, Place, Replay, TOTAL};

type Server = WgpuServer<AutoCompiler>;

/// Steps on whole batches of one model.
pub struct Replayed {
    replay: Replay,
    client: Client,
    device: wgpu::Device,
    class_weights: Option<CubeTensor>,
    /// What the batches of the queued steps are made from.
    inputs: Option<[CubeTensor; 4]>,
    /// Where the shared tensors were in the last run.
    bound: BTreeMap<&'static str, Bound>,
    /// Steps that are submitted together.
    together: usize,
    masks: usize,
}

/// A tensor of CubeCL's, which stays where it is while this lives.
struct Bound {
    memory: usize,
    first: u64,
    place: Place,
    /// Keeps the memory.
    _resource: Box<dyn std::any::Any>,
}

impl Replayed {
    /// None where steps can only be taken one by one: on the CPU, on a GPU that others opened, where images are
    /// streamed, and where a device refuses.
    pub fn new(
        model: &ModelSettings,
        batches: &Batches,
        batch: usize,
        class_weights: Option<&Tensor<1>>,
        device: &Device,
    ) -> Option<Self> {
        let gpu = Gpu::of(device)?;
        let [_, labels, ..] = batches.on_gpu()?;
        let most_bindings = labels.client.properties().hardware.max_bindings as usize;
        let images = labels.shape().num_elements();
        let program = model.program(images, batch, most_bindings).compact();
        let is_field = |name: &str| name == SELECTION || name == HYPER || name.starts_with(MASK);
        let class_weights = class_weights.map(|weights| {
            let weights = weights.clone().inner().try_into_primitive::<CubeBackend>();
            weights.expect("a learner is on one device")
        });
        Some(Self {
            masks: program
                .inputs
                .keys()
                .filter(|name| name.starts_with(MASK))
                .count(),
            replay: Replay::new(&gpu, &program, is_field)?,
            client: labels.client.clone(),
            device: gpu.device,
            class_weights,
            inputs: None,
            bound: BTreeMap::new(),
            together: 1,
        })
    }

    /// Steps of so many seconds each are to come: together they are to be a moment's work.
    pub fn expect(&mut self, step_seconds: f64) {
        const MOMENT: f64 = 0.03;
        self.together = ((MOMENT / step_seconds) as usize).clamp(1, MOST_TIMES);
    }

    /// Queues the step on the next one of `batches`, which is a whole one.
    pub fn queue(&mut self, batches: &mut Batches, step: &AdamStep, mut dropout: Dropout) {
        let Some(selection) = batches.peek() else {
            return;
        };
        if self.inputs.is_none() {
            self.inputs = batches.on_gpu();
        }
        batches.skip_batch();
        self.replay.queue();
        let selection = gather::parameters(&selection, batches.spec());
        self.replay.set(SELECTION, bytemuck::cast_slice(&selection));
        self.replay
            .set(HYPER, bytemuck::cast_slice(&step.to_array()));
        for number in 0..self.masks {
            let mask = dropout.next_mask().words();
            self.replay
                .set(&format!("{MASK}{number}"), bytemuck::cast_slice(&mask));
        }
    }

    /// Whether steps are queued.
    pub fn is_empty(&self) -> bool {
        self.replay.queued() == 0
    }

    /// Whether those that are queued should be run.
    pub fn is_full(&self) -> bool {
        self.replay.queued() >= self.together
    }

    /// Takes the queued steps: changes `buffers`, and adds to `total` what the batches add to a tally.
    pub fn run(&mut self, buffers: &Buffers, total: &CubeTensor) {
        let Some([images, labels, order, target_values]) = self.inputs.take() else {
            return;
        };
        let [moments_1, moments_2] = buffers.moments;
        let mut tensors = vec![
            ("images", &images),
            ("labels", &labels),
            ("order", &order),
            ("target_values", &target_values),
            ("parameters", buffers.parameters),
            ("moments_1", moments_1),
            ("moments_2", moments_2),
            (TOTAL, total),
        ];
        tensors.extend(
            self.class_weights
                .iter()
                .map(|tensor| ("class_weights", tensor)),
        );
        tensors.extend(buffers.averages.map(|tensor| ("averages", tensor)));

        let mut has_moved = false;
        for (name, tensor) in tensors {
            let handle = &tensor.handle;
            let memory = std::ptr::from_ref(handle.memory.descriptor()).addr();
            let first = handle.offset_start.unwrap_or(0);
            let is_there = |bound: &Bound| (bound.memory, bound.first) == (memory, first);
            if !self.bound.get(name).is_some_and(is_there) {
                self.bound.insert(name, Bound::of(tensor, memory, first));
                has_moved = true;
            }
        }
        if has_moved {
            let places = self.bound.iter();
            let places = places.map(|(name, bound)| (name.to_string(), bound.place.clone()));
            self.replay.bind(&places.collect());
        }
        // What CubeCL was asked for before comes first. If that fails, the next one who waits is told.
        let _ = self.client.flush();
        self.replay.run();
    }
}

impl Replayed {
    /// Waits until the device has taken the steps that were run.
    ///
    /// Whoever reads waits anyway. But while it has nothing else to do, CubeCL's thread looks for work every 150 µs,
    /// which costs a device that runs on the processor a tenth of its speed: here that thread waits, too.
    pub fn wait(&self) {
        let device = &self.device;
        // What fails is told to the reader.
        let wait = || drop(device.poll(wgpu::PollType::wait_indefinitely()));
        let _ = self.client.exclusive(wait);
    }
}

impl Bound {
    fn of(tensor: &CubeTensor, memory: usize, first: u64) -> Self {
        let handle: Handle = tensor.handle.clone();
        let resource = tensor.client.get_resource::<Server>(handle);
        let resource = resource.expect("tensors that live have memory");
        let place = Place {
            buffer: resource.resource().buffer.clone(),
            offset: resource.resource().offset,
        };
        Self {
            memory,
            first,
            place,
            _resource: Box::new(resource),
        }
    }
}

// Inputs of a step that are numbers of its own.
const SELECTION: &str = "selection";
const HYPER: &str = "hyper";
const MASK: &str = "mask ";
