//! The fully connected layer's CPU kernels against plain `f64` sums, on every instruction set of the
//! machine.

use crate::common::written_over;
use fmnist::ops::linear::LinearShape;
use fmnist::ops::linear::cpu;
use fmnist::ops::simd::Isa;
use std::mem::MaybeUninit;

/// Batch, inputs, outputs: the networks' own layers, batches and columns that fill no tile, sums
/// longer and shorter than a block, and nothing at all.
const SHAPES: &[(usize, usize, usize)] = &[
    (128, 784, 128),
    (48, 784, 128),
    (1, 784, 128),
    (128, 128, 10),
    (37, 256, 10),
    (130, 512, 256),
    (9, 3136, 128),
    (1, 1, 1),
    (2, 3, 2),
    (5, 7, 15),
    (6, 16, 16),
    (7, 17, 17),
    (12, 127, 31),
    (13, 128, 33),
    (11, 129, 47),
    (14, 257, 63),
    (25, 65, 65),
    (29, 63, 79),
    (23, 130, 127),
    (19, 200, 145),
    (300, 5, 3),
    (0, 4, 3),
    (4, 0, 3),
    (4, 3, 0),
];

/// Elements before and behind every result that must stay as they are.
const MARGIN: usize = 64;
const MARK: f32 = -7.25e8;

/// Xorshift.
struct Rng(u64);

impl Rng {
    /// Uniform in −1..1.
    fn value(&mut self) -> f32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    fn values(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.value()).collect()
    }
}

#[derive(Clone)]
struct Problem {
    shape: LinearShape,
    input: Vec<f32>,
    weight: Vec<f32>,
    bias: Vec<f32>,
    /// The layer's output as the backward pass sees it: negative, zero and positive values.
    output: Vec<f32>,
    grad_output: Vec<f32>,
}

impl Problem {
    fn new((batch, inputs, outputs): (usize, usize, usize)) -> Self {
        let mut rng = Rng(0x9e37_79b9 + (batch * 31 + inputs * 7 + outputs) as u64);
        let output = rng.values(batch * outputs);
        Self {
            shape: LinearShape {
                batch,
                inputs,
                outputs,
            },
            input: rng.values(batch * inputs),
            weight: rng.values(inputs * outputs),
            bias: rng.values(outputs),
            output: output
                .iter()
                .map(|x| if x.abs() < 0.3 { 0.0 } else { *x })
                .collect(),
            grad_output: rng.values(batch * outputs),
        }
    }

    fn forward(&self, isa: Isa, relu: bool) -> Vec<f32> {
        fill(self.shape.batch * self.shape.outputs, |output| {
            cpu::forward(
                isa,
                &self.shape,
                relu,
                &self.input,
                &self.weight,
                &self.bias,
                output,
            );
        })
    }

    fn relu_output(&self, relu: bool) -> Option<&[f32]> {
        relu.then_some(&self.output)
    }

    fn grad_weight_bias(&self, isa: Isa, relu: bool) -> (Vec<f32>, Vec<f32>) {
        let mut grad_bias = Vec::new();
        let grad_weight = fill(self.shape.inputs * self.shape.outputs, |grad_weight| {
            grad_bias = fill(self.shape.outputs, |grad_bias| {
                cpu::grad_weight_bias(
                    isa,
                    &self.shape,
                    self.relu_output(relu),
                    &self.input,
                    &self.grad_output,
                    grad_weight,
                    grad_bias,
                );
            });
        });
        (grad_weight, grad_bias)
    }

    fn grad_input(&self, isa: Isa, relu: bool) -> Vec<f32> {
        fill(self.shape.batch * self.shape.inputs, |grad_input| {
            cpu::grad_input(
                isa,
                &self.shape,
                self.relu_output(relu),
                &self.weight,
                &self.grad_output,
                grad_input,
            );
        })
    }

    /// All results, side by side.
    fn all(&self, isa: Isa) -> Vec<f32> {
        let (grad_weight, grad_bias) = self.grad_weight_bias(isa, true);
        let (output, grad_input) = (self.forward(isa, true), self.grad_input(isa, true));
        [output, grad_weight, grad_bias, grad_input].concat()
    }

