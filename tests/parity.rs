//! Both backends compute the same: from the same weights and the same order of images.

mod common;

use burn::tensor::Device;
use common::{cpu, fashion_mnist, forward_backward, relative_error, wgpu};
use fmnist::dataset::{Batch, Split, shuffled};
use fmnist::model::{Classifier, Kernels, ModelKind};
use fmnist::train::progress::{Progress, Style};
use fmnist::train::{Learner, Settings, Tally};

/// Rounding of one pass, relative to the largest value of each array.
const PASS_BOUND: f32 = 2e-5;
/// Loss differences after a few steps, absolute.
const LOSS_BOUND: f64 = 1e-4;

fn settings(kind: ModelKind, batch_size: usize) -> Settings {
    Settings {
        models: vec![kind],
        epochs: 1,
        batch_size,
        learning_rate: 1e-3,
        samples: None,
        seed: 42,
        kernels: Kernels::Fused,
    }
}

fn learner(settings: &Settings, device: &Device) -> Learner {
    let kind = settings.models[0];
    let progress = Progress::new(Style::Quiet, &[kind.name()], 1, 1);
    Learner::new(kind, settings, device, &progress)
}

#[test]
fn logits_loss_and_every_gradient_agree() {
    let indices: Vec<u32> = (100..108).collect();
    for kind in ModelKind::ALL {
        let [on_cpu, on_wgpu] = [cpu(), wgpu()].map(|device| {
            let model = Classifier::new(kind, Kernels::Fused, 42, &device.clone().autodiff());
            let batch = Batch::gather(&fashion_mnist().train, &indices, &device);
            forward_backward(&model, &batch)
        });
        let error = relative_error(&on_wgpu.logits, &on_cpu.logits);
        assert!(error <= PASS_BOUND, "{kind}: logits differ by {error:e}");
        let error = (on_wgpu.loss - on_cpu.loss).abs();
        assert!(error <= PASS_BOUND, "{kind}: loss differs by {error:e}");
        assert_eq!(on_wgpu.gradients.len(), on_cpu.gradients.len());
        for (index, (a, b)) in on_wgpu.gradients.iter().zip(&on_cpu.gradients).enumerate() {
            let error = relative_error(a, b);
            assert!(
                error <= PASS_BOUND,
                "{kind}: gradient of parameter {index} differs by {error:e}"
            );
        }
    }
}

#[test]
fn losses_agree_over_ten_steps() {
    let data = &fashion_mnist().train;
    for kind in ModelKind::ALL {
        let settings = settings(kind, 8);
        let order = shuffled(data.len(), settings.seed, 1);
        let [on_cpu, on_wgpu] = [cpu(), wgpu()].map(|device| {
            let mut learner = learner(&settings, &device);
            let steps = order.chunks(settings.batch_size).take(10);
            steps
                .map(|indices| {
                    let mut tally = Tally::default();
                    learner.step(&Batch::gather(data, indices, &device), &mut tally);
                    tally.read().expect("the device works").loss
                })
                .collect::<Vec<f64>>()
        });
        assert!(on_cpu[9] < on_cpu[0], "{kind} learns nothing: {on_cpu:?}");
        for (step, (a, b)) in on_wgpu.iter().zip(&on_cpu).enumerate() {
            let error = (a - b).abs();
            assert!(error <= LOSS_BOUND, "{kind}, step {step}: {a} and {b}");
        }
    }
}

#[test]
fn test_accuracy_agrees_after_an_epoch_on_a_subset() {
    let data = fashion_mnist();
    let subset = |split: &Split, n: usize| {
        let mut split = split.clone();
        split.truncate(n);
        split
    };
    let (training, test) = (subset(&data.train, 1024), subset(&data.test, 1000));
    for kind in ModelKind::ALL {
        let [on_cpu, on_wgpu] = [cpu(), wgpu()].map(|device| {
            let mut learner = learner(&settings(kind, 16), &device);
            learner
                .train_epoch(1, &training)
                .expect("training does not fail");
            learner.evaluate(&test).expect("the device works")
        });
        println!("{kind}: {on_cpu:?} on cpu, {on_wgpu:?} on wgpu");
        assert!(on_cpu.accuracy > 0.6, "{kind} has learned too little");
        // Rounding may decide images near a class border: at most 1 in 100.
        let error = (on_cpu.accuracy - on_wgpu.accuracy).abs();
        assert!(error <= 0.01, "{kind}: test accuracies differ by {error}");
    }
}
