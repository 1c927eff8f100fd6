// Softmax + cross-entropy of a batch: the mean loss, its gradient, and what the batch adds to the
// epoch's tally.
//
// One workgroup takes the whole batch: one invocation takes every INVOCATIONS-th row, and a tree in
// workgroup memory adds up what they found, always in the same order. Needs reduce/tree_sum.wgsl,
// totals.wgsl, and equal_weights.wgsl or class_weights.wgsl.
//
// logits       [BATCH, CLASSES]
// targets      [BATCH, CLASSES], rows that sum to 1 (one-hot or soft)
// grad_logits  [BATCH, CLASSES]
// tally        [3], and loss [1]: see totals.wgsl

const BATCH: u32 = {{ batch }};
const CLASSES: u32 = {{ classes }};
// A power of two.
const INVOCATIONS: u32 = {{ invocations }};

@group(0) @binding(0) var<storage, read_write> logits: array<f32>;
@group(0) @binding(1) var<storage, read_write> targets: array<f32>;
@group(0) @binding(2) var<storage, read_write> grad_logits: array<f32>;
@group(0) @binding(3) var<storage, read_write> tally: array<f32>;
@group(0) @binding(4) var<storage, read_write> loss: array<f32>;

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(local_invocation_index) local: u32) {
    var sum = Summand();
    for (var row = local; row < BATCH; row += INVOCATIONS) {
        let first = row * CLASSES;

        var largest_logit = logits[first];
        var largest_target = targets[first];
        var prediction = 0u;
        var label = 0u;
        for (var k = 1u; k < CLASSES; k++) {
            let logit = logits[first + k];
            if (logit > largest_logit) {
                largest_logit = logit;
                prediction = k;
            }
            let expected = targets[first + k];
            if (expected > largest_target) {
                largest_target = expected;
                label = k;
            }
        }

        // Logits relative to the largest: no exponential overflows, and at least one is 1.
        var exponentials = 0.0;
        for (var k = 0u; k < CLASSES; k++) {
            exponentials += exp(logits[first + k] - largest_logit);
        }
        let log_sum = log(exponentials);
        // What the row counts: as much as its targets' classes do.
        var weight = 1.0;
        if (IS_WEIGHTED) {
            weight = 0.0;
            for (var k = 0u; k < CLASSES; k++) {
                weight += class_weight(k) * targets[first + k];
            }
        }
        for (var k = 0u; k < CLASSES; k++) {
            let logit = logits[first + k] - largest_logit;
            let expected = targets[first + k];
            // Else 0 times infinity would be NaN.
            sum.x += select(0.0, weight * (expected * (log_sum - logit)), expected != 0.0);
            grad_logits[first + k] = weight * (exp(logit) / exponentials - expected) / f32(BATCH);
        }
        sum.y += select(0.0, 1.0, prediction == label);
    }

    let total = sum_of_all(local, sum);
    if (local == 0u) {
        store_totals(total);
    }
}
