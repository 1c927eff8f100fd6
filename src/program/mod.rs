//! A device's work as data: buffers, shaders, and the launches in their order.
//!
//! A program is written down without a device, from the same plans that Burn's operations launch, and is
//! carried out by whoever can run WebGPU: the page of [`web`](crate::web) does, and, on a GPU, training.

mod compact;
#[cfg(test)]
mod largest_of_tests;
mod predict;
pub(crate) mod replay;
#[cfg(test)]
mod shapes_of_tests;
mod train;

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::backend::DType;
use serde::Serialize;

use crate::dataset::Spec;
use crate::device::AdapterClass;
use crate::model::Architecture;
use crate::ops::gather;
use crate::ops::wgsl::{Launch, Queue};

pub use predict::{evaluate, measure, predict};
pub use train::{Parts, train};

/// Bytes: a binding may begin at multiples of so many, on every device.
const ALIGNMENT: usize = 256;

/// Buffers that a kernel binds at most in every implementation of WebGPU.
#[cfg(test)]
const MAX_BINDINGS: usize = 8;

/// Launches, in their order, and what they need.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Program {
    /// What the launches bind, in the order in which it is first needed.
    pub buffers: Vec<Buffer>,
    /// The shaders.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pipelines: Vec<Pipeline>,
    /// What is launched.
    pub launches: Vec<Dispatch>,
    /// The buffers that are written before each time, by what is written there.
    pub inputs: BTreeMap<String, usize>,
    /// The buffers to be read afterwards, by what they then hold.
    pub outputs: BTreeMap<String, usize>,
}

/// Memory of the device.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Buffer {
    /// For people.
    pub name: String,
    /// Its size; a multiple of four.
    pub bytes: usize,
    /// The first of the model's weights that it begins with, as far as it goes; without, it begins with
    /// anything.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<usize>,
}

/// A shader.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Pipeline {
    /// Its file in `shaders`.
    pub name: &'static str,
    /// WGSL with all sizes filled in. The entry point is `main`, the buffers are in group 0.
    pub code: String,
}

/// A launch of a shader.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Dispatch {
    /// Which of the program's.
    pub pipeline: usize,
    /// What it binds, in the order of its bindings: which buffer, from which of its bytes on, and how many.
    pub bindings: Vec<[usize; 3]>,
    /// Workgroups in x, y and z.
    pub grid: [u32; 3],
}

/// A launch by itself, as other programs may judge it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Listed<'a> {
    /// The shader's file in `shaders`.
    pub kernel: &'static str,
    /// Its text with all sizes filled in.
    pub wgsl: &'a str,
    /// Workgroups in x, y and z.
    pub grid: [u32; 3],
}

impl Program {
    /// All launches, in their order.
    pub fn listed(&self) -> impl Iterator<Item = Listed<'_>> {
        self.launches.iter().map(|launch| {
            let pipeline = &self.pipelines[launch.pipeline];
            Listed {
                kernel: pipeline.name,
                wgsl: &pipeline.code,
                grid: launch.grid,
            }
        })
    }
}

/// A buffer of a program that is being written.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Tensor {
    buffer: usize,
    /// Its first element in the buffer.
    start: usize,
    dims: Vec<usize>,
}

impl Tensor {
    /// The same elements in other dimensions.
    fn reshaped(self, dims: &[usize]) -> Self {
        assert_eq!(elements(&self.dims), elements(dims), "another size");
        Self {
            dims: dims.to_vec(),
            ..self
        }
    }
}

fn elements(dims: &[usize]) -> usize {
    dims.iter().product()
}

/// What the kernels of a page are chosen for, which knows little of its device: they do well on any.
pub const PAGE_CLASS: AdapterClass = AdapterClass::Software;

/// Writes a program: its queue launches nothing.
struct Writer {
    program: Program,
    class: AdapterClass,
    /// Weights that buffers begin with so far.
    weights: usize,
}

impl Writer {
    fn new(class: AdapterClass) -> Self {
        Self {
            program: Program::default(),
            class,
            weights: 0,
        }
    }

    fn buffer(&mut self, name: String, dims: &[usize], weights: Option<usize>) -> Tensor {
        self.program.buffers.push(Buffer {
            name,
            bytes: elements(dims) * size_of::<f32>(),
            weights,
        });
        Tensor {
            buffer: self.program.buffers.len() - 1,
            start: 0,
            dims: dims.to_vec(),
        }
    }

    /// What is written before each time.
    fn input(&mut self, name: &str, dims: &[usize]) -> Tensor {
        let input = self.buffer(name.to_owned(), dims, None);
        self.program.inputs.insert(name.to_owned(), input.buffer);
        input
    }

    /// The next ones of the model's weights.
    fn weights(&mut self, name: String, dims: &[usize]) -> Tensor {
        let first = self.weights;
        self.weights += elements(dims);
        self.buffer(name, dims, Some(first))
    }

    /// Moves buffers, by number, into a new one of so many bytes, each to its first byte there.
    fn join(&mut self, name: &str, places: &BTreeMap<usize, usize>, bytes: usize) -> Tensor {
        let all = self.buffer(name.to_owned(), &[bytes / size_of::<f32>()], None);
        let launches = self.program.launches.iter_mut();
        for [buffer, first, _] in launches.flat_map(|launch| &mut launch.bindings) {
            if let Some(place) = places.get(buffer) {
                *buffer = all.buffer;
                *first += place;
            }
        }
        all
    }

