// What the rows of rows.wgsl sum to: the gradients of weight and bias, the mean loss, and the tally.
//
// One workgroup sums ELEMENTS neighbouring elements of the gradients. One invocation sums every
// STRIDE-th row of one element; the first ELEMENTS invocations then add the STRIDE sums, which are in
// workgroup memory. The bias takes part as the weights of one more input, which is always 1. One more
// workgroup, the last one, sums losses and correct predictions.
//
//   dispatch.x  blocks of ELEMENTS elements, and one more
//
// Needs reduce/tree_sum.wgsl and cross_entropy/totals.wgsl.
//
// input        [BATCH, INPUTS]
// grad_logits  [BATCH, CLASSES]
// row_sums     [BATCH, 2]
// grad_weight  [INPUTS, CLASSES]
// grad_bias    [CLASSES]
// tally        [3], and loss [1]: see cross_entropy/totals.wgsl

const BATCH: u32 = {{ batch }};
const INPUTS: u32 = {{ inputs }};
const CLASSES: u32 = {{ outputs }};
const ELEMENTS: u32 = {{ elements }};
const STRIDE: u32 = {{ stride }};

const INVOCATIONS: u32 = ELEMENTS * STRIDE;
const WEIGHTS: u32 = INPUTS * CLASSES;
const BLOCKS: u32 = (WEIGHTS + CLASSES + ELEMENTS - 1) / ELEMENTS;

@group(0) @binding(0) var<storage, read_write> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> grad_logits: array<f32>;
@group(0) @binding(2) var<storage, read_write> row_sums: array<f32>;
@group(0) @binding(3) var<storage, read_write> grad_weight: array<f32>;
@group(0) @binding(4) var<storage, read_write> grad_bias: array<f32>;
@group(0) @binding(5) var<storage, read_write> tally: array<f32>;
@group(0) @binding(6) var<storage, read_write> loss: array<f32>;

// [STRIDE][ELEMENTS]
var<workgroup> grads: array<f32, INVOCATIONS>;

fn sum_gradients(block: u32, local: u32) {
    let element = block * ELEMENTS + local % ELEMENTS;
    let i = element / CLASSES;
    var sum = 0.0;
    for (var row = local / ELEMENTS; row < BATCH; row += STRIDE) {
        if (element < WEIGHTS) {
            sum = fma(input[row * INPUTS + i], grad_logits[row * CLASSES + element % CLASSES], sum);
        } else if (element < WEIGHTS + CLASSES) {
            sum += grad_logits[row * CLASSES + element - WEIGHTS];
        }
    }
    grads[local] = sum;
    workgroupBarrier();
    if (local >= ELEMENTS) {
        return;
    }
    for (var n = 1u; n < STRIDE; n++) {
        sum += grads[n * ELEMENTS + local];
    }
    if (element < WEIGHTS) {
        grad_weight[element] = sum;
    } else if (element < WEIGHTS + CLASSES) {
        grad_bias[element - WEIGHTS] = sum;
    }
}

fn sum_losses(local: u32) {
    var sum = Summand();
    for (var row = local; row < BATCH; row += INVOCATIONS) {
        sum += Summand(row_sums[2u * row], row_sums[2u * row + 1u]);
    }
    let total = sum_of_all(local, sum);
    if (local == 0u) {
        store_totals(total);
    }
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    if (workgroup.x < BLOCKS) {
        sum_gradients(workgroup.x, local);
    } else {
        sum_losses(local);
    }
}
