// The gradient of the input of the normalisation:
//
//   grad_values = factor * (grad_normalised - normalised * mean(normalised * grad_normalised))
//
// Needs channel.wgsl and reduce/tree_sum.wgsl.
//
//   dispatch.x  channels
//
// normalised, grad_normalised, grad_values  [BATCH, CHANNELS, PLANE]
// factors                                   [CHANNELS]

@group(0) @binding(0) var<storage, read_write> normalised: array<f32>;
@group(0) @binding(1) var<storage, read_write> factors: array<f32>;
@group(0) @binding(2) var<storage, read_write> grad_normalised: array<f32>;
@group(0) @binding(3) var<storage, read_write> grad_values: array<f32>;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let channel = workgroup.x;
    var products = 0.0;
    for (var i = local; i < COUNT; i += INVOCATIONS) {
        let at = index_of(channel, i);
        products += normalised[at] * grad_normalised[at];
    }
    let mean = sum_of_all(local, products) / f32(COUNT);
    let factor = factors[channel];
    for (var i = local; i < COUNT; i += INVOCATIONS) {
        let at = index_of(channel, i);
        grad_values[at] = factor * (grad_normalised[at] - normalised[at] * mean);
    }
}
