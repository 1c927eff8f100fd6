//! The fused block on each backend against its definition, finite differences and Burn's own
//! operations.

use crate::common::block::{Block, Operands, Results, of_shape, run, run_viewed};
use crate::common::{cpu, naive, relative_error, shapes, wgpu};
use burn::Tensor;
use burn::tensor::Device;
use fmnist::ops::conv_relu_pool::{BlockShape, conv_relu_pool};

/// Rounding of sums of up to 64·25 products in f32, relative to the largest result.
const ROUNDING: f32 = 2e-5;

on_each_class!(
    ties_go_to_the_first_position,
    random_values_agree_with_the_definition,
    gradients_agree_with_finite_differences,
    permuted_and_sliced_inputs,
    inactive_relus_pass_no_gradient,
    nan_goes_where_it_is_seen_and_nowhere_else,
    the_same_input_gives_the_same_bits,
    an_input_without_gradient_gets_none,
);

/// Not with every class of kernels, which all meet the definition: on software Burn's operations take minutes.
mod burns_own {
    use super::{agrees_with_burns_own_operations, cpu, wgpu};
    on_each_device!(agrees_with_burns_own_operations);
}

fn assert_close(actual: &Results, expected: &Results, bound: f32, shape: BlockShape) {
    for ((what, actual), (_, expected)) in actual.named().into_iter().zip(expected.named()) {
        let error = relative_error(actual, expected);
        assert!(error <= bound, "{what} of {shape:?}: error {error:e}");
    }
}

/// With operands whose sums are exact, ties are frequent, and the gradients show to the last bit
/// which position of each window was taken. (What the CPU transforms may be rounded: the output, and
/// without a pool the gradients of the input and the weights.)
fn ties_go_to_the_first_position(device: &Device) {
    for (seed, shape) in shapes::all().enumerate() {
        let operands = Operands::exact(shape, seed as u64);
        let expected = operands.expected();
        let [fused, _] = of_shape(shape);
        let mut results = run(fused, &operands, device);
        assert_close(&results, &expected, ROUNDING, shape);
        results.output.clone_from(&expected.output);
        if *device == cpu() && shape.pool == 1 && shape.kernel == 3 {
            results.grad_input.clone_from(&expected.grad_input);
            results.grad_weight.clone_from(&expected.grad_weight);
        }
        assert!(results == expected, "a gradient of {shape:?} differs");
    }
}

fn random_values_agree_with_the_definition(device: &Device) {
    for (seed, shape) in shapes::all().enumerate() {
        let operands = separated(Operands::random(shape, seed as u64));
        let [fused, _] = of_shape(shape);
        let results = run(fused, &operands, device);
        assert_close(&results, &operands.expected(), ROUNDING, shape);
    }
}

/// Scales the operands down to fewer near-ties: the gradient of a window whose maximum is
/// disputed within rounding is set to 0, since either position is right.
fn separated(mut operands: Operands) -> Operands {
    let wide = |v: &[f32]| v.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
    let (input, weight) = (wide(&operands.input), wide(&operands.weight));
    let shift = 1e-4;
    let argmax = |nudge: usize| {
        // Each position in turn gets a small advantage; where that changes nothing, the
        // maximum is clear.
        let bias = wide(&operands.bias);
        naive::forward_nudged(operands.shape, &input, &weight, &bias, nudge, shift).1
    };
    let nudged: Vec<Vec<u8>> = (0..5).map(argmax).collect();
    for (index, grad) in operands.grad_output.iter_mut().enumerate() {
        if nudged
            .iter()
            .any(|argmax| argmax[index] != nudged[0][index])
        {
            *grad = 0.0;
        }
    }
    operands
}

fn gradients_agree_with_finite_differences(device: &Device) {
    let shape = BlockShape {
        batch: 2,
        in_channels: 3,
        out_channels: 4,
        height: 5,
        width: 6,
        kernel: 3,
        pool: 2,
    };
    for (kernel, pool) in [(3, 2), (5, 2), (3, 1), (5, 1)] {
        let shape = BlockShape {
            kernel,
            pool,
            ..shape
        };
        let operands = separated(Operands::random(shape, 7));
        let [fused, _] = of_shape(shape);
        let results = run(fused, &operands, device);
        let [input, weight, bias, grad_output] = [
            &operands.input,
            &operands.weight,
            &operands.bias,
            &operands.grad_output,
        ]
        .map(|v| v.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>());
        let loss = |input: &[f64], weight: &[f64], bias: &[f64]| -> f64 {
            let (output, _) = naive::forward(shape, input, weight, bias);
            output.iter().zip(&grad_output).map(|(o, g)| o * g).sum()
        };
        let expected = Results {
            output: results.output.clone(),
            grad_input: central_differences(&input, |x| loss(x, &weight, &bias)),
            grad_weight: central_differences(&weight, |w| loss(&input, w, &bias)),
            grad_bias: central_differences(&bias, |b| loss(&input, &weight, b)),
        };
        assert_close(&results, &expected, ROUNDING, shape);
    }
}

fn central_differences(at: &[f64], f: impl Fn(&[f64]) -> f64) -> Vec<f32> {
    let h = 1e-6; // below the advantage of `separated`, so that no maximum changes hands
    let mut point = at.to_vec();
    let mut difference = |index: usize| {
        let mut shifted = |by: f64| {
            point[index] = at[index] + by;
            let value = f(&point);
            point[index] = at[index];
            value
        };
        ((shifted(h) - shifted(-h)) / (2.0 * h)) as f32
    };
    (0..at.len()).map(&mut difference).collect()
}

