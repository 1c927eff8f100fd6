//! The fused layer and loss on each backend against their definitions and Burn's own.

use crate::common::{assert_panics, cpu, random, relative_error, values, wgpu};
use burn::Tensor;
use burn::tensor::{Device, TensorData};
use fmnist::ops::cross_entropy::{self, cross_entropy};
use fmnist::ops::linear::{self, linear};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

on_each_device!(
    layers_are_exact_on_exact_sums,
    layers_agree_with_burns_own,
    layers_take_transposed_inputs,
    tensors_that_do_not_fit_are_refused,
    losses_and_gradients_agree_with_f64,
    extreme_logits_stay_finite,
    equal_logits_predict_the_first_class,
    soft_targets_agree_with_burns_own,
);

/// `[batch, inputs, outputs]`: the models' layers, partial batches, and odd sizes.
const LAYERS: [[usize; 3]; 9] = [
    [1, 1, 1],
    [2, 3, 5],
    [7, 17, 10],
    [128, 128, 10],
    [48, 784, 128],
    [5, 100, 33],
    [33, 31, 129],
    [9, 3136, 128],
    [130, 65, 66],
];

/// Multiples of 1/4 whose sums of products are exact in f32.
fn exact(len: usize, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..len)
        .map(|_| rng.random_range(-3..=3) as f32 / 4.0)
        .collect()
}

fn matrix(values: &[f32], dims: [usize; 2], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values.to_vec(), dims), device)
}

type Layer = fn(Tensor<2>, Tensor<2>, Tensor<1>, bool) -> Tensor<2>;

/// Output, and the gradients of input, weight and bias of `sum(output · grad_output)`.
fn run_layer(
    layer: Layer,
    [batch, inputs, outputs]: [usize; 3],
    relu: bool,
    draw: fn(usize, u64) -> Vec<f32>,
    device: &Device,
) -> [Vec<f32>; 4] {
    let device = device.clone().autodiff();
    let input = matrix(&draw(batch * inputs, 1), [batch, inputs], &device).require_grad();
    let weight = matrix(&draw(inputs * outputs, 2), [inputs, outputs], &device).require_grad();
    let bias = matrix(&draw(outputs, 3), [1, outputs], &device);
    let bias = bias.reshape([outputs]).detach().require_grad();
    let grad_output = matrix(&draw(batch * outputs, 4), [batch, outputs], &device);
    let output = layer(input.clone(), weight.clone(), bias.clone(), relu);
    let gradients = (output.clone() * grad_output).sum().backward();
    [
        values(output),
        values(input.grad(&gradients).expect("the input has a gradient")),
        values(weight.grad(&gradients).expect("the weight has a gradient")),
        values(bias.grad(&gradients).expect("the bias has a gradient")),
    ]
}

/// The same by the definition, in f64.
fn define_layer(
    [batch, inputs, outputs]: [usize; 3],
    relu: bool,
    draw: fn(usize, u64) -> Vec<f32>,
) -> [Vec<f32>; 4] {
    let wide = |len, seed| -> Vec<f64> { draw(len, seed).into_iter().map(f64::from).collect() };
    let (input, weight) = (wide(batch * inputs, 1), wide(inputs * outputs, 2));
    let (bias, grad_output) = (wide(outputs, 3), wide(batch * outputs, 4));
    let mut output = vec![0.0; batch * outputs];
    let mut grad_input = vec![0.0; batch * inputs];
    let mut grad_weight = vec![0.0; inputs * outputs];
    let mut grad_bias = vec![0.0; outputs];
    for row in 0..batch {
        for column in 0..outputs {
            let products =
                (0..inputs).map(|i| input[row * inputs + i] * weight[i * outputs + column]);
            let sum = bias[column] + products.sum::<f64>();
            let at = row * outputs + column;
            output[at] = if relu { sum.max(0.0) } else { sum };
            if relu && sum <= 0.0 {
                continue;
            }
            grad_bias[column] += grad_output[at];
            for i in 0..inputs {
                grad_input[row * inputs + i] += grad_output[at] * weight[i * outputs + column];
                grad_weight[i * outputs + column] += grad_output[at] * input[row * inputs + i];
            }
        }
    }
    [output, grad_input, grad_weight, grad_bias]
        .map(|values| values.into_iter().map(|x| x as f32).collect())
}

