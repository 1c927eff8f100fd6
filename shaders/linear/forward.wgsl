// output = input * weight + bias, then ReLU where RELU says so.
//
// input   [BATCH, INPUTS]
// weight  [INPUTS, OUTPUTS]
// bias    [OUTPUTS]
// output  [BATCH, OUTPUTS]; with several splits their products, [splits, BATCH, OUTPUTS], of
//         which sum_splits.wgsl takes the sum and the ReLU
//
// Needs tiled_matmul.wgsl and a file of lanes/.

const BATCH: u32 = {{ batch }};
const INPUTS: u32 = {{ inputs }};
const OUTPUTS: u32 = {{ outputs }};
const RELU: bool = bool({{ relu }});

@group(0) @binding(0) var<storage, read_write> input: array<Element>;
@group(0) @binding(1) var<storage, read_write> weight: array<Element>;
@group(0) @binding(2) var<storage, read_write> bias: array<Element>;
@group(0) @binding(3) var<storage, read_write> output: array<Element>;

const ROWS: u32 = BATCH;
const COLUMNS: u32 = OUTPUTS;
const DEPTH: u32 = INPUTS;
const A_ALONG_DEPTH: bool = true;
const B_ALONG_DEPTH: bool = false;

fn load_a(row: u32, depth: u32) -> vec4<f32> {
    var values = vec4<f32>();
    for (var i = 0u; i < 4u; i += LANES) {
        if (row < BATCH && depth + i < INPUTS) {
            values = insert(values, i, input[(row * INPUTS + depth + i) / LANES]);
        }
    }
    return values;
}

fn load_b(column: u32, depth: u32) -> vec4<f32> {
    var values = vec4<f32>();
    for (var i = 0u; i < 4u; i += LANES) {
        if (depth < INPUTS && column + i < OUTPUTS) {
            values = insert(values, i, weight[(depth * OUTPUTS + column + i) / LANES]);
        }
    }
    return values;
}

fn start(split: u32, column: u32) -> vec4<f32> {
    var values = vec4<f32>();
    for (var i = 0u; i < 4u; i += LANES) {
        if (split == 0u && column + i < OUTPUTS) {
            values = insert(values, i, bias[(column + i) / LANES]);
        }
    }
    return values;
}

fn store(split: u32, row: u32, column: u32, sums: vec4<f32>) {
    // `max` may turn NaN into 0.
    let inactive = vec4<bool>(RELU) & (sums <= vec4<f32>());
    let values = select(sums, vec4<f32>(), inactive);
    for (var i = 0u; i < 4u; i += LANES) {
        if (row < BATCH && column + i < OUTPUTS) {
            output[((split * BATCH + row) * OUTPUTS + column + i) / LANES] = extract(values, i);
        }
    }
}
