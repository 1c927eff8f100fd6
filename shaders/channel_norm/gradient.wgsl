// The gradient of the input of the normalisation, for a part of each channel: backward.wgsl in parts.
//
// Needs channel.wgsl and part.wgsl.
//
// normalised, grad_normalised, grad_values  [BATCH, CHANNELS, PLANE]
// factors                                   [CHANNELS]

@group(0) @binding(1) var<storage, read_write> normalised: array<f32>;
@group(0) @binding(2) var<storage, read_write> factors: array<f32>;
@group(0) @binding(3) var<storage, read_write> grad_normalised: array<f32>;
@group(0) @binding(4) var<storage, read_write> grad_values: array<f32>;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let channel = workgroup.x;
    let split = workgroup.y;
    let mean = sum_of_parts(channel) / f32(COUNT);
    let factor = factors[channel];
    for (var i = split * PART + local; i < end_of_part(split); i += INVOCATIONS) {
        let at = index_of(channel, i);
        grad_values[at] = factor * (grad_normalised[at] - normalised[at] * mean);
    }
}
