//! A program on wgpu itself, many times in one submission.
//!
//! For each launch, CubeCL looks up the pipeline, allocates what the kernel writes, and makes a bind group; each
//! upload ends a submission. A program knows all that in advance: here buffers and bind groups are made once, and
//! what differs from time to time, a few numbers, goes up together for all the times that are submitted together.

mod timed;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use burn_wgpu::wgpu::{self, BufferUsages};

use super::{ALIGNMENT, Dispatch, Pipeline, Program};
use crate::device::{Gpu, recorder};
use crate::ops::wgsl::template;
use crate::util::lock;

/// Times that a submission holds at most.
pub const MAX_TIMES: usize = 16;

/// A part of a buffer.
#[derive(Clone, Debug)]
pub struct Place {
    /// The whole.
    pub buffer: wgpu::Buffer,
    /// First byte.
    pub offset: u64,
}

/// A program that is ready to run.
pub struct Replay {
    gpu: Gpu,
    launches: Vec<Launch>,
    /// Adds up the tallies.
    tally: Launch,
    memory: Vec<Memory>,
    /// Where the numbers of a time lie among them, by input.
    fields: BTreeMap<String, usize>,
    /// Bytes of a time's numbers.
    stride: usize,
    /// On the device: how many times, then the numbers of each.
    numbers: wgpu::Buffer,
    /// The same on the host.
    queued: Vec<u8>,
    times: usize,
}

/// A launch with all it needs.
struct Launch {
    name: &'static str,
    pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
    grid: [u32; 3],
    /// Buffer, first byte and bytes of each binding.
    bindings: Vec<[usize; 3]>,
    /// Of each time; one for all if there is nothing that differs.
    bind_groups: Vec<wgpu::BindGroup>,
}

/// Where a buffer of the program is.
enum Memory {
    /// Here.
    Own(wgpu::Buffer),
    /// Elsewhere: a name that [`Replay::bind`] is told the place of.
    Shared(String),
    /// Among the numbers of each time.
    Field(usize),
    /// What each time leaves, one after the other.
    Tallies(wgpu::Buffer),
}

impl Replay {
    /// Compiles a program whose inputs called `fields` are a few numbers that differ each time; the other inputs
    /// are shared with others. What its output `tally` has is added up. None if the device refuses any of it.
    pub fn new(gpu: Gpu, program: &Program, fields: impl Fn(&str) -> bool) -> Option<Self> {
        use wgpu::ErrorFilter::{Internal, OutOfMemory, Validation};
        let device = gpu.device.clone();
        let limits = device.limits();
        let most = (limits.max_storage_buffer_binding_size).min(limits.max_buffer_size);
        let mut sizes = program.buffers.iter().map(|buffer| buffer.bytes as u64);
        if sizes.any(|bytes| bytes > most) {
            return None;
        }
        let mut scopes =
            [Validation, OutOfMemory, Internal].map(|filter| Some(device.push_error_scope(filter)));
        let pipelines = Arc::clone(&gpu.pipelines);
        let replay = Self::compiled(gpu, program, fields);
        // The last one that was opened is closed first.
        let closed = scopes.iter_mut().rev().filter_map(Option::take);
        let errors = closed.filter_map(|scope| pollster::block_on(scope.pop()));
        if errors.count() > 0 {
            // What was refused may be among them.
            lock(&pipelines).clear();
            return None;
        }
        Some(replay)
    }

