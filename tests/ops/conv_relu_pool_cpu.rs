//! The fused block's CPU kernels against a plain `f64` reference, on every instruction set of the
//! machine.

use crate::common::written_over;
use fmnist::ops::conv_relu_pool::cpu;
use fmnist::ops::conv_relu_pool::{BlockShape, INACTIVE};
use fmnist::ops::simd::Isa;

/// Every code path: one input channel, few and many, channel counts that fill no vector, odd sizes,
/// fewer windows than any block, batches that fill no chunk.
const SHAPES: &[BlockShape] = &[
    shape(1, 1, 1, 2, 2, 3),
    shape(2, 1, 32, 28, 28, 3),
    shape(3, 32, 64, 14, 14, 3),
    shape(9, 32, 64, 14, 14, 3),
    shape(8, 3, 5, 7, 7, 3),
    shape(1, 64, 33, 13, 13, 3),
    shape(3, 6, 10, 5, 9, 3),
    shape(2, 16, 16, 9, 5, 3),
    shape(2, 33, 17, 3, 3, 3),
    shape(2, 48, 20, 4, 6, 3),
    shape(1, 96, 40, 8, 8, 3),
    shape(5, 8, 16, 12, 12, 3),
    shape(2, 40, 48, 10, 14, 3),
    shape(17, 8, 8, 6, 6, 3),
    shape(1, 20, 3, 2, 11, 3),
    shape(2, 1, 6, 28, 28, 5),
    shape(3, 6, 16, 14, 14, 5),
    shape(2, 32, 64, 7, 7, 5),
    shape(1, 64, 33, 5, 9, 5),
    shape(2, 17, 9, 2, 2, 5),
    shape(2, 3, 5, 3, 3, 5),
    shape(2, 4, 5, 1, 7, 3),
    without_pool(shape(1, 1, 1, 1, 1, 3)),
    without_pool(shape(2, 1, 32, 28, 28, 3)),
    without_pool(shape(5, 32, 64, 14, 14, 3)),
    without_pool(shape(8, 3, 5, 7, 7, 3)),
    without_pool(shape(1, 64, 33, 13, 13, 3)),
    without_pool(shape(3, 6, 10, 5, 9, 3)),
    without_pool(shape(2, 16, 16, 9, 5, 3)),
    without_pool(shape(2, 33, 17, 3, 2, 3)),
    without_pool(shape(2, 48, 20, 4, 6, 3)),
    without_pool(shape(9, 8, 80, 13, 14, 3)),
    without_pool(shape(1, 20, 3, 2, 11, 3)),
    without_pool(shape(3, 6, 16, 14, 14, 5)),
    without_pool(shape(1, 64, 33, 5, 9, 5)),
    without_pool(shape(2, 3, 5, 3, 3, 5)),
    without_pool(shape(2, 4, 5, 1, 7, 3)),
];

const fn shape(
    n: usize,
    cin: usize,
    cout: usize,
    height: usize,
    width: usize,
    k: usize,
) -> BlockShape {
    BlockShape {
        batch: n,
        in_channels: cin,
        out_channels: cout,
        height,
        width,
        kernel: k,
        pool: 2,
    }
}

const fn without_pool(shape: BlockShape) -> BlockShape {
    BlockShape { pool: 1, ..shape }
}

/// Xorshift.
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Uniform in −1..1.
    fn value(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    fn values(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.value()).collect()
    }
}

struct Sizes {
    image: usize,
    weights: usize,
    pooled: usize,
}

fn sizes(s: &BlockShape) -> Sizes {
    Sizes {
        image: s.in_channels * s.height * s.width,
        weights: s.out_channels * s.in_channels * s.kernel * s.kernel,
        pooled: s.out_channels * s.output_height() * s.output_width(),
    }
}

/// Inputs, weights and biases of a shape; about half of the ReLUs are active.
fn problem(s: &BlockShape, rng: &mut Rng) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let sizes = sizes(s);
    let scale = ((s.in_channels * s.kernel * s.kernel) as f32).sqrt();
    let input = rng.values(s.batch * sizes.image);
    let weight = rng
        .values(sizes.weights)
        .iter()
        .map(|w| w * 2.0 / scale)
        .collect();
    let bias = rng.values(s.out_channels).iter().map(|b| b - 0.7).collect();
    (input, weight, bias)
}

