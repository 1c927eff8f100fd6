//! The block's inputs for tests, and one pass through it on a device.

use burn::tensor::{Device, Tensor, TensorData};
use fmnist::ops::conv_relu_pool::{BlockShape, conv_relu, conv_relu_pool, reference};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{naive, values};

/// Input, weight, bias and the gradient of the output.
#[derive(Clone)]
pub struct Operands {
    pub shape: BlockShape,
    pub input: Vec<f32>,
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
    pub grad_output: Vec<f32>,
}

impl Operands {
    /// Uniform in ±1.
    pub fn random(shape: BlockShape, seed: u64) -> Self {
        Self::drawn(shape, seed, |rng| rng.random_range(-1.0..1.0))
    }

    /// Small multiples of 1/4, on which sums of products are exact in f32 and ties in the windows
    /// are frequent. The bias lifts all sums well above 0 and above the rounding of the
    /// transformed convolution, which takes values as equal that differ by less.
    pub fn exact(shape: BlockShape, seed: u64) -> Self {
        let mut operands = Self::drawn(shape, seed, |rng| rng.random_range(-3..=3) as f32 / 4.0);
        for bias in &mut operands.bias {
            *bias += 32.0;
        }
        operands
    }

    fn drawn(shape: BlockShape, seed: u64, draw: fn(&mut ChaCha8Rng) -> f32) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut array = |dims: &[usize]| {
            (0..dims.iter().product())
                .map(|_| draw(&mut rng))
                .collect::<Vec<f32>>()
        };
        Self {
            shape,
            input: array(&shape.input_dims()),
            weight: array(&shape.weight_dims()),
            bias: array(&[shape.out_channels]),
            grad_output: array(&shape.output_dims()),
        }
    }

    /// What the definition gives, in f64.
    pub fn expected(&self) -> Results {
        let [input, weight, bias, grad_output] =
            [&self.input, &self.weight, &self.bias, &self.grad_output]
                .map(|v| v.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>());
        let (output, argmax) = naive::forward(self.shape, &input, &weight, &bias);
        let gradients = naive::backward(self.shape, &input, &weight, &argmax, &grad_output);
        let [grad_input, grad_weight, grad_bias] = gradients.map(narrow);
        Results {
            output: narrow(output),
            grad_input,
            grad_weight,
            grad_bias,
        }
    }
}

fn narrow(values: Vec<f64>) -> Vec<f32> {
    values.into_iter().map(|x| x as f32).collect()
}

/// The output, and the gradients of `sum(output · grad_output)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Results {
    pub output: Vec<f32>,
    pub grad_input: Vec<f32>,
    pub grad_weight: Vec<f32>,
    pub grad_bias: Vec<f32>,
}

impl Results {
    pub fn named(&self) -> [(&'static str, &[f32]); 4] {
        [
            ("output", &self.output),
            ("gradient of the input", &self.grad_input),
            ("gradient of the weight", &self.grad_weight),
            ("gradient of the bias", &self.grad_bias),
        ]
    }
}

/// The form of the block to run.
pub type Block = fn(Tensor<4>, Tensor<4>, Tensor<1>) -> Tensor<4>;

/// The block of a shape: fused, and of Burn's own operations.
pub fn of_shape(shape: BlockShape) -> [Block; 2] {
    match shape.pool {
        1 => [conv_relu, reference::conv_relu],
        _ => [conv_relu_pool, reference::conv_relu_pool],
    }
}

/// Forward and backward through `block` on `device`, which is without autodiff.
pub fn run(block: Block, operands: &Operands, device: &Device) -> Results {
    run_viewed(block, operands, device, |input| input)
}

/// Like [`run`], with the input made by `view` of a leaf tensor that holds `operands.input`.
pub fn run_viewed(
    block: Block,
    operands: &Operands,
    device: &Device,
    view: impl Fn(Tensor<4>) -> Tensor<4>,
) -> Results {
    poison(operands.shape, device);
    let device = device.clone().autodiff();
    let shape = operands.shape;
    let leaf = |values: &[f32], dims: &[usize]| TensorData::new(values.to_vec(), dims.to_vec());
    let input =
        Tensor::<4>::from_data(leaf(&operands.input, &shape.input_dims()), &device).require_grad();
    let weight = Tensor::<4>::from_data(leaf(&operands.weight, &shape.weight_dims()), &device)
        .require_grad();
    let bias =
        Tensor::<1>::from_data(leaf(&operands.bias, &[shape.out_channels]), &device).require_grad();
    let grad_output =
        Tensor::<4>::from_data(leaf(&operands.grad_output, &shape.output_dims()), &device);
    let output = block(view(input.clone()), weight.clone(), bias.clone());
    let gradients = (output.clone() * grad_output).sum().backward();
    Results {
        output: values(output),
        grad_input: values(input.grad(&gradients).expect("the input has a gradient")),
        grad_weight: values(weight.grad(&gradients).expect("the weight has a gradient")),
        grad_bias: values(bias.grad(&gradients).expect("the bias has a gradient")),
    }
}

/// Leaves NaN in the memory that the block's results will likely be put into: an element that a
/// kernel forgets to write then shows.
fn poison(shape: BlockShape, device: &Device) {
    let results = [shape.output_dims(), shape.input_dims(), shape.weight_dims()];
    let poisoned: Vec<Tensor<4>> = results
        .into_iter()
        .map(|dims| Tensor::full(dims, f32::NAN, device))
        .collect();
    device.sync().expect("the device works");
    drop(poisoned);
}
