//! The fused block against Burn's own operations, on every device of this machine.
//!
//! `cargo bench --bench conv_relu_pool [-- cpu|wgpu] [--batch-size N] [--all-shapes]` times the shapes of the
//! convolutional network, with and without their pools, with `--all-shapes` also those of the tests, and its whole
//! training step. The two forms alternate within one run, so that both see the same noise; shown are the medians and
//! the ratio of the medians.

#[path = "../tests/common/shapes.rs"]
#[allow(dead_code)]
mod shapes;

use std::time::{Duration, Instant};

use burn::Tensor;
use burn::tensor::{Device, Distribution};
use fmnist::dataset::{FASHION_MNIST_SPEC, synthetic};
use fmnist::device::{self, BackendChoice, Selected};
use fmnist::model::{Implementation, ModelKind};
use fmnist::ops::conv_relu_pool::{BlockShape, conv_relu, conv_relu_pool, reference};
use fmnist::train::recipe::Recipe;
use fmnist::train::{Batch, DeviceSplit};
use fmnist::train::{Learner, Settings, Tally};

/// Pairs of samples are taken until the time is spent, but at least `MIN_PAIRS`.
const TIME_PER_CASE: Duration = Duration::from_secs(5);
const MIN_PAIRS: usize = 5;
/// Length of a sample: a form runs as often as fits, at least once.
const SAMPLE_MS: f64 = 50.0;

/// The program's own allocator, for both sides.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Block = fn(Tensor<4>, Tensor<4>, Tensor<1>) -> Tensor<4>;

fn main() {
    let mut wanted = None;
    let mut batch = 128;
    let mut all_shapes = false;
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--bench" => {} // from cargo
            "--batch-size" => match args.next().map(|n| n.parse()) {
                Some(Ok(n)) if n > 0 => batch = n,
                _ => usage(),
            },
            "--all-shapes" => all_shapes = true,
            "cpu" => wanted = Some(BackendChoice::Cpu),
            "wgpu" => wanted = Some(BackendChoice::Wgpu),
            _ => usage(),
        }
    }
    for choice in [BackendChoice::Wgpu, BackendChoice::Cpu] {
        if wanted.is_none_or(|wanted| wanted == choice) {
            match device::select(choice, None) {
                // On a thread of the pool, as the program does.
                Ok(selected) => {
                    rayon::scope(|_| bench_device(&selected, batch, all_shapes));
                }
                Err(error) => println!("{choice:?}: {error:#}"),
            }
        }
    }
}

fn usage() -> ! {
    eprintln!(
        "usage: cargo bench --bench conv_relu_pool [-- cpu|wgpu] [--batch-size N] [--all-shapes]"
    );
    std::process::exit(2)
}

fn bench_device(selected: &Selected, batch: usize, all_shapes: bool) {
    let (name, device) = (&selected.name, &selected.device);
    let blocks = shapes::of_model(batch);
    let without_pool = blocks.map(|block| BlockShape { pool: 1, ..block });
    let mut cases = [blocks, without_pool].concat();
    if all_shapes {
        cases.extend(shapes::all());
    }
    println!("\n{name}, batch {batch}; median ms of alternating runs");
    println!(
        "{:<48} {:>10} {:>10} {:>8}",
        "", "Burn's ops", "fused", "ratio"
    );
    for shape in cases {
        let (pool, forms): (_, [Block; 2]) = match shape.pool {
            1 => (", no pool", [reference::conv_relu, conv_relu]),
            _ => ("", [reference::conv_relu_pool, conv_relu_pool]),
        };
        let title = format!(
            "{}→{}, {}×{}{pool}",
            shape.in_channels, shape.out_channels, shape.height, shape.width
        );
        let [burn, fused] = forms.map(|block| BlockCase::new(block, shape, device));
        let forward = compare(
            &format!("{title}: forward"),
            device,
            || burn.forward(),
            || fused.forward(),
            || (),
        );
        let both = compare(
            &format!("{title}: forward + backward"),
            device,
            || burn.forward_backward(),
            || fused.forward_backward(),
            || fused.loss_alone(),
        );
        let backward = [0, 1].map(|form| both[form] - forward[form]);
        print_line(&format!("{title}: backward, the difference"), backward);
    }
    let [mut burn, mut fused] = [Implementation::Reference, Implementation::Fused]
        .map(|op| StepCase::new(op, batch, device));
    compare(
        "whole training step of the CNN",
        device,
        || burn.step(),
        || fused.step(),
        || (),
    );
}