    fn compiled(gpu: Gpu, program: &Program, is_field: impl Fn(&str) -> bool) -> Self {
        let (mut fields, mut stride) = (BTreeMap::new(), 0);
        let names: BTreeMap<usize, &String> = program
            .inputs
            .iter()
            .map(|(name, &at)| (at, name))
            .collect();
        let tallies = gpu.buffer("tallies", MAX_TIMES * ALIGNMENT);
        let memory =
            program
                .buffers
                .iter()
                .enumerate()
                .map(|(number, buffer)| match names.get(&number) {
                    Some(&name) if is_field(name) => {
                        let at = stride;
                        fields.insert(name.clone(), at);
                        stride += buffer.bytes.next_multiple_of(ALIGNMENT);
                        Memory::Field(at)
                    }
                    Some(&name) => Memory::Shared(name.clone()),
                    None if program.outputs.get("tally") == Some(&number) => {
                        Memory::Tallies(tallies.clone())
                    }
                    None => Memory::Own(gpu.buffer(&buffer.name, buffer.bytes)),
                });
        let mut memory: Vec<Memory> = memory.collect();
        let numbers = gpu.buffer("numbers", ALIGNMENT + MAX_TIMES * stride);

        let pipelines = program.pipelines.iter();
        let pipelines: Vec<_> = pipelines.map(|pipeline| gpu.pipeline(pipeline)).collect();
        let launches = program.launches.iter();
        let launches = launches.map(
            |Dispatch {
                 pipeline,
                 bindings,
                 grid,
             }| {
                let name = program.pipelines[*pipeline].name;
                Launch::new(name, &pipelines[*pipeline], bindings.clone(), *grid)
            },
        );
        let launches = launches.collect();

        // As the last buffers: the numbers, all tallies, and what they are added to.
        let first = memory.len();
        memory.push(Memory::Own(numbers.clone()));
        memory.push(Memory::Own(tallies));
        memory.push(Memory::Shared(TOTAL.to_owned()));
        let tally = tally();
        let bindings = vec![
            [first, 0, 2 * size_of::<u32>()],
            [first + 1, 0, MAX_TIMES * ALIGNMENT],
            [first + 2, 0, 3 * size_of::<f32>()],
        ];
        let tally = Launch::new(tally.name, &gpu.pipeline(&tally), bindings, [1; 3]);
        Self {
            gpu,
            launches,
            tally,
            memory,
            fields,
            stride,
            numbers,
            queued: vec![0; ALIGNMENT + MAX_TIMES * stride],
            times: 0,
        }
    }

    /// Sets where the shared inputs and [`TOTAL`] are: to be done before the first run, and when one has moved.
    pub fn bind(&mut self, places: &BTreeMap<String, Place>) {
        for launch in self.launches.iter_mut().chain([&mut self.tally]) {
            let differs = launch.bindings.iter().any(|&[buffer, ..]| {
                matches!(self.memory[buffer], Memory::Field(_) | Memory::Tallies(_))
            });
            let times = if differs { MAX_TIMES } else { 1 };
            let layout = &launch.layout;
            let group = |time: usize| {
                let entries = launch.bindings.iter().zip(0..);
                let entries = entries.map(|(&[buffer, first, bytes], binding)| {
                    let first = first as u64;
                    let (buffer, offset) = match &self.memory[buffer] {
                        Memory::Own(buffer) => (buffer, first),
                        Memory::Shared(name) => {
                            let place = &places[name];
                            (&place.buffer, place.offset + first)
                        }
                        Memory::Field(at) => {
                            let offset = ALIGNMENT + time * self.stride + at;
                            (&self.numbers, offset as u64)
                        }
                        Memory::Tallies(buffer) => (buffer, (time * ALIGNMENT) as u64),
                    };
                    wgpu::BindGroupEntry {
                        binding,
                        resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                            buffer,
                            offset,
                            size: wgpu::BufferSize::new(bytes as u64),
                        }),
                    }
                });
                self.gpu
                    .device
                    .create_bind_group(&wgpu::BindGroupDescriptor {
                        label: None,
                        layout,
                        entries: &entries.collect::<Vec<_>>(),
                    })
            };
            launch.bind_groups = (0..times).map(group).collect();
        }
    }

    /// Bytes that it takes on the device besides what is shared.
    pub fn bytes(&self) -> u64 {
        let own = self.memory.iter().filter_map(|memory| match memory {
            Memory::Own(buffer) => Some(buffer.size()),
            _ => None,
        });
        own.sum()
    }

    /// How many times it will run.
    pub fn queued(&self) -> usize {
        self.times
    }

    /// Begins another time: its numbers are to follow.
    ///
    /// # Panics
    ///
    /// If [`MAX_TIMES`] are queued.
    pub fn queue(&mut self) {
        assert!(self.times < MAX_TIMES, "too many times in one submission");
        self.times += 1;
    }

    /// The numbers of one of the fields of the time that was [queued](Self::queue) last.
    pub fn set(&mut self, field: &str, numbers: &[u8]) {
        let first = ALIGNMENT + (self.times - 1) * self.stride + self.fields[field];
        self.queued[first..first + numbers.len()].copy_from_slice(numbers);
    }

    /// Forgets what is queued.
    pub fn clear(&mut self) {
        self.times = 0;
    }

    /// Waits until the device has done all that it was given.
    pub fn wait(&self) {
        // If it fails, those who read its results are told.
        let _ = self.gpu.device.poll(wgpu::PollType::wait_indefinitely());
    }

    /// Submits what is queued.
    ///
    /// # Panics
    ///
    /// If nothing was [bound](Self::bind).
    pub fn run(&mut self) {
        let times = std::mem::take(&mut self.times);
        let header = [times as u32, (ALIGNMENT / size_of::<f32>()) as u32];
        self.queued[..size_of_val(&header)].copy_from_slice(bytemuck::cast_slice(&header));
        let queued = &self.queued[..ALIGNMENT + times * self.stride];
        self.gpu.queue.write_buffer(&self.numbers, 0, queued);
        if recorder::is_recording() {
            recorder::uploaded(queued.len());
            return self.run_timed(times);
        }

        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        for time in 0..times {
            for launch in &self.launches {
                launch.encode(&mut pass, time);
            }
        }
        self.tally.encode(&mut pass, 0);
        drop(pass);
        self.gpu.queue.submit([encoder.finish()]);
    }
}