/// Calls `visit` for every pooled position and tap inside the image:
/// (pooled index, window position, weight index, input index).
fn for_each_product(s: &BlockShape, mut visit: impl FnMut(usize, usize, usize, usize)) {
    let (k, radius) = (s.kernel, s.kernel / 2);
    let (rows, columns) = (s.output_height(), s.output_width());
    for n in 0..s.batch {
        for o in 0..s.out_channels {
            for row in 0..rows {
                for column in 0..columns {
                    let pooled = ((n * s.out_channels + o) * rows + row) * columns + column;
                    for position in 0..s.pool * s.pool {
                        for c in 0..s.in_channels {
                            for tap in 0..k * k {
                                let y = s.pool * row + position / 2 + tap / k;
                                let x = s.pool * column + position % 2 + tap % k;
                                if y < radius || x < radius {
                                    continue;
                                }
                                let (y, x) = (y - radius, x - radius);
                                if y < s.height && x < s.width {
                                    let w = (o * s.in_channels + c) * k * k + tap;
                                    let i = ((n * s.in_channels + c) * s.height + y) * s.width + x;
                                    visit(pooled, position, w, i);
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The four convolution values of every window and the sums of the absolute products. Without a pool the
/// last three are less than any.
fn reference_windows(
    s: &BlockShape,
    input: &[f32],
    weight: &[f32],
    bias: &[f32],
) -> Vec<[(f64, f64); 4]> {
    let pooled = sizes(s).pooled;
    let channel = pooled / s.out_channels;
    let mut windows: Vec<[(f64, f64); 4]> = (0..s.batch * pooled)
        .map(|i| f64::from(bias[i % pooled / channel]))
        .map(|b| {
            std::array::from_fn(|position| match position < s.pool * s.pool {
                true => (b, b.abs()),
                false => (f64::NEG_INFINITY, 0.0),
            })
        })
        .collect();
    for_each_product(s, |pooled, position, w, i| {
        let product = f64::from(weight[w]) * f64::from(input[i]);
        let (sum, magnitude) = &mut windows[pooled][position];
        *sum += product;
        *magnitude += product.abs();
    });
    windows
}

/// ReLU and max pool of one window: value and index.
fn pool(window: [f64; 4]) -> (f64, u8) {
    let mut best = 0;
    for position in 1..4 {
        let (x, b) = (window[position], window[best]);
        if x > b || (x.is_nan() && !b.is_nan()) {
            best = position;
        }
    }
    if window[best] <= 0.0 {
        (0.0, INACTIVE)
    } else {
        (window[best], best as u8)
    }
}

fn forward(
    isa: Isa,
    s: &BlockShape,
    input: &[f32],
    weight: &[f32],
    bias: &[f32],
) -> (Vec<f32>, Vec<u8>) {
    let len = s.batch * sizes(s).pooled;
    let mut argmax = Vec::new();
    let output = written_over(f32::NAN, len, |output| {
        argmax = written_over(0xcc, len, |argmax| {
            cpu::forward(isa, s, input, weight, bias, output, argmax);
        });
    });
    (output, argmax)
}

fn gradients(
    isa: Isa,
    s: &BlockShape,
    input: &[f32],
    weight: &[f32],
    argmax: &[u8],
    grad_output: &[f32],
) -> [Vec<f32>; 3] {
    let sizes = sizes(s);
    let mut grad_bias = Vec::new();
    let grad_weight = written_over(f32::NAN, sizes.weights, |grad_weight| {
        grad_bias = written_over(f32::NAN, s.out_channels, |grad_bias| {
            cpu::grad_weight_bias(isa, s, input, argmax, grad_output, grad_weight, grad_bias);
        });
    });
    let grad_input = written_over(f32::NAN, s.batch * sizes.image, |grad_input| {
        cpu::grad_input(isa, s, weight, argmax, grad_output, grad_input);
    });
    [grad_weight, grad_bias, grad_input]
}

/// Checks values and argmax: errors within `bound` times a window's magnitude, argmax right wherever
/// no other choice lies within that error.
fn check_forward(
    label: &str,
    windows: &[[(f64, f64); 4]],
    output: &[f32],
    argmax: &[u8],
    bound: f64,
) {
    for (i, window) in windows.iter().enumerate() {
        let (value, index) = pool(window.map(|(sum, _)| sum));
        let bound = bound * window.iter().map(|(_, m)| *m).fold(0.0, f64::max);
        assert!(
            (f64::from(output[i]) - value).abs() <= bound,
            "{label}: output {i} is {}, not {value} ± {bound}",
            output[i]
        );
        if argmax[i] != index {
            let chosen = if argmax[i] == INACTIVE {
                0.0
            } else {
                window[usize::from(argmax[i])].0
            };
            // Values that differ by a few millionths may count as equal.
            let bound = 2.0 * bound + 4e-6 * value;
            assert!(
                (chosen - value).abs() <= bound,
                "{label}: index {i} is {}, not {index}: {window:?}",
                argmax[i]
            );
        }
    }
}

#[test]
fn forward_follows_the_reference() {
    let mut rng = Rng(0x9e37_79b9_7f4a_7c15);
    for s in SHAPES {
        let (input, weight, bias) = problem(s, &mut rng);
        let windows = reference_windows(s, &input, &weight, &bias);
        for &isa in Isa::available() {
            let (output, argmax) = forward(isa, s, &input, &weight, &bias);
            check_forward(&format!("{isa:?} {s:?}"), &windows, &output, &argmax, 1e-6);
        }
    }
}

#[test]
fn gradients_follow_the_reference() {
    // Of how many outputs without a pool one is active: many are transformed, few listed.
    for one_of in [1, 2, 6] {
        gradients_follow_the_reference_at(one_of);
    }
}

fn gradients_follow_the_reference_at(one_of: u8) {
    let mut rng = Rng(0x2545_f491_4f6c_dd1d);
    for s in SHAPES.iter().filter(|s| s.pool == 1 || one_of == 2) {
        let sizes = sizes(s);
        let (input, weight, _) = problem(s, &mut rng);
        // Any index is possible, whatever the forward pass would have said.
        let argmax: Vec<u8> = (0..s.batch * sizes.pooled)
            .map(|_| match s.pool {
                1 => ((rng.next() >> 33) as u8 % one_of).min(1) * INACTIVE,
                _ => (rng.next() >> 33) as u8 % 5,
            })
            .collect();
        let grad_output = rng.values(argmax.len());
        // (sum, sum of absolute terms) for weights, bias and input.
        let mut expected = [
            vec![(0.0, 0.0); sizes.weights],
            vec![(0.0, 0.0); s.out_channels],
            vec![(0.0, 0.0); s.batch * sizes.image],
        ];
        let mut add = |which: usize, at: usize, x: f64| {
            let (sum, magnitude) = &mut expected[which][at];
            *sum += x;
            *magnitude += f64::abs(x);
        };
        for (i, grad) in grad_output.iter().enumerate() {
            if argmax[i] != INACTIVE {
                let channel = sizes.pooled / s.out_channels;
                add(1, i % sizes.pooled / channel, f64::from(*grad));
            }
        }
        for_each_product(s, |pooled, position, w, i| {
            if usize::from(argmax[pooled]) == position {
                let grad = f64::from(grad_output[pooled]);
                add(0, w, grad * f64::from(input[i]));
                add(2, i, grad * f64::from(weight[w]));
            }
        });
        if s.pool == 1 {
            // What is transformed is rounded as the largest beside it are.
            let together = [s.kernel * s.kernel, 1, s.height * s.width];
            for (values, together) in expected.iter_mut().zip(together) {
                for values in values.chunks_exact_mut(together) {
                    let largest = values.iter().map(|value| value.1).fold(0.0, f64::max);
                    values.iter_mut().for_each(|value| value.1 = largest);
                }
            }
        }
        for &isa in Isa::available() {
            let actual = gradients(isa, s, &input, &weight, &argmax, &grad_output);
            for ((name, actual), expected) in ["weight", "bias", "input"]
                .iter()
                .zip(&actual)
                .zip(&expected)
            {
                for (i, (actual, (sum, magnitude))) in actual.iter().zip(expected).enumerate() {
                    assert!(
                        (f64::from(*actual) - sum).abs() <= 2e-6 * magnitude,
                        "{isa:?} {s:?}: gradient of {name} {i} is {actual}, not {sum}"
                    );
                }
            }
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let mut rng = Rng(77);
    for s in [
        shape(37, 32, 64, 14, 14, 3),
        shape(37, 1, 32, 28, 28, 3),
        shape(21, 6, 16, 14, 14, 5),
        without_pool(shape(21, 32, 64, 14, 14, 3)),
        without_pool(shape(21, 1, 32, 28, 28, 3)),
    ] {
        let (input, weight, bias) = problem(&s, &mut rng);
        let grad_output = rng.values(s.batch * sizes(&s).pooled);
        for &isa in Isa::available() {
            let run = |threads| {
                let pool = rayon::ThreadPoolBuilder::new()
                    .num_threads(threads)
                    .build()
                    .unwrap();
                pool.install(|| {
                    let (output, argmax) = forward(isa, &s, &input, &weight, &bias);
                    let grads = gradients(isa, &s, &input, &weight, &argmax, &grad_output);
                    let bits = |v: &[f32]| v.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                    (bits(&output), argmax, grads.map(|g| bits(&g)))
                })
            };
            let one = run(1);
            assert!(one == run(2), "{isa:?} {s:?}: 2 threads");
            assert!(one == run(4), "{isa:?} {s:?}: 4 threads");
        }
    }
}

#[test]
fn the_first_maximum_wins() {
    for s in SHAPES {
        let sizes = sizes(s);
        // Constant images: away from the border all four values of a window tie.
        let input = vec![1.0; s.batch * sizes.image];
        let weight = vec![0.5; sizes.weights];
        let bias = vec![-0.25; s.out_channels];
        // Without a pool an output at the border is small beside what is transformed with it.
        let bound = match s.pool {
            1 => 0.5 * (sizes.weights / s.out_channels) as f64,
            _ => 0.0,
        };
        let windows = reference_windows(s, &input, &weight, &bias);
        for &isa in Isa::available() {
            let (output, argmax) = forward(isa, s, &input, &weight, &bias);
            for (i, window) in windows.iter().enumerate() {
                let (value, index) = pool(window.map(|(sum, _)| sum));
                let error = (f64::from(output[i]) - value).abs();
                assert!(
                    error <= 1e-6 * bound.max(value),
                    "{isa:?} {s:?}: element {i} is {}",
                    output[i]
                );
                assert_eq!(argmax[i], index, "{isa:?} {s:?}: index {i} of {window:?}");
            }
        }
    }
}

#[test]
fn inactive_relus_let_nothing_through() {
    let mut rng = Rng(5);
    for s in SHAPES {
        let sizes = sizes(s);
        let (input, weight, _) = problem(s, &mut rng);
        let grad_output = rng.values(s.batch * sizes.pooled);
        // Far below zero, and exactly zero.
        let zero_weights = vec![0.0; weight.len()];
        for (weight, bias) in [(&weight, -1e3), (&zero_weights, 0.0), (&zero_weights, -0.0)] {
            let bias = vec![bias; s.out_channels];
            for &isa in Isa::available() {
                let (output, argmax) = forward(isa, s, &input, weight, &bias);
                assert!(
                    output.iter().all(|x| x.to_bits() == 0),
                    "{isa:?} {s:?}: output"
                );
                assert!(
                    argmax.iter().all(|index| *index == INACTIVE),
                    "{isa:?} {s:?}: argmax"
                );
                let grads = gradients(isa, s, &input, weight, &argmax, &grad_output);
                assert!(
                    grads.iter().flatten().all(|g| *g == 0.0),
                    "{isa:?} {s:?}: gradients"
                );
            }
        }
    }
}

#[test]
fn nan_and_infinity_stay_in_their_windows() {
    let mut rng = Rng(1234);
    for s in SHAPES {
        let (mut input, weight, bias) = problem(s, &mut rng);
        let image = sizes(s).image;
        // One special value in the middle of every image, and one in a corner.
        for (n, image) in input.chunks_exact_mut(image).enumerate() {
            let special = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX][n % 4];
            image[image.len() / 2] = special;
            image[0] = special;
        }
        let windows = reference_windows(s, &input, &weight, &bias);
        for &isa in Isa::available() {
            let (output, argmax) = forward(isa, s, &input, &weight, &bias);
            for (i, window) in windows.iter().enumerate() {
                let window_values = window.map(|(sum, _)| sum);
                let (value, index) = pool(window_values);
                let at = format!("{isa:?} {s:?}: element {i}, {} {}", output[i], argmax[i]);
                if window_values.iter().any(|x| x.is_nan()) {
                    assert!(
                        output[i].is_nan() && argmax[i] == index,
                        "{at}, not NaN {index}"
                    );
                } else if value.is_infinite() {
                    assert!(
                        f64::from(output[i]) == value && argmax[i] == index,
                        "{at}, not {value}"
                    );
                } else if value < 1e30 {
                    // A finite maximum, perhaps beside −∞ in the same window.
                    let magnitude = window
                        .iter()
                        .map(|w| w.1)
                        .filter(|m| *m < 1e30)
                        .fold(0.0, f64::max);
                    let error = (f64::from(output[i]) - value).abs();
                    assert!(error <= 1e-6 * magnitude, "{at}, not {value}");
                }
            }
        }
    }
}

#[test]
fn nan_bias_and_weights_are_seen() {
    for s in [
        shape(2, 32, 5, 6, 6, 3),
        without_pool(shape(2, 32, 5, 6, 6, 3)),
    ] {
        let mut rng = Rng(99);
        let (input, mut weight, mut bias) = problem(&s, &mut rng);
        bias[1] = f32::NAN;
        weight[3 * 32 * 9 + 4] = f32::NAN;
        let plane = s.output_height() * s.output_width();
        for &isa in Isa::available() {
            let (output, argmax) = forward(isa, &s, &input, &weight, &bias);
            for (i, (value, index)) in output.iter().zip(&argmax).enumerate() {
                let channel = i / plane % 5;
                assert_eq!(
                    value.is_nan(),
                    channel == 1 || channel == 3,
                    "{isa:?} {s:?}: element {i}"
                );
                if value.is_nan() {
                    assert_eq!(*index, 0, "{isa:?} {s:?}: element {i}");
                }
            }
        }
    }
}

#[test]
fn large_magnitudes_keep_the_bound() {
    let mut rng = Rng(31);
    for s in [
        shape(2, 32, 64, 14, 14, 3),
        shape(1, 64, 33, 13, 13, 3),
        without_pool(shape(1, 64, 33, 13, 13, 3)),
    ] {
        let (input, weight, bias) = problem(&s, &mut rng);
        for scale in [1e-30, 1e15, 1e30] {
            // A large offset makes neighbours cancel in the transforms.
            for offset in [0.0, 100.0] {
                let input: Vec<f32> = input.iter().map(|x| (x + offset) * scale).collect();
                let windows = reference_windows(&s, &input, &weight, &bias);
                for &isa in Isa::available() {
                    let (output, argmax) = forward(isa, &s, &input, &weight, &bias);
                    let label = format!("{isa:?} {s:?} × {scale} + {offset}");
                    check_forward(&label, &windows, &output, &argmax, 1e-6);
                }
            }
        }
    }
}

#[test]
fn outliers_disturb_their_neighbours_within_the_bound() {
    let mut rng = Rng(32);
    for s in [
        shape(2, 32, 64, 14, 14, 3),
        shape(1, 64, 33, 13, 13, 3),
        without_pool(shape(1, 64, 33, 13, 13, 3)),
    ] {
        let (mut input, weight, bias) = problem(&s, &mut rng);
        for x in input.iter_mut().step_by(97) {
            *x *= 1e6;
        }
        let largest = input.iter().map(|x| f64::from(x.abs())).fold(0.0, f64::max);
        let kernel = s.in_channels * 9;
        let magnitudes: Vec<f64> = weight
            .chunks_exact(kernel)
            .map(|kernels| largest * kernels.iter().map(|w| f64::from(w.abs())).sum::<f64>())
            .collect();
        let mut windows = reference_windows(&s, &input, &weight, &bias);
        let channel = sizes(&s).pooled / s.out_channels;
        for (i, window) in windows.iter_mut().enumerate() {
            for (_, magnitude) in window {
                *magnitude = magnitudes[i / channel % s.out_channels];
            }
        }
        for &isa in Isa::available() {
            let (output, argmax) = forward(isa, &s, &input, &weight, &bias);
            check_forward(&format!("{isa:?} {s:?}"), &windows, &output, &argmax, 1e-6);
        }
    }
}

#[test]
fn an_empty_batch_has_zero_weight_gradients() {
    for s in [
        shape(0, 3, 5, 7, 7, 3),
        without_pool(shape(0, 3, 5, 7, 7, 3)),
    ] {
        let (_, weight, _) = problem(&s, &mut Rng(1));
        for &isa in Isa::available() {
            let [grad_weight, grad_bias, grad_input] = gradients(isa, &s, &[], &weight, &[], &[]);
            assert!(grad_weight.iter().chain(&grad_bias).all(|g| *g == 0.0));
            assert!(grad_input.is_empty());
        }
    }
}

/// Without a pool the gradient of the input is a convolution, with none of the forward pass's ReLU.
#[test]
fn gradients_that_are_not_finite_reach_their_neighbours_only() {
    // Directly and transformed.
    for s in [
        without_pool(shape(1, 5, 6, 9, 8, 3)),
        without_pool(shape(1, 20, 33, 9, 8, 3)),
    ] {
        let mut rng = Rng(17);
        let (input, weight, _) = problem(&s, &mut rng);
        let plane = s.height * s.width;
        let mut grad_output = rng.values(s.out_channels * plane);
        let mut argmax = vec![0; grad_output.len()];
        let [seen, unseen] = [(2, 3), (7, 6)];
        for ((row, column), index) in [(seen, 0), (unseen, INACTIVE)] {
            grad_output[row * s.width + column] = f32::NAN;
            argmax[row * s.width + column] = index;
        }
        for &isa in Isa::available() {
            let [grad_weight, grad_bias, grad_input] =
                gradients(isa, &s, &input, &weight, &argmax, &grad_output);
            for (name, grads) in [("weight", grad_weight), ("bias", grad_bias)] {
                let channel = grads.len() / s.out_channels;
                for (i, grad) in grads.iter().enumerate() {
                    assert_eq!(grad.is_nan(), i < channel, "{isa:?} {s:?}: {name} {i}");
                }
            }
            for (i, grad) in grad_input.iter().enumerate() {
                let (row, column) = (i % plane / s.width, i % s.width);
                let near = row.abs_diff(seen.0) <= 1 && column.abs_diff(seen.1) <= 1;
                assert_eq!(grad.is_nan(), near, "{isa:?} {s:?}: {row}, {column}");
            }
        }
    }
}

/// Zero times infinity is no number, so a product may only be taken where the ReLU is active.
#[test]
fn inputs_that_no_active_output_sees_leave_no_trace() {
    for s in [
        without_pool(shape(1, 5, 6, 9, 8, 3)),
        without_pool(shape(1, 20, 33, 9, 8, 3)),
    ] {
        let mut rng = Rng(18);
        let (mut input, weight, _) = problem(&s, &mut rng);
        let grad_output = rng.values(s.out_channels * s.height * s.width);
        let unseen = (4, 5);
        let argmax: Vec<u8> = (0..grad_output.len())
            .map(|i| (i / s.width % s.height, i % s.width))
            .map(|(row, column)| row.abs_diff(unseen.0) <= 1 && column.abs_diff(unseen.1) <= 1)
            .map(|near| if near { INACTIVE } else { 0 })
            .collect();
        for &isa in Isa::available() {
            let mut with = |value| {
                input[unseen.0 * s.width + unseen.1] = value;
                gradients(isa, &s, &input, &weight, &argmax, &grad_output)
            };
            let [grad_weight, grad_bias, _] = with(f32::INFINITY);
            let [expected_weight, expected_bias, _] = with(0.0);
            let expected = expected_weight.iter().chain(&expected_bias);
            for (i, (grad, expected)) in grad_weight
                .iter()
                .chain(&grad_bias)
                .zip(expected)
                .enumerate()
            {
                assert!(
                    (grad - expected).abs() < 1e-4,
                    "{isa:?} {s:?}: {i} is {grad}, not {expected}"
                );
            }
        }
    }
}

/// Of an argmax that is none without a pool only that it is active counts: nothing out of bounds is read.
#[test]
fn without_a_pool_every_active_argmax_is_the_first() {
    let s = without_pool(shape(3, 20, 6, 4, 6, 3));
    let mut rng = Rng(3);
    let (input, weight, _) = problem(&s, &mut rng);
    let grad_output = rng.values(s.batch * sizes(&s).pooled);
    let argmax: Vec<u8> = (0..grad_output.len())
        .map(|_| (rng.next() >> 33) as u8 % 8)
        .collect();
    let usual: Vec<u8> = argmax
        .iter()
        .map(|index| if *index < INACTIVE { 0 } else { INACTIVE })
        .collect();
    for &isa in Isa::available() {
        let [odd, usual] = [&argmax, &usual]
            .map(|argmax| gradients(isa, &s, &input, &weight, argmax, &grad_output));
        assert!(odd == usual, "{isa:?}");
    }
}
