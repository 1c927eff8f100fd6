//! The block as its definition says, one scalar after the other, in f64.

use fmnist::ops::conv_relu_pool::{BlockShape, INACTIVE};

/// The output and its argmax.
pub fn forward(
    shape: BlockShape,
    input: &[f64],
    weight: &[f64],
    bias: &[f64],
) -> (Vec<f64>, Vec<u8>) {
    forward_nudged(shape, input, weight, bias, 0, 0.0)
}

/// [`forward`] with `advantage` added at window position `nudged` of every window, or at none
/// if `nudged` is 4.
pub fn forward_nudged(
    shape: BlockShape,
    input: &[f64],
    weight: &[f64],
    bias: &[f64],
    nudged: usize,
    advantage: f64,
) -> (Vec<f64>, Vec<u8>) {
    let mut output = Vec::new();
    let mut argmax = Vec::new();
    for image in 0..shape.batch {
        for (out_channel, &bias) in bias.iter().enumerate() {
            for pooled_y in 0..shape.output_height() {
                for pooled_x in 0..shape.output_width() {
                    let mut best = f64::NEG_INFINITY;
                    let mut index = 0;
                    for position in 0..shape.pool * shape.pool {
                        let (y, x) = at(shape.pool, [pooled_y, pooled_x], position);
                        let mut value =
                            bias + convolve(shape, input, weight, image, out_channel, y, x);
                        if position == nudged {
                            value += advantage;
                        }
                        if value > best || (value.is_nan() && !best.is_nan()) {
                            (best, index) = (value, position as u8);
                        }
                    }
                    let active = best > 0.0 || best.is_nan();
                    output.push(if active { best } else { 0.0 });
                    argmax.push(if active { index } else { INACTIVE });
                }
            }
        }
    }
    (output, argmax)
}

/// Row and column of a position of a window.
fn at(pool: usize, [row, column]: [usize; 2], position: usize) -> (usize, usize) {
    (
        pool * row + position / pool,
        pool * column + position % pool,
    )
}

fn convolve(
    shape: BlockShape,
    input: &[f64],
    weight: &[f64],
    image: usize,
    out_channel: usize,
    y: usize,
    x: usize,
) -> f64 {
    let mut sum = 0.0;
    for_each_tap(
        shape,
        image,
        out_channel,
        y,
        x,
        |input_index, weight_index| {
            sum += input[input_index] * weight[weight_index];
        },
    );
    sum
}

/// Calls `visit(input index, weight index)` for every product in one convolution output.
fn for_each_tap(
    shape: BlockShape,
    image: usize,
    out_channel: usize,
    y: usize,
    x: usize,
    mut visit: impl FnMut(usize, usize),
) {
    let padding = shape.kernel / 2;
    for in_channel in 0..shape.in_channels {
        for tap_y in 0..shape.kernel {
            for tap_x in 0..shape.kernel {
                let (input_y, input_x) = (y + tap_y, x + tap_x);
                let inside = (padding..padding + shape.height).contains(&input_y)
                    && (padding..padding + shape.width).contains(&input_x);
                if inside {
                    let plane = image * shape.in_channels + in_channel;
                    let row = plane * shape.height + input_y - padding;
                    let channels = out_channel * shape.in_channels + in_channel;
                    visit(
                        row * shape.width + input_x - padding,
                        (channels * shape.kernel + tap_y) * shape.kernel + tap_x,
                    );
                }
            }
        }
    }
}

/// The gradients of input, weight and bias.
pub fn backward(
    shape: BlockShape,
    input: &[f64],
    weight: &[f64],
    argmax: &[u8],
    grad_output: &[f64],
) -> [Vec<f64>; 3] {
    let mut grad_input = vec![0.0; input.len()];
    let mut grad_weight = vec![0.0; weight.len()];
    let mut grad_bias = vec![0.0; shape.out_channels];
    let mut index = 0;
    for image in 0..shape.batch {
        for (out_channel, bias) in grad_bias.iter_mut().enumerate() {
            for pooled_y in 0..shape.output_height() {
                for pooled_x in 0..shape.output_width() {
                    let (position, grad) = (usize::from(argmax[index]), grad_output[index]);
                    index += 1;
                    if position == usize::from(INACTIVE) {
                        continue;
                    }
                    let (y, x) = at(shape.pool, [pooled_y, pooled_x], position);
                    *bias += grad;
                    for_each_tap(shape, image, out_channel, y, x, |i, w| {
                        grad_input[i] += grad * weight[w];
                        grad_weight[w] += grad * input[i];
                    });
                }
            }
        }
    }
    [grad_input, grad_weight, grad_bias]
}
