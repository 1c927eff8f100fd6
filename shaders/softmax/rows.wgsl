// Softmax of each row: what a model's logits say of the classes.
//
//   dispatch.x  blocks of INVOCATIONS rows, an invocation for each row
//
// logits, probabilities  [ROWS, CLASSES]
//
// For answers, of which there are few: a training step takes the softmax with its loss, in
// cross_entropy/step.wgsl.

const ROWS: u32 = {{ rows }};
const CLASSES: u32 = {{ classes }};
const INVOCATIONS: u32 = {{ invocations }};

@group(0) @binding(0) var<storage, read_write> logits: array<f32>;
@group(0) @binding(1) var<storage, read_write> probabilities: array<f32>;

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(global_invocation_id) invocation: vec3<u32>) {
    let row = invocation.x;
    if (row >= ROWS) {
        return;
    }
    let first = row * CLASSES;
    var largest = logits[first];
    for (var k = 1u; k < CLASSES; k++) {
        largest = max(largest, logits[first + k]);
    }
    // Relative to the largest: no exponential overflows, and at least one is 1.
    var sum = 0.0;
    for (var k = 0u; k < CLASSES; k++) {
        let exponential = exp(logits[first + k] - largest);
        probabilities[first + k] = exponential;
        sum += exponential;
    }
    for (var k = 0u; k < CLASSES; k++) {
        probabilities[first + k] /= sum;
    }
}