fn layers_are_exact_on_exact_sums(device: &Device) {
    for sizes in LAYERS {
        for relu in [false, true] {
            let actual = run_layer(linear, sizes, relu, exact, device);
            assert_eq!(
                actual,
                define_layer(sizes, relu, exact),
                "{sizes:?}, relu {relu}"
            );
        }
    }
}

fn layers_agree_with_burns_own(device: &Device) {
    for sizes in LAYERS {
        for relu in [false, true] {
            let fused = run_layer(linear, sizes, relu, random, device);
            let burn = run_layer(linear::reference::linear, sizes, relu, random, device);
            for (actual, expected) in fused.iter().zip(&burn) {
                let error = relative_error(actual, expected);
                assert!(error <= 1e-5, "{sizes:?}, relu {relu}: error {error:e}");
            }
        }
    }
}

fn layers_take_transposed_inputs(device: &Device) {
    let weight = matrix(&exact(6 * 4, 2), [6, 4], device);
    let bias = Tensor::<1>::from_floats([0.5, -0.5, 0.25, 0.0], device);
    let input = matrix(&exact(6 * 3, 1), [6, 3], device).transpose();
    let copied = matrix(&values(input.clone()), [3, 6], device);
    assert_eq!(
        values(linear(input, weight.clone(), bias.clone(), false)),
        values(linear(copied, weight, bias, false))
    );
}

/// A shader would read what lies past the shorter one.
fn tensors_that_do_not_fit_are_refused(device: &Device) {
    let ones = |dims: [usize; 2]| Tensor::<2>::ones(dims, device);
    let bias = |len: usize| Tensor::<1>::ones([len], device);
    for (weight, bias, part) in [
        (ones([7, 4]), bias(4), "weight expects 7"),
        (ones([6, 4]), bias(3), "bias 3"),
    ] {
        assert_panics(part, || linear(ones([2, 6]), weight, bias, true));
    }
    let part = "logits and targets have different shapes";
    assert_panics(part, || cross_entropy(ones([3, 4]), ones([2, 4])));
    assert_panics(part, || cross_entropy(ones([3, 4]), ones([3, 3])));
}

fn one_hot(labels: &[usize], classes: usize) -> Vec<f32> {
    let mut targets = vec![0.0; labels.len() * classes];
    for (row, label) in labels.iter().enumerate() {
        targets[row * classes + label] = 1.0;
    }
    targets
}

/// Loss, sums and the gradient of the logits.
fn run_loss(
    logits: &[f32],
    targets: &[f32],
    classes: usize,
    device: &Device,
) -> (f32, Vec<f32>, Vec<f32>) {
    let device = device.clone().autodiff();
    let dims = [logits.len() / classes, classes];
    let logits = matrix(logits, dims, &device).require_grad();
    let (loss, sums) = cross_entropy(logits.clone(), matrix(targets, dims, &device));
    let gradients = loss.backward();
    (
        values(loss)[0],
        values(sums),
        values(logits.grad(&gradients).expect("the logits have a gradient")),
    )
}