    /// The gradient before the ReLU.
    fn grad_before_relu(&self, relu: bool) -> Vec<f32> {
        let mut grad = self.grad_output.clone();
        for (grad, output) in grad.iter_mut().zip(&self.output) {
            if relu && *output <= 0.0 {
                *grad = 0.0;
            }
        }
        grad
    }
}

/// Has a poisoned buffer filled, and checks that nothing around it was touched.
fn fill(len: usize, f: impl FnOnce(&mut [MaybeUninit<f32>])) -> Vec<f32> {
    let buffer = written_over(MARK, len + 2 * MARGIN, |buffer| {
        buffer[MARGIN..][..len].fill(MaybeUninit::new(f32::NAN));
        f(&mut buffer[MARGIN..][..len]);
    });
    assert!(buffer[..MARGIN].iter().all(|x| *x == MARK));
    assert!(buffer[MARGIN + len..].iter().all(|x| *x == MARK));
    buffer[MARGIN..][..len].to_vec()
}

/// Compares `actual[i * columns + j]` with the sum of `terms(i, j)`, within the rounding error of a
/// sum of that length.
fn assert_sums<I: Iterator<Item = (f32, f32)>>(
    actual: &[f32],
    columns: usize,
    relu: bool,
    terms: impl Fn(usize, usize) -> I,
    what: &str,
) {
    for (index, actual) in actual.iter().enumerate() {
        let (mut sum, mut magnitude, mut n) = (0.0, 0.0, 0);
        for (a, b) in terms(index / columns, index % columns) {
            let product = f64::from(a) * f64::from(b);
            sum += product;
            magnitude += product.abs();
            n += 1;
        }
        let expected = if relu { sum.max(0.0) } else { sum };
        let bound = f64::from(n + 1) * f64::from(f32::EPSILON) * magnitude;
        let error = (f64::from(*actual) - expected).abs();
        assert!(
            error <= bound,
            "{what}[{index}] is {actual}, not {expected}"
        );
    }
}

#[test]
fn matches_plain_sums() {
    for &sizes in SHAPES {
        let p = Problem::new(sizes);
        let LinearShape {
            batch,
            inputs,
            outputs,
        } = p.shape;
        for &isa in Isa::available() {
            for relu in [false, true] {
                let name = |what: &str| format!("{isa:?} {sizes:?} relu {relu} {what}");
                let grad = p.grad_before_relu(relu);
                assert_sums(
                    &p.forward(isa, relu),
                    outputs,
                    relu,
                    |i, j| {
                        let products = (0..inputs)
                            .map(move |k| (i * inputs + k, k * outputs + j))
                            .map(|(a, b)| (p.input[a], p.weight[b]));
                        products.chain([(p.bias[j], 1.0)])
                    },
                    &name("output"),
                );
                let (grad_weight, grad_bias) = p.grad_weight_bias(isa, relu);
                assert_sums(
                    &grad_weight,
                    outputs,
                    false,
                    |i, j| {
                        (0..batch)
                            .map(move |k| (k * inputs + i, k * outputs + j))
                            .map(|(a, b)| (p.input[a], grad[b]))
                    },
                    &name("grad_weight"),
                );
                assert_sums(
                    &grad_bias,
                    outputs,
                    false,
                    |_, j| {
                        (0..batch)
                            .map(move |k| k * outputs + j)
                            .map(|k| (grad[k], 1.0))
                    },
                    &name("grad_bias"),
                );
                assert_sums(
                    &p.grad_input(isa, relu),
                    inputs,
                    false,
                    |i, j| {
                        (0..outputs)
                            .map(move |k| (i * outputs + k, j * outputs + k))
                            .map(|(a, b)| (grad[a], p.weight[b]))
                    },
                    &name("grad_input"),
                );
            }
        }
    }
}

