// The sum of normalised * grad_normalised over a part of a channel: what gradient.wgsl needs.
//
// Needs channel.wgsl, reduce/tree_sum.wgsl and part.wgsl.
//
// normalised, grad_normalised  [BATCH, CHANNELS, PLANE]

@group(0) @binding(1) var<storage, read_write> normalised: array<f32>;
@group(0) @binding(2) var<storage, read_write> grad_normalised: array<f32>;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let channel = workgroup.x;
    let split = workgroup.y;
    var products = 0.0;
    for (var i = split * PART + local; i < end_of_part(split); i += INVOCATIONS) {
        let at = index_of(channel, i);
        products += normalised[at] * grad_normalised[at];
    }
    let sum = sum_of_all(local, products);
    if (local == 0u) {
        part_sums[channel * SPLITS + split] = sum;
    }
}
