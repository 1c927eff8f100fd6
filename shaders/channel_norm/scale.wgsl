// Divides a part of each channel by the channel's root mean square over the batch: forward.wgsl in parts.
//
// Needs channel.wgsl and part.wgsl.
//
// values, normalised  [BATCH, CHANNELS, PLANE]
// factors             [CHANNELS]: what a channel is multiplied with

@group(0) @binding(1) var<storage, read_write> values: array<f32>;
@group(0) @binding(2) var<storage, read_write> normalised: array<f32>;
@group(0) @binding(3) var<storage, read_write> factors: array<f32>;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let channel = workgroup.x;
    let split = workgroup.y;
    let factor = factor_of(sum_of_parts(channel) / f32(COUNT));
    for (var i = split * PART + local; i < end_of_part(split); i += INVOCATIONS) {
        let at = index_of(channel, i);
        normalised[at] = values[at] * factor;
    }
    if (split == 0u && local == 0u) {
        factors[channel] = factor;
    }
}
