// The sum of the squares of a part of a channel: what scale.wgsl needs.
//
// Needs channel.wgsl, reduce/tree_sum.wgsl and part.wgsl.
//
// values  [BATCH, CHANNELS, PLANE]

@group(0) @binding(1) var<storage, read_write> values: array<f32>;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let channel = workgroup.x;
    let split = workgroup.y;
    var squares = 0.0;
    for (var i = split * PART + local; i < end_of_part(split); i += INVOCATIONS) {
        let value = values[index_of(channel, i)];
        squares += value * value;
    }
    let sum = sum_of_all(local, squares);
    if (local == 0u) {
        part_sums[channel * SPLITS + split] = sum;
    }
}
