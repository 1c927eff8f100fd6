//! Kernels that count their workgroups through x and y compute the same bits on any grid.

use std::collections::BTreeSet;
use std::sync::Arc;

use burn::Tensor;
use burn::backend::{DType, TensorMetadata};
use burn::tensor::Device;
use burn_wgpu::{CubeBackend, CubeTensor};

use super::adamw::joined::Gradients;
use super::adamw::{self, AdamStep, Layout};
use super::conv_relu_pool::{self, BlockShape};
use super::linear::{self, LinearShape};
use super::partial_sums::PartialSums;
use super::wgsl::{DeviceOf, Launch, Queue, upload, view};
use crate::device::{self, AdapterClass, BackendChoice};

/// How kernels count.
const COUNT: &str = "workgroup.y * workgroups.x + workgroup.x";

/// A device that takes grids of so many rows, for kernels that count.
struct Rows<'a> {
    device: DeviceOf<'a>,
    rows: Option<u32>,
    /// Kernels that count.
    counting: BTreeSet<&'static str>,
}

impl Rows<'_> {
    fn laid(&mut self, mut plan: Launch) -> Launch {
        if plan.template.contains(COUNT) {
            self.counting.insert(plan.name);
            if let Some(rows) = self.rows {
                let [across, down, deep] = plan.grid;
                // A row more than there need be.
                plan.grid = [(across * down).div_ceil(rows), rows + 1, deep];
            }
        }
        plan
    }
}

impl Queue for Rows<'_> {
    type Tensor = CubeTensor;

    fn class(&self) -> AdapterClass {
        self.device.class()
    }

    fn empty(&mut self, dims: &[usize], dtype: DType) -> CubeTensor {
        self.device.empty(dims, dtype)
    }

    fn launch(&mut self, plan: Launch, tensors: &[&CubeTensor]) {
        let plan = self.laid(plan);
        self.device.launch(plan, tensors);
    }

    fn launch_generated(&mut self, plan: Launch, code: &Arc<str>, tensors: &[&CubeTensor]) {
        let plan = self.laid(plan);
        self.device.launch_generated(plan, code, tensors);
    }

    fn view(&self, buffer: &CubeTensor, start: usize, dims: &[usize]) -> CubeTensor {
        self.device.view(buffer, start, dims)
    }
}

fn of_class(class: AdapterClass) -> Device {
    let selected = device::select_as(BackendChoice::Wgpu, None, Some(class));
    selected.unwrap().device
}

/// Numbers between -1 and 1.
fn numbers(like: &CubeTensor, len: usize) -> CubeTensor {
    let numbers = (0..len).map(|i| (i * 7919 % 1013) as f32 / 506.0 - 1.0);
    upload(like, &numbers.collect::<Vec<f32>>())
}

fn read(tensor: &CubeTensor) -> Vec<u32> {
    let flat = view(tensor, 0, [tensor.shape().num_elements()].into());
    let values = device::read(Tensor::<1>::from_primitive::<CubeBackend>(flat)).unwrap();
    values.into_iter().map(f32::to_bits).collect()
}

fn block(queue: &mut Rows, pool: usize) -> Vec<Vec<u32>> {
    let shape = BlockShape {
        batch: 3,
        in_channels: 20,
        out_channels: 70,
        height: 11,
        width: 10,
        kernel: 3,
        pool,
    };
    let like = queue.device.0;
    let len = |dims: [usize; 4]| dims.iter().product();
    let input = numbers(like, len(shape.input_dims()));
    let weight = numbers(like, len(shape.weight_dims()));
    let bias = numbers(like, shape.out_channels);
    let (output, argmax) = conv_relu_pool::gpu::forward(queue, &shape, [&input, &weight, &bias]);
    let tensors = [&weight, &argmax, &output];
    let grad_input = conv_relu_pool::gpu::grad_input(queue, &shape, tensors);
    let tensors = [&input, &argmax, &output];
    let (grad_weight, grad_bias) = conv_relu_pool::gpu::grad_weight_bias(queue, &shape, tensors);
    [output, grad_input, grad_weight, grad_bias]
        .iter()
        .map(read)
        .collect()
}

fn layer(queue: &mut Rows) -> Vec<Vec<u32>> {
    let shape = LinearShape {
        batch: 290,
        inputs: 301,
        outputs: 133,
    };
    let like = queue.device.0;
    let input = numbers(like, shape.batch * shape.inputs);
    let weight = numbers(like, shape.inputs * shape.outputs);
    let bias = numbers(like, shape.outputs);
    let output = linear::gpu::forward(queue, &shape, [&input, &weight, &bias], true);
    let relu = Some(&output);
    let grad_input = linear::gpu::grad_input(queue, &shape, relu, [&weight, &output]);
    let (grad_weight, grad_bias) =
        linear::gpu::grad_weight_bias(queue, &shape, relu, [&input, &output]);
    [&output, &grad_input, &grad_weight, &grad_bias]
        .map(read)
        .into()
}

fn optimizer(queue: &mut Rows) -> Vec<Vec<u32>> {
    let lengths = [700, 3, 1025];
    let layout = Layout::new(lengths.iter().map(|&len| [len].into()));
    let mut first = 0;
    let sums = lengths.map(|pitch| {
        let sums = PartialSums {
            rows: first,
            count: 5,
            pitch,
            first: 0,
            stride: 4,
        };
        first += 5 * pitch;
        sums
    });
    let like = queue.device.0;
    let [parameters, moments_1] = [0; 2].map(|_| numbers(like, layout.len));
    let moments_2 = upload(like, &vec![0.25f32; layout.len]);
    let hyper = upload(like, &AdamStep::new(0.1, 0.1, 0.9, 3).to_array());
    let gradients = numbers(like, first);
    let buffers = [&parameters, &moments_1, &moments_2, &hyper];
    let sums = Gradients::Sums(&sums);
    adamw::joined::update(queue, &layout, buffers, None, &gradients, &sums);
    [&parameters, &moments_1, &moments_2].map(read).into()
}

#[test]
fn kernels_that_count_take_any_grid() {
    let mut counting = BTreeSet::new();
    for class in [
        AdapterClass::Software,
        AdapterClass::Integrated,
        AdapterClass::Discrete,
    ] {
        let device = of_class(class);
        let like = Tensor::<1>::zeros([1], &device);
        let like = like.try_into_primitive::<CubeBackend>().unwrap();
        let [planned, more @ ..] = [None, Some(1), Some(3)].map(|rows| {
            let mut queue = Rows {
                device: DeviceOf(&like),
                rows,
                counting: BTreeSet::new(),
            };
            let results = [
                block(&mut queue, 1),
                block(&mut queue, 2),
                layer(&mut queue),
                optimizer(&mut queue),
            ];
            counting.append(&mut queue.counting);
            results
        });
        for results in more {
            assert!(results == planned, "other bits on {class:?}");
        }
    }
    let all = [
        "adamw/step_of_sums",
        "conv_relu_pool/forward",
        "conv_relu_pool/grad_input",
        "conv_relu_pool/grad_weight",
        "conv_relu_pool/reduce_partials",
        "linear/forward",
        "linear/grad_input",
        "linear/grad_weight",
        "linear/sum_splits",
    ];
    assert_eq!(Vec::from_iter(counting), all);
}
