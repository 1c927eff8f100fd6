//! Training with the fused block follows training with Burn's own operations.

use crate::common::{cpu, fashion_mnist, first, learner, losses, plain, wgpu};
use burn::tensor::Device;
use fmnist::model::{Kernels, ModelKind};
use fmnist::train::{DeviceSplit, Metrics, Settings};

const STEPS: usize = 40;
const BATCH: usize = 8;

/// Loss of each step of one epoch on a subset, and the test metrics after it.
fn run(kernels: Kernels, device: &Device) -> (Vec<f64>, Metrics) {
    let data = fashion_mnist();
    let settings = Settings {
        kernels,
        ..plain(&[ModelKind::Cnn], BATCH, 5)
    };
    let [training, test] = [first(&data.train, STEPS * BATCH), first(&data.test, 200)]
        .map(|split| DeviceSplit::upload(split, device));
    let mut learner = learner(&settings, &training, device);
    let losses = losses(&mut learner, STEPS, 1e-3);
    (losses, learner.evaluate(&test).expect("the device works"))
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
        let bound = if step < 10 { 1e-5 } else { 5e-2 };
        let error = (a - b).abs();
        assert!(error <= bound, "step {step}: losses {a} and {b}");
    }
    let error = (fused_test.accuracy - reference_test.accuracy).abs();
    assert!(error <= 0.02, "accuracies differ by {error}");
    assert!(fused_test.accuracy > 0.4, "{fused_test:?}");
}

on_each_device!(fused_follows_reference);
