// The last layer of a classifier with its loss, row by row: logits = input * weight + bias, softmax and
// cross-entropy, and their gradients with respect to the logits and the input.
//
// One workgroup takes one row of the batch: few classes leave a matrix product of few, small tiles,
// while a GPU has a processor for each row. For the logits, SLICES invocations share out the inputs of
// each class; for the gradient of the input, each invocation takes every INVOCATIONS-th input.
//
//   dispatch.x  rows
//
// Needs input.wgsl or split_input.wgsl, and equal_weights.wgsl or class_weights.wgsl of cross_entropy/,
// whose step.wgsl says what loss, targets and gradient are.
//
// input        [BATCH, INPUTS], as `prepare` and `input_of` have it
// weight       [INPUTS, CLASSES]
// bias         [CLASSES]
// targets      [BATCH, CLASSES], rows that sum to 1
// grad_logits  [BATCH, CLASSES]
// grad_input   [BATCH, INPUTS]
// row_sums     [BATCH, 2]: the row's loss, and 1 if its prediction is correct, else 0

const BATCH: u32 = {{ batch }};
const INPUTS: u32 = {{ inputs }};
const CLASSES: u32 = {{ outputs }};
const LANES: u32 = {{ lanes }};
const SLICES: u32 = {{ slices }};

const INVOCATIONS: u32 = LANES * SLICES;

@group(0) @binding(1) var<storage, read_write> weight: array<f32>;
@group(0) @binding(2) var<storage, read_write> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> targets: array<f32>;
@group(0) @binding(4) var<storage, read_write> grad_logits: array<f32>;
@group(0) @binding(5) var<storage, read_write> grad_input: array<f32>;
@group(0) @binding(6) var<storage, read_write> row_sums: array<f32>;

// [SLICES][LANES], what each slice adds to a logit.
var<workgroup> products: array<f32, INVOCATIONS>;
// [CLASSES], first the logits, then their gradients; the targets; the exponentials.
var<workgroup> logits: array<f32, CLASSES>;
var<workgroup> expected: array<f32, CLASSES>;
var<workgroup> exponentials: array<f32, CLASSES>;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let row = workgroup.x;
    prepare(row, local);
    let k = local % LANES;
    var product = 0.0;
    if (k < CLASSES) {
        for (var i = local / LANES; i < INPUTS; i += SLICES) {
            product = fma(input_of(row, i), weight[i * CLASSES + k], product);
        }
    }
    products[local] = product;
    workgroupBarrier();
    if (local < CLASSES) {
        var logit = bias[local];
        for (var slice = 0u; slice < SLICES; slice++) {
            logit += products[slice * LANES + local];
        }
        logits[local] = logit;
        expected[local] = targets[row * CLASSES + local];
    }
    workgroupBarrier();

    var largest_logit = logits[0];
    var largest_target = expected[0];
    var prediction = 0u;
    var label = 0u;
    for (var n = 1u; n < CLASSES; n++) {
        if (logits[n] > largest_logit) {
            largest_logit = logits[n];
            prediction = n;
        }
        if (expected[n] > largest_target) {
            largest_target = expected[n];
            label = n;
        }
    }
    // Logits relative to the largest: no exponential overflows, and at least one is 1.
    if (local < CLASSES) {
        exponentials[local] = exp(logits[local] - largest_logit);
    }
    workgroupBarrier();

    var sum = 0.0;
    // What the row counts: as much as its targets' classes do.
    var row_weight = 0.0;
    for (var n = 0u; n < CLASSES; n++) {
        sum += exponentials[n];
        row_weight += class_weight(n) * expected[n];
    }
    if (!IS_WEIGHTED) {
        row_weight = 1.0;
    }
    if (local == 0u) {
        let log_sum = log(sum);
        var loss = 0.0;
        for (var n = 0u; n < CLASSES; n++) {
            let logit = logits[n] - largest_logit;
            // Else 0 times infinity would be NaN.
            loss += select(
                0.0, row_weight * (expected[n] * (log_sum - logit)), expected[n] != 0.0,
            );
        }
        row_sums[2u * row] = loss;
        row_sums[2u * row + 1u] = select(0.0, 1.0, prediction == label);
    }
    workgroupBarrier();

    if (local < CLASSES) {
        let grad = row_weight * (exponentials[local] / sum - expected[local]) / f32(BATCH);
        logits[local] = grad;
        grad_logits[row * CLASSES + local] = grad;
    }
    workgroupBarrier();
    for (var i = local; i < INPUTS; i += INVOCATIONS) {
        var grad = 0.0;
        for (var n = 0u; n < CLASSES; n++) {
            grad = fma(logits[n], weight[i * CLASSES + n], grad);
        }
        grad_input[row * INPUTS + i] = grad;
    }
}
