//! The last layer and its loss at once: against the two by themselves on the CPU, which have tests of their own.

use burn::tensor::{Device, Tensor, TensorData};
use fmnist::ops::cross_entropy::cross_entropy;
use fmnist::ops::linear::linear;
use fmnist::ops::linear_cross_entropy::linear_cross_entropy;

use crate::common::{cpu, random, relative_error, values};

on_each_class!(
    loss_and_gradients_are_those_of_layer_and_loss,
    large_logits_and_nan_are_seen,
);

/// `[batch, inputs, classes]`: the models' own, one of everything, odd sizes, and more classes than the fused kernels
/// take.
const SHAPES: [[usize; 3]; 7] = [
    [128, 128, 10],
    [1, 1, 1],
    [3, 7, 2],
    [77, 65, 10],
    [300, 130, 32],
    [5, 784, 17],
    [9, 40, 100],
];

/// What the operation gives: loss, tally, and the gradients of twice the loss.
fn run(
    fused: bool,
    [batch, inputs, classes]: [usize; 3],
    weighted: bool,
    device: &Device,
) -> [Vec<f32>; 5] {
    let device = device.clone().autodiff();
    let tensor = |dims: &[usize], seed| {
        let values = random(dims.iter().product(), seed);
        TensorData::new(values, dims.to_vec())
    };
    let input = Tensor::<2>::from_data(tensor(&[batch, inputs], 1), &device).require_grad();
    let weight = Tensor::<2>::from_data(tensor(&[inputs, classes], 2), &device).require_grad();
    let bias = Tensor::<1>::from_data(tensor(&[classes], 3), &device).require_grad();
    // Soft targets, whose rows sum to 1.
    let positive = Tensor::<2>::from_data(tensor(&[batch, classes], 4), &device).abs() + 0.01;
    let targets = positive.clone() / positive.sum_dim(1);
    let class_weights = weighted.then(|| {
        let weights = Tensor::<1>::from_data(tensor(&[classes], 5), &device);
        weights.abs() + 0.5
    });
    let (loss, tally) = if fused {
        linear_cross_entropy(
            input.clone(),
            weight.clone(),
            bias.clone(),
            targets,
            class_weights,
        )
    } else {
        let logits = linear(input.clone(), weight.clone(), bias.clone(), false);
        cross_entropy(logits, targets, class_weights)
    };
    let gradients = (loss.clone() * 2.0).backward();
    [
        values(loss),
        values(tally),
        values(input.grad(&gradients).expect("of the input")),
        values(weight.grad(&gradients).expect("of the weight")),
        values(bias.grad(&gradients).expect("of the bias")),
    ]
}

fn loss_and_gradients_are_those_of_layer_and_loss(device: &Device) {
    for shape in SHAPES {
        for weighted in [false, true] {
            let actual = run(true, shape, weighted, device);
            let expected = run(false, shape, weighted, &cpu());
            let names = ["loss", "tally", "input", "weight", "bias"];
            for ((name, actual), expected) in names.iter().zip(&actual).zip(&expected) {
                let error = relative_error(actual, expected);
                assert!(error <= 2e-5, "{name} of {shape:?}: error {error:e}");
            }
        }
    }
}

fn large_logits_and_nan_are_seen(device: &Device) {
    let device = device.clone().autodiff();
    let run = |input: [f32; 4]| {
        let input = Tensor::<2>::from_data(TensorData::new(input.to_vec(), [2, 2]), &device);
        let weight = Tensor::<2>::from_data([[1e4, -1e4, 0.0], [0.0, 1e4, 1.0]], &device);
        let bias = Tensor::<1>::from_data([0.0, 0.5, 0.25], &device);
        let targets = Tensor::<2>::from_data([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]], &device);
        let (loss, tally) = linear_cross_entropy(input, weight.require_grad(), bias, targets, None);
        (values(loss)[0], values(tally))
    };
    // Logits of 10,000 and -10,000: one row is right without a loss, one is wrong by 20,000.
    let (loss, tally) = run([1.0, 0.0, 1.0, 0.0]);
    assert!((loss - 9_999.75).abs() < 1.0, "{loss}");
    assert_eq!(tally[1..], [1.0, 1.0]);
    let (loss, tally) = run([f32::NAN, 0.0, 0.0, 1.0]);
    assert!(loss.is_nan());
    assert_eq!(tally[2], 0.0, "not finite");
}
