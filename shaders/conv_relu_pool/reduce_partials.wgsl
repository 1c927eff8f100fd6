// Sums the partial gradients of the weights and the bias, always in the same order.
//
// One workgroup sums ELEMENTS neighbouring elements over all rows. One invocation sums every
// STRIDE-th row of one element; the first ELEMENTS invocations then add the STRIDE sums, which
// are in workgroup memory.
//
//   dispatch.x  blocks of ELEMENTS elements
//
// partials      [ROWS, WEIGHTS + OUT_CHANNELS]: weights, then bias
// grad_weights  [WEIGHTS], that is [OUT_CHANNELS, IN_CHANNELS, KERNEL, KERNEL]
// grad_bias     [OUT_CHANNELS]

const ROWS: u32 = {{ rows }};
const WEIGHTS: u32 = {{ weights }};
const OUT_CHANNELS: u32 = {{ out_channels }};

const ELEMENTS: u32 = {{ elements }};
const STRIDE: u32 = {{ stride }};
const ROW_LENGTH: u32 = WEIGHTS + OUT_CHANNELS;

@group(0) @binding(0) var<storage, read_write> partials: array<f32>;
@group(0) @binding(1) var<storage, read_write> grad_weights: array<f32>;
@group(0) @binding(2) var<storage, read_write> grad_bias: array<f32>;

var<workgroup> sums: array<f32, STRIDE * ELEMENTS>;

@compute @workgroup_size(ELEMENTS * STRIDE)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let element = workgroup.x * ELEMENTS + local % ELEMENTS;
    var sum = 0.0;
    if (element < ROW_LENGTH) {
        for (var row = local / ELEMENTS; row < ROWS; row += STRIDE) {
            sum += partials[row * ROW_LENGTH + element];
        }
    }
    sums[local] = sum;
    workgroupBarrier();

    if (local >= ELEMENTS || element >= ROW_LENGTH) {
        return;
    }
    for (var i = 1u; i < STRIDE; i++) {
        sum += sums[i * ELEMENTS + local];
    }
    if (element < WEIGHTS) {
        grad_weights[element] = sum;
    } else {
        grad_bias[element - WEIGHTS] = sum;
    }
}
