// The gradients of the weights and the bias from their partial sums.
//
// Needs reduce/sum_partials.wgsl, which sums them, and lanes/scalars.wgsl.
//
// partials      [ROWS, WEIGHTS + OUT_CHANNELS]: weights, then bias
// grad_weights  [WEIGHTS], that is [OUT_CHANNELS, IN_CHANNELS, KERNEL, KERNEL]
// grad_bias     [OUT_CHANNELS]

const WEIGHTS: u32 = {{ weights }};

@group(0) @binding(1) var<storage, read_write> grad_weights: array<f32>;
@group(0) @binding(2) var<storage, read_write> grad_bias: array<f32>;

fn store(element: u32, sum: f32) {
    if (element < WEIGHTS) {
        grad_weights[element] = sum;
    } else {
        grad_bias[element - WEIGHTS] = sum;
    }
}
