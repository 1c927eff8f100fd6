// What the kernels share of which a workgroup takes a part of a channel: first they add up parts, then they use the
// sums. Needs channel.wgsl.
//
//   dispatch.x  channels     dispatch.y  parts
//
// Why parts: a GPU with hundreds of processors has more of them than there are channels.

// Parts of a channel.
const SPLITS: u32 = {{ splits }};
// Values of a part; of the last one what is left.
const PART: u32 = (COUNT + SPLITS - 1) / SPLITS;

// [CHANNELS, SPLITS]
@group(0) @binding(0) var<storage, read_write> part_sums: array<f32>;

// A channel's sum, always added in the same order.
fn sum_of_parts(channel: u32) -> f32 {
    var sum = 0.0;
    for (var split = 0u; split < SPLITS; split++) {
        sum += part_sums[channel * SPLITS + split];
    }
    return sum;
}

fn end_of_part(split: u32) -> u32 {
    return min((split + 1u) * PART, COUNT);
}
