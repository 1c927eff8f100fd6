//! Training with the fused block follows training with Burn's own operations.

mod common;

use burn::tensor::Device;
use common::{cpu, fashion_mnist, wgpu};
use fmnist::dataset::{Batch, Split, shuffled};
use fmnist::model::{Kernels, ModelKind};
use fmnist::train::progress::{Progress, Style};
use fmnist::train::{Learner, Metrics, Settings, Tally};

const STEPS: usize = 100;
const BATCH: usize = 8;

fn first(split: &Split, n: usize) -> Split {
    let mut split = split.clone();
    split.truncate(n);
    split
}

/// Loss of each step of one epoch on a subset, and the test metrics after it.
fn run(kernels: Kernels, device: &Device) -> (Vec<f64>, Metrics) {
    let data = fashion_mnist();
    let settings = Settings {
        models: vec![ModelKind::Cnn],
        epochs: 1,
        batch_size: BATCH,
        learning_rate: 3e-4,
        samples: None,
        seed: 5,
        kernels,
    };
    let progress = Progress::new(Style::Quiet, &["cnn"], 1, 1);
    let mut learner = Learner::new(ModelKind::Cnn, &settings, device, &progress);
    let losses = shuffled(STEPS * BATCH, settings.seed, 1)
        .chunks(BATCH)
        .map(|indices| {
            let mut tally = Tally::default();
            learner.step(&Batch::gather(&data.train, indices, device), &mut tally);
            tally.read().expect("the device works").loss
        })
        .collect();
    (
        losses,
        learner
            .evaluate(&first(&data.test, 500))
            .expect("the device works"),
    )
}

fn fused_follows_reference(device: &Device) {
    let (fused, fused_test) = run(Kernels::Fused, device);
    let (reference, reference_test) = run(Kernels::Reference, device);
    let drift = |steps: &[f64], others: &[f64]| {
        let pairs = steps.iter().zip(others);
        pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    };
    println!(
        "drift {:e} in 10 steps, {:e} in all; fused {fused_test:?}, reference {reference_test:?}",
        drift(&fused[..10], &reference[..10]),
        drift(&fused, &reference)
    );
    assert_eq!(fused.len(), STEPS);
    assert!(reference[STEPS - 1] < 0.7 * reference[0]);
    for (step, (a, b)) in fused.iter().zip(&reference).enumerate() {
        // Rounding decides near-ties in the pool differently, and Adam gives small gradients the
        // same weight as large ones: that adds up.
        let bound = if step < 10 { 1e-5 } else { 2e-2 };
        let error = (a - b).abs();
        assert!(error <= bound, "step {step}: losses {a} and {b}");
    }
    let error = (fused_test.accuracy - reference_test.accuracy).abs();
    assert!(error <= 0.01, "accuracies differ by {error}");
    assert!(fused_test.accuracy > 0.6, "{fused_test:?}");
}

#[test]
fn on_cpu() {
    fused_follows_reference(&cpu());
}

#[test]
fn on_wgpu() {
    fused_follows_reference(&wgpu());
}