/// Adds up the tallies.
pub(super) fn tally() -> Pipeline {
    Pipeline {
        name: "tally/add",
        code: template!("tally/add").to_owned(),
    }
}

/// What the tallies are added to, `[3]`.
pub const TOTAL: &str = "total";

impl Launch {
    fn new(
        name: &'static str,
        pipeline: &wgpu::ComputePipeline,
        bindings: Vec<[usize; 3]>,
        grid: [u32; 3],
    ) -> Self {
        Self {
            name,
            pipeline: pipeline.clone(),
            layout: pipeline.get_bind_group_layout(0),
            grid,
            bindings,
            bind_groups: Vec::new(),
        }
    }

    fn encode(&self, pass: &mut wgpu::ComputePass<'_>, time: usize) {
        let group = &self.bind_groups[time.min(self.bind_groups.len() - 1)];
        let [x, y, z] = self.grid;
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, group, &[]);
        pass.dispatch_workgroups(x, y, z);
    }
}

impl Gpu {
    fn buffer(&self, label: &str, bytes: usize) -> wgpu::Buffer {
        self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size: bytes as u64,
            usage: BufferUsages::STORAGE | BufferUsages::COPY_DST,
            mapped_at_creation: false,
        })
    }

    /// Compiles a shader that was not compiled before.
    fn pipeline(&self, pipeline: &Pipeline) -> wgpu::ComputePipeline {
        let mut compiled = lock(&self.pipelines);
        let new = || self.compile(pipeline);
        let entry = compiled.entry(pipeline.code.clone());
        entry.or_insert_with(new).clone()
    }

    fn compile(&self, pipeline: &Pipeline) -> wgpu::ComputePipeline {
        let shader = wgpu::ShaderModuleDescriptor {
            label: Some(pipeline.name),
            source: wgpu::ShaderSource::Wgsl(Cow::Borrowed(&pipeline.code)),
        };
        let checks = wgpu::ShaderRuntimeChecks::unchecked();
        // SAFETY: the same shaders on buffers of the same sizes as CubeCL launches them, unchecked too: they guard
        // every index, and their loops end.
        let module = unsafe { self.device.create_shader_module_trusted(shader, checks) };
        self.device
            .create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(pipeline.name),
                layout: None,
                module: &module,
                entry_point: Some("main"),
                compilation_options: wgpu::PipelineCompilationOptions {
                    zero_initialize_workgroup_memory: false,
                    ..Default::default()
                },
                cache: None,
            })
    }
}