#[test]
fn is_bit_identical_on_any_number_of_threads() {
    let bits = |x: Vec<f32>| x.into_iter().map(f32::to_bits).collect::<Vec<_>>();
    for sizes in [
        (128, 784, 128),
        (48, 784, 128),
        (129, 300, 117),
        (1000, 512, 10),
    ] {
        let p = Problem::new(sizes);
        for &isa in Isa::available() {
            let on = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
                pool.expect("threads can be started")
                    .install(|| bits(p.all(isa)))
            };
            let expected = on(1);
            for threads in [2, 3, 4, 7] {
                assert!(
                    on(threads) == expected,
                    "{isa:?} {sizes:?} {threads} threads"
                );
            }
        }
    }
}

/// Where the result is NaN; everything else must be finite.
fn nans(x: &[f32]) -> Vec<usize> {
    assert!(x.iter().all(|x| x.is_finite() || x.is_nan()));
    (0..x.len()).filter(|i| x[*i].is_nan()).collect()
}

#[test]
fn a_nan_reaches_what_depends_on_it() {
    let (batch, inputs, outputs) = (19, 150, 37);
    let p = Problem::new((batch, inputs, outputs));
    let (sample, input, output) = (17, 140, 36);
    for &isa in Isa::available() {
        let mut q = p.clone();
        q.input[sample * inputs + input] = f32::NAN;
        let row: Vec<_> = (sample * outputs..(sample + 1) * outputs).collect();
        assert_eq!(nans(&q.forward(isa, true)), row, "{isa:?}");
        assert_eq!(nans(&q.forward(isa, false)), row, "{isa:?}");
        let row: Vec<_> = (input * outputs..(input + 1) * outputs).collect();
        assert_eq!(nans(&q.grad_weight_bias(isa, true).0), row, "{isa:?}");

        let mut q = p.clone();
        q.bias[output] = f32::NAN;
        let column: Vec<_> = (0..batch).map(|i| i * outputs + output).collect();
        assert_eq!(nans(&q.forward(isa, true)), column, "{isa:?}");

        let mut q = p.clone();
        q.weight[input * outputs + output] = f32::NAN;
        assert_eq!(nans(&q.forward(isa, true)), column, "{isa:?}");
        let column: Vec<_> = (0..batch).map(|i| i * inputs + input).collect();
        assert_eq!(nans(&q.grad_input(isa, true)), column, "{isa:?}");
    }
}

#[test]
fn the_relu_stops_any_gradient_where_it_is_inactive() {
    let (batch, inputs, outputs) = (8, 20, 18);
    let mut p = Problem::new((batch, inputs, outputs));
    p.output.fill(1.0);
    // Inactive for the gradients that are not numbers, active for a NaN in the output.
    for (i, inactive) in [(5, 0.0), (40, -0.0), (100, -1.0)] {
        p.output[i] = inactive;
        p.grad_output[i] = [f32::NAN, f32::INFINITY, 3.0][i % 3];
    }
    p.output[77] = f32::NAN;
    let mut plain = p.clone();
    for i in [5, 40, 100] {
        plain.grad_output[i] = 0.0;
    }
    for &isa in Isa::available() {
        assert_eq!(
            p.grad_weight_bias(isa, true),
            plain.grad_weight_bias(isa, false)
        );
        assert_eq!(p.grad_input(isa, true), plain.grad_input(isa, false));
    }
}

#[test]
fn infinities_follow_the_plain_formula() {
    let shape = (7, 5, 21);
    let mut p = Problem::new(shape);
    p.weight.fill(1.0);
    p.input[5] = f32::INFINITY;
    p.input[10] = f32::NEG_INFINITY;
    p.input[15] = f32::INFINITY;
    p.input[16] = f32::NEG_INFINITY;
    for &isa in Isa::available() {
        let output = p.forward(isa, true);
        let row = |i: usize| &output[i * 21..][..21];
        assert!(row(1).iter().all(|x| *x == f32::INFINITY), "{isa:?}");
        assert!(row(2).iter().all(|x| *x == 0.0), "{isa:?}");
        assert!(row(3).iter().all(|x| x.is_nan()), "{isa:?}");
    }
}

#[test]
#[should_panic(expected = "length of weight")]
fn a_wrong_length_is_refused() {
    let mut p = Problem::new((2, 3, 4));
    p.weight.pop();
    p.forward(Isa::detect(), false);
}