fn losses_and_gradients_agree_with_f64(device: &Device) {
    for (batch, classes) in [(1, 10), (128, 10), (48, 10), (500, 10), (3, 2), (5, 17)] {
        let logits: Vec<f32> = random(batch * classes, 8).iter().map(|x| 6.0 * x).collect();
        let labels: Vec<usize> = (0..batch).map(|row| row * 7 % classes).collect();
        let targets = one_hot(&labels, classes);
        let (loss, sums, gradient) = run_loss(&logits, &targets, classes, device);

        let (mut expected_loss, mut expected_gradient, mut correct) = (0.0, Vec::new(), 0);
        for (row, &label) in logits.chunks_exact(classes).zip(&labels) {
            let sum: f64 = row.iter().map(|&x| f64::from(x).exp()).sum();
            expected_loss += sum.ln() - f64::from(row[label]);
            let best = (0..classes).max_by(|&a, &b| row[a].total_cmp(&row[b]));
            correct += usize::from(best == Some(label));
            for (class, &logit) in row.iter().enumerate() {
                let target = f64::from(u8::from(class == label));
                let value = (f64::from(logit).exp() / sum - target) / batch as f64;
                expected_gradient.push(value as f32);
            }
        }
        assert!(relative_error(&gradient, &expected_gradient) <= 1e-5);
        assert!(relative_error(&[sums[0]], &[expected_loss as f32]) <= 1e-5);
        assert!(relative_error(&[loss], &[(expected_loss / batch as f64) as f32]) <= 1e-5);
        assert_eq!(sums[1], correct as f32);
    }
}

fn extreme_logits_stay_finite(device: &Device) {
    let logits = [1e4, -1e4, 0.0, -1e4, 1e4, 0.0];
    let targets = one_hot(&[0, 0], 3);
    let (loss, sums, gradient) = run_loss(&logits, &targets, 3, device);
    assert_eq!(loss, 1e4);
    assert_eq!(sums, [2e4, 1.0, 1.0]);
    assert_eq!(gradient, [0.0, 0.0, 0.0, -0.5, 0.5, 0.0]);

    let (loss, sums, _) = run_loss(&[f32::NAN, 0.0], &one_hot(&[0], 2), 2, device);
    assert!(loss.is_nan(), "a NaN is not hidden");
    assert_eq!(sums[2], 0.0, "and counted");
    let (_, sums, _) = run_loss(&[f32::MIN, f32::MAX], &one_hot(&[0], 2), 2, device);
    assert!(sums[0].is_infinite() && sums[2] == 0.0, "{sums:?}");

    // A class that is ruled out costs nothing where it is not the target.
    let ruled_out = [0.0, f32::NEG_INFINITY, 0.0];
    let (loss, _, gradient) = run_loss(&ruled_out, &one_hot(&[0], 3), 3, device);
    assert!((loss - 2f32.ln()).abs() <= 1e-6, "{loss}");
    assert!((gradient[0] + 0.5).abs() <= 1e-6 && gradient[1] == 0.0);
}

fn equal_logits_predict_the_first_class(device: &Device) {
    let (loss, sums, gradient) = run_loss(&[3.0; 20], &one_hot(&[0, 1], 10), 10, device);
    assert!((loss - 10f32.ln()).abs() <= 1e-6);
    assert_eq!(sums[1], 1.0);
    assert!((gradient[0] + 0.45).abs() <= 1e-6 && (gradient[1] - 0.05).abs() <= 1e-6);
}

fn soft_targets_agree_with_burns_own(device: &Device) {
    let logits = random(64 * 10, 5);
    let targets: Vec<f32> = one_hot(&(0..64).map(|row| row % 10).collect::<Vec<_>>(), 10)
        .iter()
        .map(|t| 0.9 * t + 0.01)
        .collect();
    let (loss, sums, gradient) = run_loss(&logits, &targets, 10, device);
    let device = device.clone().autodiff();
    let leaf = matrix(&logits, [64, 10], &device).require_grad();
    let (expected_loss, expected_sums) =
        cross_entropy::reference::cross_entropy(leaf.clone(), matrix(&targets, [64, 10], &device));
    let gradients = expected_loss.backward();
    let expected = values(leaf.grad(&gradients).expect("the logits have a gradient"));
    assert!(relative_error(&gradient, &expected) <= 1e-5);
    assert!(relative_error(&[loss], &values(expected_loss)) <= 1e-5);
    assert!(relative_error(&sums, &values(expected_sums)) <= 1e-5);
}
