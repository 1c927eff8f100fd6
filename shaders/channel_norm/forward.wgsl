// Divides each channel by its root mean square over the batch.
//
// Needs channel.wgsl and reduce/tree_sum.wgsl.
//
//   dispatch.x  channels
//
// values, normalised  [BATCH, CHANNELS, PLANE]
// factors             [CHANNELS]: what a channel is multiplied with
//
// The channel is read twice, the second time from the cache where it fits.

@group(0) @binding(0) var<storage, read_write> values: array<f32>;
@group(0) @binding(1) var<storage, read_write> normalised: array<f32>;
@group(0) @binding(2) var<storage, read_write> factors: array<f32>;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let channel = workgroup.x;
    var squares = 0.0;
    for (var i = local; i < COUNT; i += INVOCATIONS) {
        let value = values[index_of(channel, i)];
        squares += value * value;
    }
    let mean = sum_of_all(local, squares) / f32(COUNT);
    let factor = factor_of(mean);
    for (var i = local; i < COUNT; i += INVOCATIONS) {
        let at = index_of(channel, i);
        normalised[at] = values[at] * factor;
    }
    if (local == 0u) {
        factors[channel] = factor;
    }
}
