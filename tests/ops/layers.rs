//! The fused layer on each backend against its definition and Burn's own.

use crate::common::shapes::LAYERS;
use crate::common::{assert_panics, cpu, random, relative_error, values, wgpu};
use burn::Tensor;
use burn::tensor::{Device, TensorData};
use fmnist::ops::linear::{self, linear};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

on_each_class!(
    layers_are_exact_on_exact_sums,
    layers_take_transposed_inputs,
    tensors_that_do_not_fit_are_refused,
);

/// Not with every class of kernels, which all give exact sums: see the block's.
mod burns_own {
    use super::{cpu, layers_agree_with_burns_own, wgpu};
    on_each_device!(layers_agree_with_burns_own);
}

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
}
