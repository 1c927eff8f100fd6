//! AdamW over all parameters at once, on each backend, against its formula and Burn's own.

use crate::common::{cpu, random, relative_error, values, wgpu};
use burn::Tensor;
use burn::module::{Module, Param};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Device, TensorData};
use fmnist::ops::adamw::AdamW;

on_each_device!(
    follows_burns_own_for_40_steps,
    does_what_its_formula_says,
    leaves_copies_of_the_model_alone,
    takes_up_weights_that_were_replaced,
);

const DECAY: f64 = 0.1;
const AVERAGE_DECAY: f64 = 0.9;

/// Parameters of many sizes: more than a small device binds at once, one with a single element, one
/// larger than a workgroup takes, and some whose lengths are no multiple of four.
#[derive(Module, Debug)]
struct Parameters {
    matrix: Param<Tensor<2>>,
    vectors: Vec<Param<Tensor<1>>>,
}

const LENGTHS: [usize; 13] = [7, 1, 64, 65, 3, 2048, 10, 128, 2, 5, 100, 1000, 4];

fn start(device: &Device) -> Parameters {
    let device = &device.clone().autodiff();
    let vectors = (0..).zip(LENGTHS);
    Parameters {
        matrix: Param::from_data(TensorData::new(random(300 * 131, 99), [300, 131]), device),
        vectors: vectors
            .map(|(seed, len)| Param::from_data(TensorData::new(random(len, seed), [len]), device))
            .collect(),
    }
}

/// Gradients of a bumpy function of the matrix and, for the vectors, of 3·x², which is 6·x.
fn gradients(number: usize, parameters: &Parameters) -> GradientsParams {
    let phase = number as f32 / 10.0;
    let mut loss = (parameters.matrix.val() + phase).cos().sum();
    for vector in &parameters.vectors {
        loss = loss + (vector.val().powi_scalar(2) * 3.0 + phase).sum();
    }
    GradientsParams::from_grads(loss.backward(), parameters)
}

fn step(optimizer: &mut AdamW, rate: f64, number: usize, parameters: Parameters) -> Parameters {
    let gradients = gradients(number, &parameters);
    optimizer.step(rate, parameters, gradients)
}

/// The project's kernel, and the same formulas in Burn's operations.
fn both(decay: f64, average_decay: Option<f64>) -> [AdamW; 2] {
    [AdamW::new, AdamW::reference].map(|new| new(decay, average_decay))
}

fn all_values(parameters: &Parameters) -> Vec<Vec<f32>> {
    let vectors = parameters.vectors.iter();
    let mut all = vec![values(parameters.matrix.val())];
    all.extend(vectors.map(|vector| values(vector.val())));
    all
}

/// Weights and averages after so many steps.
fn descend(mut optimizer: AdamW, rate: f64, steps: usize, device: &Device) -> [Vec<Vec<f32>>; 2] {
    let parameters = (0..steps).fold(start(device), |parameters, number| {
        step(&mut optimizer, rate, number, parameters)
    });
    let averaged = optimizer.averaged(parameters.valid());
    [all_values(&parameters), all_values(&averaged)]
}

fn follows_burns_own_for_40_steps(device: &Device) {
    for (decay, average_decay) in [(0.0, None), (DECAY, Some(AVERAGE_DECAY))] {
        let config = AdamWConfig::new().with_epsilon(1e-8);
        let mut burns = config.with_weight_decay(decay as f32).init();
        let burns = (0..40).fold(start(device), |parameters, number| {
            let gradients = gradients(number, &parameters);
            burns.step(1e-2, parameters, gradients)
        });
        let expected = all_values(&burns);
        for optimizer in both(decay, average_decay) {
            let [weights, averages] = descend(optimizer, 1e-2, 40, device);
            for (actual, expected) in weights.iter().zip(&expected) {
                let pairs = actual.iter().zip(expected);
                let error = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(error <= 2e-5, "decay {decay}: error {error:e}");
            }
            let moved = relative_error(&weights[1], &random(7, 0));
            assert!(moved > 0.1, "nothing moved");
            assert_eq!(average_decay.is_none(), weights == averages);
        }
    }
}

fn does_what_its_formula_says(device: &Device) {
    let rate = 0.25;
    let optimizers = || both(DECAY, Some(AVERAGE_DECAY)).into_iter();
    for (steps, optimizer) in (0..4).flat_map(|steps| optimizers().map(move |o| (steps, o))) {
        let [weights, averages] = descend(optimizer, rate, steps, device);
        for (vector, len) in LENGTHS.into_iter().enumerate() {
            for (place, start) in random(len, vector as u64).into_iter().enumerate() {
                let mut weight = f64::from(start);
                let (mut mean, mut square, mut average) = (0.0, 0.0, weight);
                for step in 1..=steps as i32 {
                    let gradient = 6.0 * weight;
                    mean = 0.9 * mean + 0.1 * gradient;
                    square = 0.999 * square + 0.001 * gradient * gradient;
                    let unbiased_mean = mean / (1.0 - 0.9f64.powi(step));
                    let unbiased_square = square / (1.0 - 0.999f64.powi(step));
                    weight -= rate * DECAY * weight;
                    weight -= rate * unbiased_mean / (unbiased_square.sqrt() + 1e-8);
                    let kept = AVERAGE_DECAY.min(f64::from(1 + step) / f64::from(10 + step));
                    average = kept * average + (1.0 - kept) * weight;
                }
                let actual = [&weights, &averages].map(|all| f64::from(all[vector + 1][place]));
                for (actual, expected) in actual.into_iter().zip([weight, average]) {
                    assert!(
                        (actual - expected).abs() <= 1e-5,
                        "vector {vector}, place {place}, {steps} steps: {actual}, not {expected}"
                    );
                }
            }
        }
    }
}

fn leaves_copies_of_the_model_alone(device: &Device) {
    let mut optimizer = AdamW::new(DECAY, Some(AVERAGE_DECAY));
    let before = step(&mut optimizer, 0.1, 0, start(device));
    let averaged = optimizer.averaged(before.valid());
    let [weights, averages] = [&before, &averaged].map(all_values);
    let after = step(&mut optimizer, 0.1, 1, before.clone());
    assert_eq!(all_values(&before), weights);
    assert_eq!(all_values(&averaged), averages);
    assert_ne!(all_values(&after), weights);
    assert_ne!(all_values(&optimizer.averaged(after.valid())), averages);
}

fn takes_up_weights_that_were_replaced(device: &Device) {
    let mut optimizer = AdamW::new(0.0, None);
    let moved = step(&mut optimizer, 0.1, 0, start(device));
    assert_ne!(all_values(&moved), all_values(&start(device)));
    // A step of no length shows which weights it started from.
    let replaced = step(&mut optimizer, 0.0, 1, start(device));
    assert_eq!(all_values(&replaced), all_values(&start(device)));
}
