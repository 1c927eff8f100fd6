// The input of rows.wgsl from the products of the layer before, which are still to be summed, and its ReLU:
// what linear/sum_splits.wgsl would make of them, in the same order.
//
// Needs the sizes of rows.wgsl.
//
// splits  [SPLITS, BATCH, INPUTS]; the kernel's first binding
// input   [BATCH, INPUTS], for the backward pass; its last binding

const SPLITS: u32 = {{ splits }};
const STRIDE: u32 = {{ stride }};

@group(0) @binding(0) var<storage, read_write> splits: array<f32>;
@group(0) @binding(7) var<storage, read_write> input: array<f32>;

var<workgroup> inputs: array<f32, INPUTS>;

fn prepare(row: u32, local: u32) {
    for (var i = local; i < INPUTS; i += INVOCATIONS) {
        // Loads that do not wait for each other, in as many sums.
        var parts: array<f32, STRIDE>;
        for (var first = 0u; first < STRIDE; first++) {
            parts[first] = 0.0;
        }
        for (var start = 0u; start < SPLITS; start += STRIDE) {
            for (var first = 0u; first < STRIDE; first++) {
                if (start + first < SPLITS) {
                    parts[first] += splits[((start + first) * BATCH + row) * INPUTS + i];
                }
            }
        }
        var sum = 0.0;
        for (var first = 0u; first < STRIDE; first++) {
            sum += parts[first];
        }
        // `max` may turn NaN into 0.
        let value = select(sum, 0.0, sum <= 0.0);
        inputs[i] = value;
        input[row * INPUTS + i] = value;
    }
    workgroupBarrier();
}

fn input_of(row: u32, i: u32) -> f32 {
    return inputs[i];
}
