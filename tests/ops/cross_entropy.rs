//! The fused loss on each backend against its definition and Burn's own.

use crate::common::{assert_panics, cpu, random, relative_error, values, wgpu};
use burn::Tensor;
use burn::tensor::{Device, TensorData};
use fmnist::ops::cross_entropy::{cross_entropy, reference};

on_each_device!(
    tensors_that_do_not_fit_are_refused,
    losses_and_gradients_agree_with_f64,
    gradients_are_those_of_the_loss,
    weights_of_1_change_nothing,
    weights_have_no_say_in_what_is_correct,
    extreme_logits_stay_finite,
    equal_logits_predict_the_first_class,
    soft_targets_agree_with_burns_own,
);

fn matrix(values: &[f32], dims: [usize; 2], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values.to_vec(), dims), device)
}

/// A shader would read what lies past the shorter one.
fn tensors_that_do_not_fit_are_refused(device: &Device) {
    let ones = |dims: [usize; 2]| Tensor::<2>::ones(dims, device);
    let part = "logits and targets have different shapes";
    assert_panics(part, || cross_entropy(ones([3, 4]), ones([2, 4]), None));
    assert_panics(part, || cross_entropy(ones([3, 4]), ones([3, 3]), None));
    let weights = Tensor::ones([3], device);
    assert_panics("class weights", || {
        cross_entropy(ones([3, 4]), ones([3, 4]), Some(weights))
    });
}

fn one_hot(labels: &[usize], classes: usize) -> Vec<f32> {
    let mut targets = vec![0.0; labels.len() * classes];
    for (row, label) in labels.iter().enumerate() {
        targets[row * classes + label] = 1.0;
    }
    targets
}

/// Targets of rows that are mixed, three to one, from these labels and the next ones, and smoothed.
fn soft(labels: &[usize], classes: usize) -> Vec<f32> {
    let others: Vec<usize> = labels.iter().map(|label| (label + 1) % classes).collect();
    let [own, others] = [labels, &others].map(|labels| one_hot(labels, classes));
    let mixed = own.iter().zip(others).map(|(a, b)| 0.75 * a + 0.25 * b);
    mixed.map(|t| 0.9 * t + 0.1 / classes as f32).collect()
}

/// From a fifth to five times as much as others.
fn uneven(classes: usize) -> Vec<f32> {
    let exponents = random(classes, 9);
    exponents.iter().map(|x| 5f32.powf(*x)).collect()
}

/// Loss, sums and the gradient of the logits.
fn run_loss(
    logits: &[f32],
    targets: &[f32],
    weights: Option<&[f32]>,
    classes: usize,
    device: &Device,
) -> (f32, Vec<f32>, Vec<f32>) {
    run(cross_entropy, logits, targets, weights, classes, device)
}

type Loss = fn(Tensor<2>, Tensor<2>, Option<Tensor<1>>) -> (Tensor<1>, Tensor<1>);

fn run(
    loss: Loss,
    logits: &[f32],
    targets: &[f32],
    weights: Option<&[f32]>,
    classes: usize,
    device: &Device,
) -> (f32, Vec<f32>, Vec<f32>) {
    let device = device.clone().autodiff();
    let dims = [logits.len() / classes, classes];
    let logits = matrix(logits, dims, &device).require_grad();
    let weights = weights.map(|weights| Tensor::from_floats(weights, &device));
    let (loss, sums) = loss(logits.clone(), matrix(targets, dims, &device), weights);
    let gradients = loss.backward();
    (
        values(loss)[0],
        values(sums),
        values(logits.grad(&gradients).expect("the logits have a gradient")),
    )
}

/// The sum of the losses, by its definition.
fn define_loss(logits: &[f64], targets: &[f32], weights: Option<&[f32]>, classes: usize) -> f64 {
    let rows = logits
        .chunks_exact(classes)
        .zip(targets.chunks_exact(classes));
    let losses = rows.map(|(row, targets)| {
        let sum: f64 = row.iter().map(|x| x.exp()).sum();
        let of_class = |class: usize| -f64::from(targets[class]) * (row[class].exp() / sum).ln();
        let weight = weights.map_or(1.0, |weights| {
            let products = weights.iter().zip(targets);
            products.map(|(&w, &t)| f64::from(w) * f64::from(t)).sum()
        });
        weight * (0..classes).map(of_class).sum::<f64>()
    });
    losses.sum()
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&x| f64::from(x)).collect()
}

fn losses_and_gradients_agree_with_f64(device: &Device) {
    for (batch, classes) in [(1, 10), (128, 10), (48, 10), (500, 10), (3, 2), (5, 17)] {
        let logits: Vec<f32> = random(batch * classes, 8).iter().map(|x| 6.0 * x).collect();
        let labels: Vec<usize> = (0..batch).map(|row| row * 7 % classes).collect();
        let weights = uneven(classes);
        for weights in [None, Some(&weights[..])] {
            let targets = one_hot(&labels, classes);
            let (loss, sums, gradient) = run_loss(&logits, &targets, weights, classes, device);

            let (mut expected_gradient, mut correct) = (Vec::new(), 0);
            for (row, &label) in logits.chunks_exact(classes).zip(&labels) {
                let sum: f64 = row.iter().map(|&x| f64::from(x).exp()).sum();
                let best = (0..classes).max_by(|&a, &b| row[a].total_cmp(&row[b]));
                correct += usize::from(best == Some(label));
                let weight = weights.map_or(1.0, |weights| f64::from(weights[label]));
                for (class, &logit) in row.iter().enumerate() {
                    let target = f64::from(u8::from(class == label));
                    let value = weight * (f64::from(logit).exp() / sum - target) / batch as f64;
                    expected_gradient.push(value as f32);
                }
            }
            let expected_loss = define_loss(&wide(&logits), &targets, weights, classes);
            assert!(relative_error(&gradient, &expected_gradient) <= 1e-5);
            assert!(relative_error(&[sums[0]], &[expected_loss as f32]) <= 1e-5);
            assert!(relative_error(&[loss], &[(expected_loss / batch as f64) as f32]) <= 1e-5);
            assert_eq!(sums[1], correct as f32);
        }
    }
}