    /// Lets `tensor` be read afterwards.
    fn output(&mut self, name: &str, tensor: &Tensor) {
        self.program.buffers[tensor.buffer].name = name.to_owned();
        self.program.outputs.insert(name.to_owned(), tensor.buffer);
    }
}

impl Writer {
    /// Images and targets of a batch of `batch` out of `images` on the device.
    fn batch(&mut self, architecture: &Architecture, images: usize, batch: usize) -> [Tensor; 2] {
        let spec = Spec::new(architecture.input, architecture.classes);
        let words = gather::device_bytes(spec.shape, images) / size_of::<u32>();
        let tensors = [
            self.input("images", &[words]),
            self.input("labels", &[images]),
            self.input("order", &[images]),
            self.input("target_values", &[spec.shape.pixels() + 1]),
            self.input("selection", &[gather::PARAMETERS]),
        ];
        let (images, targets) = gather::gpu::gather(self, &spec, batch, tensors.each_ref());
        [images, targets]
    }
}

impl Queue for Writer {
    type Tensor = Tensor;

    fn class(&self) -> AdapterClass {
        self.class
    }

    fn empty(&mut self, dims: &[usize], _: DType) -> Tensor {
        let number = self.program.buffers.len();
        self.buffer(format!("buffer {number}"), dims, None)
    }

    fn launch(&mut self, plan: Launch, tensors: &[&Tensor]) {
        let code = plan.text(None);
        self.dispatch(plan, code, tensors);
    }

    fn launch_generated(&mut self, plan: Launch, code: &Arc<str>, tensors: &[&Tensor]) {
        let code = plan.text(Some(code));
        self.dispatch(plan, code, tensors);
    }

    fn view(&self, buffer: &Tensor, start: usize, dims: &[usize]) -> Tensor {
        Tensor {
            buffer: buffer.buffer,
            start: buffer.start + start,
            dims: dims.to_vec(),
        }
    }
}

impl Writer {
    fn dispatch(&mut self, plan: Launch, code: String, tensors: &[&Tensor]) {
        let shapes = tensors.iter().map(|tensor| tensor.dims.clone());
        plan.check(&shapes.collect::<Vec<_>>());
        let pipeline = Pipeline {
            name: plan.name,
            code,
        };
        let pipelines = &mut self.program.pipelines;
        let known = pipelines.iter().position(|other| *other == pipeline);
        let number = known.unwrap_or(pipelines.len());
        if known.is_none() {
            pipelines.push(pipeline);
        }
        let binding = |tensor: &&Tensor| {
            let bytes = |elements: usize| elements * size_of::<f32>();
            [
                tensor.buffer,
                bytes(tensor.start),
                bytes(elements(&tensor.dims)),
            ]
        };
        self.program.launches.push(Dispatch {
            pipeline: number,
            bindings: tensors.iter().map(binding).collect(),
            grid: plan.grid,
        });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::model::ModelKind;
    use crate::ops::wgsl::launched::Launched;

    /// The usual models, and a CNN with a stage of two convolutions.
    pub fn architectures(spec: Spec) -> [Architecture; 3] {
        let [dense, cnn] = ModelKind::ALL.map(|kind| Architecture::of(kind, spec));
        let staged = Architecture {
            widths: vec!["20-24".parse().unwrap(), 12.into()],
            ..cnn.clone()
        };
        [dense, cnn, staged]
    }

    /// Makes sure that a program launches what a device was given: the same shaders on the same grids,
    /// each on memory of the same size, and each buffer where that of the same number was before.
    #[track_caller]
    pub fn assert_same(program: &Program, native: &[Launched]) {
        let name = |launch: &Dispatch| program.pipelines[launch.pipeline].name;
        let written: Vec<&str> = program.launches.iter().map(name).collect();
        let launched: Vec<&str> = native.iter().map(|launch| launch.name).collect();
        assert_eq!(written, launched);
        let mut memory: HashMap<(usize, usize), usize> = HashMap::new();
        for (launch, native) in program.launches.iter().zip(native) {
            assert_eq!(program.pipelines[launch.pipeline].code, native.code);
            assert_eq!(launch.grid, native.grid, "{}", native.name);
            assert_eq!(launch.bindings.len(), native.bindings.len());
            for (place, (ours, theirs)) in launch.bindings.iter().zip(&native.bindings).enumerate()
            {
                let &[buffer, first, bytes] = ours;
                let &(address, native_first, native_bytes) = theirs;
                let what = format!("{}, binding {place}", native.name);
                assert_eq!(bytes, native_bytes, "{what}");
                // Natively gradients are tensors of their own.
                let is_joined = program.buffers[buffer].name == "gradients";
                if !is_joined && (first > 0 || bytes < program.buffers[buffer].bytes) {
                    assert_eq!(first as u64, native_first, "{what}");
                }
                let tensor = (buffer, if is_joined { first } else { 0 });
                assert_eq!(*memory.entry(tensor).or_insert(address), address, "{what}");
            }
            let other_natively: &[usize] = match native.name {
                // Gradients that are multiplied by that of the loss, which is 1.
                "cross_entropy/step" => &[2],
                "linear_cross_entropy/rows" => &[5],
                "linear_cross_entropy/sums" => &[3, 4],
                // The backward pass uploads the mask again.
                "dropout/drop" => &[1],
                _ => &[],
            };
            for &place in other_natively {
                let [buffer, first, _] = launch.bindings[place];
                memory.remove(&(buffer, first));
                memory.remove(&(buffer, 0));
            }
        }
    }
}
