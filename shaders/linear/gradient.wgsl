// The gradient of a linear layer's output, without ReLU (see relu_gradient.wgsl).
//
// Needs a file of lanes/, and the sizes of grad_input.wgsl or grad_weight.wgsl.
//
// grad_output  [BATCH, OUTPUTS]

@group(0) @binding(0) var<storage, read_write> grad_output: array<Element>;

fn load_gradient(row: u32, column: u32) -> vec4<f32> {
    var values = vec4<f32>();
    for (var i = 0u; i < 4u; i += LANES) {
        if (row < BATCH && column + i < OUTPUTS) {
            values = insert(values, i, grad_output[(row * OUTPUTS + column + i) / LANES]);
        }
    }
    return values;
}
