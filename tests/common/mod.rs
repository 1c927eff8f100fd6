//! What several tests share: devices, real data and files of it, pictures, gradients, processes,
//! networks.
#![allow(dead_code)] // each test uses its part

/// One module of tests for each device, all from the same list.
#[allow(unused_macros)]
macro_rules! on_each_device {
    ($($test:ident),* $(,)?) => {
        mod on_cpu { $(#[test] fn $test() { super::$test(&super::cpu()); })* }
        mod on_wgpu { $(#[test] fn $test() { super::$test(&super::wgpu()); })* }
    };
}

pub mod block;
pub mod idx_files;
pub mod naive;
pub mod network;
pub mod npz_files;
pub mod pictures;
pub mod process;
pub mod sample;
pub mod shapes;

use std::mem::MaybeUninit;
use std::path::PathBuf;
use std::sync::OnceLock;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use fmnist::dataset::{self, Dataset, DatasetChoice, FASHION_MNIST_SPEC, Preparation, Split};
use fmnist::device::{self, AdapterClass, BackendChoice};
use fmnist::model::{Classifier, Implementation, ModelKind, Stage};
use fmnist::train::recipe::Recipe;
use fmnist::train::{Batch, DeviceSplit, Learner, Settings, Tally};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What a kernel makes of `len` values, all `before` until it writes them.
pub fn written_over<T: Copy>(
    before: T,
    len: usize,
    write: impl FnOnce(&mut [MaybeUninit<T>]),
) -> Vec<T> {
    let mut values = vec![MaybeUninit::new(before); len];
    write(&mut values);
    // SAFETY: they had a value before, and the kernel writes values alone.
    let values = values
        .into_iter()
        .map(|value| unsafe { value.assume_init() });
    values.collect()
}

/// The CPU, without autodiff.
pub fn cpu() -> Device {
    let selected = device::select(BackendChoice::Cpu, None).expect("the CPU is always there");
    selected.device
}

/// This machine's best adapter, without autodiff; one for all tests of a process.
pub fn wgpu() -> Device {
    static DEVICE: OnceLock<Device> = OnceLock::new();
    DEVICE
        .get_or_init(|| {
            let selected = device::select(BackendChoice::Wgpu, None).expect(
                "these tests need a GPU or software Vulkan (Debian: mesa-vulkan-drivers libvulkan1)",
            );
            println!("wgpu tests run on {}", selected.name);
            selected.device
        })
        .clone()
}

/// The same adapter as a device of its own, with the kernels of a class.
pub fn of_class(class: AdapterClass) -> Device {
    static DEVICES: [OnceLock<Device>; 3] = [const { OnceLock::new() }; 3];
    DEVICES[class as usize]
        .get_or_init(|| {
            let selected = device::select_as(BackendChoice::Wgpu, None, Some(class));
            selected.expect("the adapter opens once more").device
        })
        .clone()
}

/// The same with the kernels for many processors.
pub fn discrete() -> Device {
    of_class(AdapterClass::Discrete)
}

/// Folder of photographs: of the datasets `sign-language-digits` and `clothing`.
pub fn pictures_dir() -> PathBuf {
    let dir = std::env::var_os("FMNIST_PICTURES_DIR")
        .expect("set FMNIST_PICTURES_DIR to a folder with sign-language-digits and clothing");
    PathBuf::from(dir)
        .canonicalize()
        .expect("FMNIST_PICTURES_DIR names a folder")
}

/// Folder of the real data.
pub fn data_dir() -> PathBuf {
    let dir = std::env::var_os("FMNIST_DATA_DIR")
        .expect("set FMNIST_DATA_DIR to the folder of Fashion-MNIST's four files");
    // The program is also run in other folders.
    PathBuf::from(dir)
        .canonicalize()
        .expect("FMNIST_DATA_DIR names a folder")
}

/// The real data.
pub fn fashion_mnist() -> &'static Dataset {
    static DATA: OnceLock<Dataset> = OnceLock::new();
    DATA.get_or_init(|| {
        dataset::load(
            DatasetChoice::FashionMnist,
            Some(&data_dir()),
            &Preparation::default(),
            &mut |_| (),
        )
        .expect("the real data can be read")
    })
}

/// The first `n` images of a split.
pub fn first(split: &Split, n: usize) -> Split {
    let mut split = split.clone();
    split.truncate(n);
    split
}

/// One epoch of the plain recipe.
pub fn plain(models: &[ModelKind], batch_size: usize, seed: u64) -> Settings {
    Settings {
        epochs: 1,
        batch_size,
        seed,
        ..Settings::new(Recipe::Plain, models, FASHION_MNIST_SPEC)
    }
}

/// Stages of a CNN, as `--widths` has them.
pub fn stages<const N: usize>(stages: [&str; N]) -> Vec<Stage> {
    stages.map(|stage| stage.parse().expect("a stage")).to_vec()
}

/// A learner of the first model of these settings.
pub fn learner(settings: &Settings, training: &DeviceSplit, device: &Device) -> Learner {
    let model = &settings.models[0];
    Learner::new(model, settings, training, device)
}

/// The loss of each of the learner's first steps.
pub fn losses(learner: &mut Learner, steps: usize, rate: f64) -> Vec<f64> {
    let batches = learner.batches(1).take(steps).enumerate();
    batches
        .map(|(step, batch)| {
            let mut tally = Tally::default();
            learner.step(&batch, step, rate, &mut tally);
            tally.read().expect("the device works").loss
        })
        .collect()
}

/// Logits, loss and the gradient of every parameter, in the model's order.
pub struct Pass {
    pub logits: Vec<f32>,
    pub loss: f32,
    pub gradients: Vec<Vec<f32>>,
}

/// One forward and backward pass of `model`, whose parameters are on an autodiff device.
pub fn forward_backward(model: &Classifier, batch: &Batch) -> Pass {
    let logits = model.forward(batch.images.clone().autodiff());
    let targets = batch.targets.clone().autodiff();
    let (loss, _) = Implementation::Fused.cross_entropy(logits.clone(), targets, None);
    let gradients = GradientsParams::from_grads(loss.backward(), model);
    let mut collector = Collector {
        gradients: &gradients,
        collected: Vec::new(),
    };
    model.visit(&mut collector);
    Pass {
        logits: values(logits),
        loss: values(loss)[0],
        gradients: collector.collected,
    }
}

struct Collector<'a> {
    gradients: &'a GradientsParams,
    collected: Vec<Vec<f32>>,
}

impl ModuleVisitor for Collector<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let gradient = self
            .gradients
            .get::<D>(param.id)
            .expect("every parameter has a gradient");
        self.collected.push(values(gradient));
    }
}

/// A tensor's elements in row-major order.
pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// Largest difference between two slices, relative to the largest magnitude in `expected`.
pub fn relative_error(actual: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(actual.len(), expected.len());
    let scale = expected
        .iter()
        .fold(f32::MIN_POSITIVE, |m, e| m.max(e.abs()));
    let difference = actual
        .iter()
        .zip(expected)
        .map(|(a, e)| (a - e).abs())
        // A NaN must not be lost in the maximum.
        .fold(0.0, |m: f32, d| if d.is_nan() { d } else { m.max(d) });
    difference / scale
}

/// Numbers between -1 and 1.
pub fn random(len: usize, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..len).map(|_| rng.random_range(-1.0..1.0)).collect()
}

/// `work` panics with a message that has `part` in it.
pub fn assert_panics<R>(part: &str, work: impl FnOnce() -> R) {
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).err();
    let panic = panic.unwrap_or_else(|| panic!("no panic: {part}"));
    let message = panic.downcast_ref::<String>().expect("it has a message");
    assert!(message.contains(part), "{message}, not {part}");
}
