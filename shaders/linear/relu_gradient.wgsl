// The gradient of a linear layer's output before the ReLU: zero where the ReLU is inactive.
//
// Needs a file of lanes/, and the sizes of grad_input.wgsl or grad_weight.wgsl.
//
// grad_output  [BATCH, OUTPUTS]
// output       [BATCH, OUTPUTS], after the ReLU; the kernel's last binding

@group(0) @binding(0) var<storage, read_write> grad_output: array<Element>;
@group(0) @binding({{ output_binding }}) var<storage, read_write> output: array<Element>;

fn load_gradient(row: u32, column: u32) -> vec4<f32> {
    var values = vec4<f32>();
    for (var i = 0u; i < 4u; i += LANES) {
        if (row < BATCH && column + i < OUTPUTS) {
            let at = (row * OUTPUTS + column + i) / LANES;
            // The output of a ReLU is never negative. NaN is active: it is not equal to zero (but
            // `!=` is translated to a comparison that is false for NaN as well).
            let inactive = output[at] == Element(0.0);
            values = insert(values, i, select(grad_output[at], Element(0.0), inactive));
        }
    }
    return values;
}
