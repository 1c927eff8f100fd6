// grad_input = gradient * weight, transposed.
//
// The gradient is that of gradient.wgsl or relu_gradient.wgsl. Needs tiled_matmul.wgsl and a file of lanes/ too.
//
// weight      [INPUTS, OUTPUTS]
// grad_input  [BATCH, INPUTS]

const BATCH: u32 = {{ batch }};
const INPUTS: u32 = {{ inputs }};
const OUTPUTS: u32 = {{ outputs }};

@group(0) @binding(1) var<storage, read_write> weight: array<Element>;
@group(0) @binding(2) var<storage, read_write> grad_input: array<Element>;

const ROWS: u32 = BATCH;
const COLUMNS: u32 = INPUTS;
const DEPTH: u32 = OUTPUTS;
const A_ALONG_DEPTH: bool = true;
const B_ALONG_DEPTH: bool = true;

fn load_a(row: u32, depth: u32) -> vec4<f32> {
    return load_gradient(row, depth);
}

fn load_b(column: u32, depth: u32) -> vec4<f32> {
    var values = vec4<f32>();
    for (var i = 0u; i < 4u; i += LANES) {
        if (column < INPUTS && depth + i < OUTPUTS) {
            values = insert(values, i, weight[(column * OUTPUTS + depth + i) / LANES]);
        }
    }
    return values;
}

fn start(split: u32, column: u32) -> vec4<f32> {
    return vec4<f32>();
}

fn store(split: u32, row: u32, column: u32, sums: vec4<f32>) {
    for (var i = 0u; i < 4u; i += LANES) {
        if (row < BATCH && column + i < INPUTS) {
            grad_input[(row * INPUTS + column + i) / LANES] = extract(sums, i);
        }
    }
}