/// One form of the block on random operands.
struct BlockCase {
    block: Block,
    input: Tensor<4>,
    weight: Tensor<4>,
    bias: Tensor<1>,
    grad_output: Tensor<4>,
}

impl BlockCase {
    fn new(block: Block, shape: BlockShape, device: &Device) -> Self {
        let device = device.clone().autodiff();
        let uniform = Distribution::Uniform(-1.0, 1.0);
        // The network's first block has no use for the gradient of its input.
        let input = Tensor::random(shape.input_dims(), uniform, &device);
        Self {
            block,
            input: if shape.in_channels == 1 {
                input
            } else {
                input.require_grad()
            },
            weight: Tensor::random(shape.weight_dims(), uniform, &device).require_grad(),
            bias: Tensor::random([shape.out_channels], uniform, &device).require_grad(),
            grad_output: Tensor::random(shape.output_dims(), uniform, &device),
        }
    }

    fn forward(&self) {
        // Without autodiff, as in evaluation.
        let (input, weight) = (self.input.clone().inner(), self.weight.clone().inner());
        (self.block)(input, weight, self.bias.clone().inner());
    }

    fn forward_backward(&self) {
        let output = (self.block)(self.input.clone(), self.weight.clone(), self.bias.clone());
        self.backward(output);
    }

    /// What [`Self::forward_backward`] does besides the block.
    fn loss_alone(&self) {
        self.backward(self.grad_output.clone().detach().require_grad());
    }

    fn backward(&self, output: Tensor<4>) {
        (output * self.grad_output.clone()).sum().backward();
    }
}

/// A network in training.
struct StepCase {
    learner: Learner,
    batch: Batch,
}

impl StepCase {
    fn new(implementation: Implementation, batch_size: usize, device: &Device) -> Self {
        let settings = Settings {
            batch_size,
            implementation,
            ..Settings::new(Recipe::Plain, &[ModelKind::Cnn], FASHION_MNIST_SPEC)
        };
        let images = synthetic::split(0, synthetic::Part::Train, batch_size);
        let images = DeviceSplit::upload(images, device);
        Self {
            learner: Learner::new(&settings.models[0], &settings, &images, device),
            batch: images.batches(batch_size).next().expect("a full batch"),
        }
    }

    fn step(&mut self) {
        let mut tally = Tally::default();
        self.learner.step(&self.batch, 0, 1e-3, &mut tally);
    }
}

/// Times both forms in turn, prints a line, and returns the medians in ms, Burn's first. What
/// `overhead` takes is left out of both.
fn compare(
    title: &str,
    device: &Device,
    mut burn: impl FnMut(),
    mut fused: impl FnMut(),
    mut overhead: impl FnMut(),
) -> [f64; 2] {
    let time = |form: &mut dyn FnMut(), repeats: usize| {
        let started = Instant::now();
        for _ in 0..repeats {
            form();
        }
        device.sync().expect("the device works");
        started.elapsed().as_secs_f64() * 1e3 / repeats as f64
    };
    // Compiles the shaders; then tells how often a form fits into a sample, which is long enough
    // for caches and clocks to settle after the other form.
    let repeats = |form: &mut dyn FnMut()| {
        time(form, 1);
        (SAMPLE_MS / time(form, 1)).clamp(1.0, 100.0) as usize
    };
    let [burn_repeats, fused_repeats, overhead_repeats] = [
        repeats(&mut burn),
        repeats(&mut fused),
        repeats(&mut overhead),
    ];

    let [mut burn_ms, mut fused_ms, mut overhead_ms] = [const { Vec::new() }; 3];
    let started = Instant::now();
    while burn_ms.len() < MIN_PAIRS || started.elapsed() < TIME_PER_CASE {
        burn_ms.push(time(&mut burn, burn_repeats));
        fused_ms.push(time(&mut fused, fused_repeats));
        overhead_ms.push(time(&mut overhead, overhead_repeats));
    }
    let overhead_ms = median(overhead_ms);
    let medians = [burn_ms, fused_ms].map(|ms| median(ms) - overhead_ms);
    print_line(title, medians);
    medians
}

fn print_line(title: &str, [burn_ms, fused_ms]: [f64; 2]) {
    let ratio = burn_ms / fused_ms;
    println!("{title:<48} {burn_ms:>10.2} {fused_ms:>10.2} {ratio:>7.1}×");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
