//! Both backends compute the same: from the same weights and the same order of images.

use crate::common::{
    cpu, fashion_mnist, first, forward_backward, learner, losses, plain, random, relative_error,
    stages, wgpu,
};
use fmnist::dataset::{ImageShape, Spec, Split};
use fmnist::model::{Architecture, Classifier, Implementation, ModelKind};
use fmnist::train::DeviceSplit;

/// Rounding of one pass, relative to the largest value of each array.
const PASS_BOUND: f32 = 2e-5;
/// Loss differences after a few steps, absolute.
const LOSS_BOUND: f64 = 1e-4;

/// Coloured noise whose sides are odd, of more classes than a workgroup has invocations.
fn colours(len: usize) -> Split {
    let (shape, classes) = (
        ImageShape {
            channels: 3,
            height: 37,
            width: 50,
        },
        100,
    );
    let values = random(len * shape.values(), 3);
    let images = values.iter().map(|x| x.to_bits() as u8).collect();
    let labels = (0..len).map(|i| (i * 7 % classes) as u16).collect();
    Split::new(Spec::new(shape, classes), images, labels).expect("they fit together")
}

#[test]
fn logits_loss_and_every_gradient_agree() {
    passes_agree(&first(&fashion_mnist().train, 100));
}

#[test]
fn passes_over_coloured_images_of_a_hundred_classes_agree() {
    passes_agree(&colours(20));
}

/// Of the last batch of eight, which is a partial one.
fn passes_agree(data: &Split) {
    let [dense, cnn] = ModelKind::ALL.map(|kind| Architecture::of(kind, data.spec));
    let staged = Architecture {
        widths: stages(["8-12", "16"]),
        ..cnn.clone()
    };
    for architecture in [dense, cnn, staged] {
        let kind = format!("{} {:?}", architecture.model, architecture.widths);
        let [on_cpu, on_wgpu] = [cpu(), wgpu()].map(|device| {
            let autodiff = device.clone().autodiff();
            let model = Classifier::new(&architecture, Implementation::Fused, 42, &autodiff);
            let images = DeviceSplit::upload(data.clone(), &device);
            let batch = images.batches(8).last().expect("there are images");
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
        let [on_cpu, on_wgpu] = [cpu(), wgpu()].map(|device| {
            let training = DeviceSplit::upload(data.clone(), &device);
            let mut learner = learner(&plain(&[kind], 8, 42), &training, &device);
            losses(&mut learner, 10, 1e-3)
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
    for kind in ModelKind::ALL {
        let [on_cpu, on_wgpu] = [cpu(), wgpu()].map(|device| {
            let [training, test] = [first(&data.train, 1024), first(&data.test, 1000)]
                .map(|split| DeviceSplit::upload(split, &device));
            let mut learner = learner(&plain(&[kind], 16, 42), &training, &device);
            learner
                .train_epoch(&mut ())
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
