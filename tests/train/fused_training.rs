//! Training with the fused block follows training with Burn's own operations.

use crate::common::{cpu, fashion_mnist, first, learner, losses, plain, stages, wgpu};
use burn::tensor::Device;
use fmnist::model::{Implementation, ModelKind, Stage};
use fmnist::train::{DeviceSplit, Metrics, Settings};

const STEPS: usize = 40;
const BATCH: usize = 8;

/// Loss of each step of one epoch on a subset, and the test metrics after it.
fn run(implementation: Implementation, widths: &[Stage], device: &Device) -> (Vec<f64>, Metrics) {
    let data = fashion_mnist();
    let mut settings = Settings {
        implementation,
        ..plain(&[ModelKind::Cnn], BATCH, 5)
    };
    settings.models[0].architecture.widths = widths.to_vec();
    let [training, test] = [first(&data.train, STEPS * BATCH), first(&data.test, 200)]
        .map(|split| DeviceSplit::upload(split, device));
    let mut learner = learner(&settings, &training, device);
    let losses = losses(&mut learner, STEPS, 1e-3);
    (losses, learner.evaluate(&test).expect("the device works"))
}

fn fused_follows_reference(device: &Device) {
    follows_reference(&stages(["32", "64"]), [0.7, 0.4], device);
}

/// On the CPU alone: by Burn's operations software Vulkan takes minutes.
#[test]
fn fused_stages_follow_reference() {
    follows_reference(&stages(["16-16", "32"]), [0.75, 0.35], &cpu());
}

/// The loss falls below a share of what it was, and the accuracy rises above a bound.
fn follows_reference(widths: &[Stage], [loss, accuracy]: [f64; 2], device: &Device) {
    let (fused, fused_test) = run(Implementation::Fused, widths, device);
    let (reference, reference_test) = run(Implementation::Reference, widths, device);
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
    assert!(reference[STEPS - 1] < loss * reference[0]);
    for (step, (a, b)) in fused.iter().zip(&reference).enumerate() {
        // Rounding decides near-ties in the pool differently, and Adam gives small gradients the
        // same weight as large ones: that adds up.
        let bound = if step < 10 { 1e-5 } else { 5e-2 };
        let error = (a - b).abs();
        assert!(error <= bound, "step {step}: losses {a} and {b}");
    }
    let error = (fused_test.accuracy - reference_test.accuracy).abs();
    assert!(error <= 0.02, "accuracies differ by {error}");
    assert!(fused_test.accuracy > accuracy, "{fused_test:?}");
}

on_each_device!(fused_follows_reference);