fn agrees_with_burns_own_operations(device: &Device) {
    for shape in shapes::all() {
        let operands = separated(Operands::random(shape, 3));
        let [fused, unfused] = of_shape(shape).map(|block| run(block, &operands, device));
        assert_close(&fused, &unfused, ROUNDING, shape);
    }
}

fn permuted_and_sliced_inputs(device: &Device) {
    let shape = BlockShape {
        batch: 2,
        in_channels: 3,
        out_channels: 5,
        height: 6,
        width: 8,
        kernel: 3,
        pool: 2,
    };
    let operands = Operands::exact(shape, 11);
    let expected = operands.expected();

    // The leaf holds the pixels channel last and one image more than the block sees.
    let viewed = |input: Tensor<4>| {
        let more = Tensor::cat(vec![input.clone().narrow(0, 0, 1), input], 0);
        let channels_last = more.permute([0, 2, 3, 1]).reshape([3, 6, 8, 3]);
        channels_last.permute([0, 3, 1, 2]).narrow(0, 1, 2)
    };
    let results = run_viewed(conv_relu_pool, &operands, device, viewed);
    assert_close(&results, &expected, ROUNDING, shape);

    // Weight and gradient arrive permuted as well.
    let swapped: Block = |input, weight, bias| {
        // The product lies in memory with its taps transposed.
        let transposed = weight.permute([0, 1, 3, 2]).reshape([5, 3, 3, 3]) * 1.0;
        let weight = transposed.permute([0, 1, 3, 2]);
        let output = conv_relu_pool(input, weight, bias);
        let channels_last = output.permute([0, 2, 3, 1]);
        (channels_last * 1.0).permute([0, 3, 1, 2])
    };
    let results = run(swapped, &operands, device);
    assert_close(&results, &expected, ROUNDING, shape);
}

fn inactive_relus_pass_no_gradient(device: &Device) {
    for shape in with_and_without_pool(1) {
        let mut operands = Operands::exact(shape, 5);
        // With no weight the maximum is the bias: below 0, at 0, and above.
        operands.weight.fill(0.0);
        for (channel, bias) in operands.bias.iter_mut().enumerate() {
            *bias = [-0.5, 0.0, 0.5][channel % 3];
        }
        let [fused, _] = of_shape(shape);
        let results = run(fused, &operands, device);
        assert_close(&results, &operands.expected(), ROUNDING, shape);
        for (channel, grad) in results.grad_bias.iter().enumerate() {
            assert_eq!(
                *grad != 0.0,
                channel % 3 == 2,
                "{shape:?}, channel {channel}"
            );
        }
    }
}

/// The model's two blocks, and the same without their pools.
fn with_and_without_pool(batch: usize) -> Vec<BlockShape> {
    let blocks = shapes::of_model(batch);
    let without = blocks.map(|block| BlockShape { pool: 1, ..block });
    [blocks, without].concat()
}

fn nan_goes_where_it_is_seen_and_nowhere_else(device: &Device) {
    for shape in with_and_without_pool(2) {
        let mut operands = Operands::exact(shape, 9);
        let plane = shape.height * shape.width;
        operands.input[plane * shape.in_channels + 5 * shape.width + 8] = f32::NAN;
        let expected = operands.expected();
        let nans = expected.output.iter().filter(|x| x.is_nan()).count();
        assert!(nans > 0 && nans < expected.output.len() / 2);
        let [fused, _] = of_shape(shape);
        let results = run(fused, &operands, device);
        // The bias sees the argmax: a NaN's window passes its gradient, wherever in it the NaN is.
        assert_eq!(results.grad_bias, expected.grad_bias, "{shape:?}");
        let pairs = results.output.iter().zip(&expected.output);
        for (index, (actual, expected)) in pairs.enumerate() {
            assert!(
                (actual - expected).abs() <= 1e-4 || (actual.is_nan() && expected.is_nan()),
                "{shape:?}, output {index}: {actual}, expected {expected}"
            );
        }
    }
}

fn the_same_input_gives_the_same_bits(device: &Device) {
    for shape in with_and_without_pool(8) {
        let operands = Operands::random(shape, 1);
        let [fused, _] = of_shape(shape);
        let first = run(fused, &operands, device);
        // Between the two, other values pass through the memory that the device reuses.
        run(fused, &Operands::random(shape, 2), device);
        assert_eq!(first, run(fused, &operands, device));
    }
}

fn an_input_without_gradient_gets_none(device: &Device) {
    let shape = shapes::of_model(2)[0];
    let operands = Operands::exact(shape, 4);
    let block: Block = |input, weight, bias| conv_relu_pool(input.detach(), weight, bias);
    let device_with_gradients = device.clone().autodiff();
    let tensor = |values: &[f32], dims: &[usize]| {
        burn::tensor::TensorData::new(values.to_vec(), dims.to_vec())
    };
    let input = Tensor::<4>::from_data(
        tensor(&operands.input, &shape.input_dims()),
        &device_with_gradients,
    )
    .require_grad();
    let weight = Tensor::<4>::from_data(
        tensor(&operands.weight, &shape.weight_dims()),
        &device_with_gradients,
    )
    .require_grad();
    let bias = Tensor::<1>::from_data(
        tensor(&operands.bias, &[shape.out_channels]),
        &device_with_gradients,
    );
    let gradients = block(input.clone(), weight.clone(), bias).sum().backward();
    assert!(input.grad(&gradients).is_none());
    assert!(weight.grad(&gradients).is_some());
}