/// Mixed and smoothed targets, against differences of the definition.
fn gradients_are_those_of_the_loss(device: &Device) {
    const STEP: f64 = 1e-5;
    for (batch, classes) in [(6, 10), (3, 2), (4, 70)] {
        let logits: Vec<f32> = random(batch * classes, 8).iter().map(|x| 3.0 * x).collect();
        let labels: Vec<usize> = (0..batch).map(|row| row * 7 % classes).collect();
        let (targets, weights) = (soft(&labels, classes), uneven(classes));
        for weights in [None, Some(&weights[..])] {
            let (loss, _, gradient) = run_loss(&logits, &targets, weights, classes, device);
            let mean =
                |logits: &[f64]| define_loss(logits, &targets, weights, classes) / batch as f64;
            let mut logits = wide(&logits);
            assert!(relative_error(&[loss], &[mean(&logits) as f32]) <= 1e-5);
            let expected: Vec<f32> = (0..logits.len())
                .map(|i| {
                    let logit = logits[i];
                    let [up, down] = [logit + STEP, logit - STEP].map(|logit| {
                        logits[i] = logit;
                        mean(&logits)
                    });
                    logits[i] = logit;
                    ((up - down) / (2.0 * STEP)) as f32
                })
                .collect();
            assert!(relative_error(&gradient, &expected) <= 1e-5);
        }
    }
}

fn weights_of_1_change_nothing(device: &Device) {
    let logits: Vec<f32> = random(77 * 10, 8).iter().map(|x| 6.0 * x).collect();
    let labels: Vec<usize> = (0..77).map(|row| row * 7 % 10).collect();
    let targets = one_hot(&labels, 10);
    assert_eq!(
        run_loss(&logits, &targets, Some(&[1.0; 10]), 10, device),
        run_loss(&logits, &targets, None, 10, device)
    );
}

/// Not even where the largest weighted target is at another class.
fn weights_have_no_say_in_what_is_correct(device: &Device) {
    let (logits, targets) = ([2.0, 1.0, 0.0], [0.6, 0.4, 0.0]);
    let (_, sums, _) = run_loss(&logits, &targets, Some(&[1.0, 9.0, 1.0]), 3, device);
    assert_eq!(sums[1..], [1.0, 1.0]);
}

fn extreme_logits_stay_finite(device: &Device) {
    let logits = [1e4, -1e4, 0.0, -1e4, 1e4, 0.0];
    let targets = one_hot(&[0, 0], 3);
    let (loss, sums, gradient) = run_loss(&logits, &targets, None, 3, device);
    assert_eq!(loss, 1e4);
    assert_eq!(sums, [2e4, 1.0, 1.0]);
    assert_eq!(gradient, [0.0, 0.0, 0.0, -0.5, 0.5, 0.0]);
    let (loss, _, gradient) = run_loss(&logits, &targets, Some(&[4.0, 1.0, 1.0]), 3, device);
    assert_eq!(loss, 4e4);
    assert_eq!(gradient, [0.0, 0.0, 0.0, -2.0, 2.0, 0.0]);

    let (loss, sums, _) = run_loss(&[f32::NAN, 0.0], &one_hot(&[0], 2), None, 2, device);
    assert!(loss.is_nan(), "a NaN is not hidden");
    assert_eq!(sums[2], 0.0, "and counted");
    let targets = one_hot(&[0], 2);
    let (_, sums, _) = run_loss(&[f32::MIN, f32::MAX], &targets, None, 2, device);
    assert!(sums[0].is_infinite() && sums[2] == 0.0, "{sums:?}");

    // A class that is ruled out costs nothing where it is not the target.
    let ruled_out = [0.0, f32::NEG_INFINITY, 0.0];
    for weights in [None, Some(&[1.0, 7.0, 1.0][..])] {
        let (loss, _, gradient) = run_loss(&ruled_out, &one_hot(&[0], 3), weights, 3, device);
        assert!((loss - 2f32.ln()).abs() <= 1e-6, "{loss}");
        assert!((gradient[0] + 0.5).abs() <= 1e-6 && gradient[1] == 0.0);
    }
}

fn equal_logits_predict_the_first_class(device: &Device) {
    let (loss, sums, gradient) = run_loss(&[3.0; 20], &one_hot(&[0, 1], 10), None, 10, device);
    assert!((loss - 10f32.ln()).abs() <= 1e-6);
    assert_eq!(sums[1], 1.0);
    assert!((gradient[0] + 0.45).abs() <= 1e-6 && (gradient[1] - 0.05).abs() <= 1e-6);
}

fn soft_targets_agree_with_burns_own(device: &Device) {
    let logits = random(64 * 10, 5);
    let labels: Vec<usize> = (0..64).map(|row| row % 10).collect();
    let (targets, weights) = (soft(&labels, 10), uneven(10));
    for weights in [None, Some(&weights[..])] {
        let [(loss, sums, gradient), expected] = [cross_entropy as Loss, reference::cross_entropy]
            .map(|loss| run(loss, &logits, &targets, weights, 10, device));
        assert!(relative_error(&gradient, &expected.2) <= 1e-5);
        assert!(relative_error(&[loss], &[expected.0]) <= 1e-5);
        assert!(relative_error(&sums, &expected.1) <= 1e-5);
    }
}
