//! What the training loop does besides learning: it reads metrics back and keeps its memory.

#[macro_use]
mod common;

use std::fs;

use burn::module::Module;
use burn::tensor::Device;
use common::{cpu, fashion_mnist, first, learner, plain, wgpu};
use fmnist::Result;
use fmnist::dataset::FASHION_MNIST_SPEC;
use fmnist::model::ModelKind;
use fmnist::train::recipe::Recipe;
use fmnist::train::{Callback, DeviceSplit, Learner, Settings, Step, Tally};

/// One test for all, since memory is the whole process's.
#[test]
fn reading_changes_nothing_and_memory_stays() {
    for device in [cpu(), wgpu()] {
        reading_metrics_back_changes_no_weight(&device);
        memory_stays_constant_over_200_epochs(&device);
    }
}

fn weights(learner: &mut Learner) -> Vec<u8> {
    let record = learner.model().into_record();
    record.into_bytes().expect("weights become bytes").to_vec()
}

/// The recipe with everything in it, on the dense model with odd batches.
fn best(kind: ModelKind, epochs: usize) -> Settings {
    Settings {
        models: vec![Recipe::Best.model(kind, FASHION_MNIST_SPEC)],
        epochs,
        ..plain(&[kind], 24, 3)
    }
}

fn reading_metrics_back_changes_no_weight(device: &Device) {
    let images = DeviceSplit::upload(first(&fashion_mnist().train, 500), device);
    let settings = best(ModelKind::Dense, 2);

    let mut reading = learner(&settings, &images, device);
    for _ in 1..=2 {
        reading.train_epoch(&mut ()).expect("it trains");
    }

    let mut blind = learner(&settings, &images, device);
    let steps = blind.batches(1).len();
    let training = settings.models[0].training;
    let schedule = training.schedule(settings.epochs, steps);
    let mut tally = Tally::default();
    let epochs = (1..=2).flat_map(|epoch| blind.batches(epoch).collect::<Vec<_>>());
    for (step, batch) in epochs.collect::<Vec<_>>().iter().enumerate() {
        blind.step(batch, step, schedule.learning_rate(step), &mut tally);
    }
    assert_eq!(weights(&mut reading), weights(&mut blind));
}

/// Reads the state after each step, as a checkpoint does.
struct Saving;

impl Callback for Saving {
    fn after_step(&mut self, learner: &mut Learner, _: &Step) -> Result<()> {
        learner.state().map(drop)
    }
}

/// Bytes of memory that the process holds, which under software Vulkan includes the device's.
#[cfg(target_os = "linux")]
fn resident_bytes() -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
    1024.0 * kib.expect("a number of kB")
}

/// What a pool of memory may take at once.
#[cfg(target_os = "linux")]
const PAGE: f64 = (8 << 20) as f64;

#[cfg(target_os = "linux")]
fn memory_stays_constant_over_200_epochs(device: &Device) {
    let images = DeviceSplit::upload(first(&fashion_mnist().train, 60), device);
    // Small, but every tensor that a step could leave behind would be many pages in the end.
    let mut settings = best(ModelKind::Cnn, 200);
    settings.models[0].architecture.widths = vec![8.into(), 16.into()];
    let mut learner = learner(&settings, &images, device);
    let (mut host, mut in_use, mut reserved) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 1..=200 {
        learner.train_epoch(&mut Saving).expect("it trains");
        learner.evaluate(&images).expect("it evaluates");
        host.push(resident_bytes());
        let usage = device.memory_pool_usage();
        in_use.push(
            usage
                .as_ref()
                .map_or(0.0, |usage| usage.bytes_in_use as f64),
        );
        reserved.push(usage.map_or(0.0, |usage| usage.bytes_reserved as f64));
    }
    for (name, bytes) in [("host", host), ("in use", in_use), ("reserved", reserved)] {
        // Reads at other moments may take a page of memory more, threads that begin late too. What
        // leaks is missing ever after.
        let max_early = bytes[5..50].iter().copied().fold(0.0, f64::max);
        let least_late = bytes[150..].iter().copied().fold(f64::INFINITY, f64::min);
        println!("{name}: at most {max_early:e} bytes early, at least {least_late:e} late");
        assert!(least_late <= 1.02 * max_early + PAGE, "{name}: {bytes:?}");
    }
}

#[cfg(not(target_os = "linux"))]
fn memory_stays_constant_over_200_epochs(_device: &Device) {}
