// grad_weight = input, transposed, * gradient, and grad_bias = the sum of the gradient's rows.
//
// The bias takes part as the weights of one more input, which is always 1.
// The gradient is that of gradient.wgsl or relu_gradient.wgsl. Needs tiled_matmul.wgsl and a file of lanes/ too.
//
// input        [BATCH, INPUTS]
// grad_weight  [INPUTS, OUTPUTS]; with several splits their products, [splits, INPUTS, OUTPUTS]
// grad_bias    [OUTPUTS]; with several splits, [splits, OUTPUTS]

const BATCH: u32 = {{ batch }};
const INPUTS: u32 = {{ inputs }};
const OUTPUTS: u32 = {{ outputs }};

@group(0) @binding(1) var<storage, read_write> input: array<Element>;
@group(0) @binding(2) var<storage, read_write> grad_weight: array<Element>;
@group(0) @binding(3) var<storage, read_write> grad_bias: array<Element>;

const ROWS: u32 = INPUTS + 1;
const COLUMNS: u32 = OUTPUTS;
const DEPTH: u32 = BATCH;
const A_ALONG_DEPTH: bool = false;
const B_ALONG_DEPTH: bool = false;

fn load_a(row: u32, depth: u32) -> vec4<f32> {
    // The one more input. Past the batch it is 1 as well, where the gradient is zero.
    let lanes = vec4<u32>(row) + vec4<u32>(0u, 1u, 2u, 3u);
    var values = select(vec4<f32>(), vec4<f32>(1.0), lanes == vec4<u32>(INPUTS));
    for (var i = 0u; i < 4u; i += LANES) {
        if (depth < BATCH && row + i < INPUTS) {
            values = insert(values, i, input[(depth * INPUTS + row + i) / LANES]);
        }
    }
    return values;
}

fn load_b(column: u32, depth: u32) -> vec4<f32> {
    return load_gradient(depth, column);
}

fn start(split: u32, column: u32) -> vec4<f32> {
    return vec4<f32>();
}

fn store(split: u32, row: u32, column: u32, sums: vec4<f32>) {
    for (var i = 0u; i < 4u; i += LANES) {
        if (column + i < OUTPUTS) {
            if (row < INPUTS) {
                grad_weight[((split * INPUTS + row) * OUTPUTS + column + i) / LANES] = extract(sums, i);
            } else if (row == INPUTS) {
                grad_bias[(split * OUTPUTS + column + i) / LANES] = extract(sums, i);
            }
        }
    }
}
