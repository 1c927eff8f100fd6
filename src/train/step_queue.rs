//! Training steps that a GPU is given several at a time: what CubeCL holds and what a
//! [program](crate::program) needs are brought together.

use std::any::Any;
use std::collections::BTreeMap;

use burn::Tensor;
use burn::backend::TensorMetadata;
use burn::tensor::Device;
use burn_cubecl::cubecl::client::Client;
use burn_cubecl::cubecl::wgpu::WgpuServer;
use burn_wgpu::{AutoCompiler, CubeBackend, CubeTensor};

use super::{Batches, ModelSettings};
use crate::device::Gpu;
use crate::ops::adamw::{AdamStep, Buffers};
use crate::ops::dropout::Dropout;
use crate::ops::gather;
use crate::program::replay::{MAX_TIMES, Place, Replay, TOTAL};

/// Inputs of a step that are numbers of its own.
const SELECTION: &str = "selection";
const HYPER: &str = "hyper";
const MASK: &str = "mask ";
/// What is submitted together takes a device about so many seconds.
const MOMENT: f64 = 0.03;

/// Steps of one model on whole batches, of which some wait to be submitted.
pub struct StepQueue {
    replay: Replay,
    client: Client,
    class_weights: Option<CubeTensor>,
    /// Inputs that are the masks of dropout.
    masks: Vec<String>,
    /// The epoch of the batches that wait, and the buffers that they are gathered from.
    epoch: Option<([u32; 2], [CubeTensor; 4])>,
    /// Where shared tensors were when they were bound last.
    bound: BTreeMap<&'static str, Bound>,
    /// Steps that are submitted together.
    together: usize,
}

/// A tensor of CubeCL's, which stays where it is while this lives.
struct Bound {
    memory: usize,
    first: u64,
    place: Place,
    /// Keeps the memory.
    _resource: Box<dyn Any>,
}

impl StepQueue {
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
        let images = labels.shape().num_elements();
        let program = model.program(images, batch, gpu.class).compact();
        let masks = program.inputs.keys().filter(|name| name.starts_with(MASK));
        // In the order of the layers, which is not that of their names.
        let masks = (0..masks.count()).map(|number| format!("{MASK}{number}"));
        let is_field = |name: &str| [SELECTION, HYPER].contains(&name) || name.starts_with(MASK);
        let class_weights = class_weights.map(|weights| {
            let weights = weights.clone().inner().try_into_primitive::<CubeBackend>();
            weights.expect("a learner is on one device")
        });
        Some(Self {
            replay: Replay::new(gpu, &program, is_field)?,
            client: labels.client.clone(),
            class_weights,
            masks: masks.collect(),
            epoch: None,
            bound: BTreeMap::new(),
            together: 1,
        })
    }

    /// Steps that are submitted together.
    pub fn together(&self) -> usize {
        self.together
    }

    /// Chooses that number for steps that take so many seconds each.
    pub fn set_step_seconds(&mut self, seconds: f64) {
        self.together = ((MOMENT / seconds) as usize).clamp(1, MAX_TIMES);
    }

    /// Whether a recording of its steps tells the time of each launch.
    pub fn has_clock(&self) -> bool {
        self.replay.has_clock()
    }

    /// Bytes on the device besides CubeCL's.
    pub fn bytes(&self) -> u64 {
        self.replay.bytes()
    }

    /// Whether the next one of `batches` can wait with those that do.
    pub fn takes(&self, batches: &Batches) -> bool {
        let epoch = self.epoch.as_ref();
        !self.is_full() && epoch.is_none_or(|(key, _)| *key == batches.key())
    }

    /// Lets the step on the next one of `batches` wait.
    pub fn push(&mut self, batches: &mut Batches, step: &AdamStep, mut dropout: Dropout) {
        if self.epoch.is_none() {
            self.epoch = batches.on_gpu().map(|inputs| (batches.key(), inputs));
        }
        let Some(selection) = batches.peek() else {
            return;
        };
        batches.skip_batch();
        self.replay.queue();
        let selection = gather::parameters(&selection, batches.spec());
        self.replay.set(SELECTION, bytemuck::cast_slice(&selection));
        self.replay
            .set(HYPER, bytemuck::cast_slice(&step.to_array()));
        for name in &self.masks {
            let mask = dropout.next_mask().words();
            self.replay.set(name, bytemuck::cast_slice(&mask));
        }
    }

    /// Whether no step waits.
    pub fn is_empty(&self) -> bool {
        self.replay.queued() == 0
    }

    /// Whether as many wait as are submitted together.
    pub fn is_full(&self) -> bool {
        self.replay.queued() >= self.together
    }

    /// Submits the steps that wait: they change `buffers`, and add to `total` what their batches add to a tally.
    ///
    /// Where a tensor has no memory, because the device refused it, nothing is submitted: whoever reads the tally
    /// is told that batches are missing.
    pub fn submit(&mut self, buffers: &Buffers, total: &CubeTensor) {
        if self.bind(buffers, total).is_none() {
            self.replay.clear();
            return;
        }
        // What CubeCL was asked for before comes first. If that fails, the next one who waits is told.
        let _ = self.client.flush();
        self.replay.run();
    }

    /// Finds where all that is shared is now.
    fn bind(&mut self, buffers: &Buffers, total: &CubeTensor) -> Option<()> {
        let (_, [images, labels, order, target_values]) = self.epoch.take()?;
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
                self.bound.insert(name, Bound::new(tensor, memory, first)?);
                has_moved = true;
            }
        }
        if has_moved {
            let places = self.bound.iter();
            let places = places.map(|(name, bound)| (name.to_string(), bound.place.clone()));
            self.replay.bind(&places.collect());
        }
        Some(())
    }

    /// Waits until the device has taken the steps that were submitted.
    ///
    /// Whoever reads waits anyway. But while it has nothing else to do, CubeCL's thread looks for work every 150 µs,
    /// which costs a device that runs on the processor a tenth of its speed: here that thread waits, too.
    pub fn wait(&self) {
        // What fails is told to the reader.
        let replay = &self.replay;
        let _ = self.client.exclusive(|| replay.wait());
    }
}

impl Bound {
    fn new(tensor: &CubeTensor, memory: usize, first: u64) -> Option<Self> {
        let handle = tensor.handle.clone();
        let resource = tensor
            .client
            .get_resource::<WgpuServer<AutoCompiler>>(handle);
        let resource = resource.ok()?;
        let place = Place {
            buffer: resource.resource().buffer.clone(),
            offset: resource.resource().offset,
        };
        Some(Self {
            memory,
            first,
            place,
            _resource: Box::new(resource),
        })
    }
}
