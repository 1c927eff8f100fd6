// What both kernels share: a workgroup takes a channel, and adds up over it.

const BATCH: u32 = {{ batch }};
const CHANNELS: u32 = {{ channels }};
// Values of a channel of an image.
const PLANE: u32 = {{ plane }};
// EPSILON of src/ops/channel_norm/mod.rs.
const EPSILON: f32 = 1e-5;
const INVOCATIONS: u32 = {{ invocations }};

// Values of a channel.
const COUNT: u32 = BATCH * PLANE;

// Where the values of a channel lie.
fn place(channel: u32, i: u32) -> u32 {
    return ((i / PLANE) * CHANNELS + channel) * PLANE + i % PLANE;
}

var<workgroup> sums: array<f32, INVOCATIONS>;

// The sum of one number from each invocation, always in the same order.
fn sum_of_all(local: u32, mine: f32) -> f32 {
    sums[local] = mine;
    for (var half = INVOCATIONS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (local < half) {
            sums[local] += sums[local + half];
        }
    }
    workgroupBarrier();
    return sums[0];
}
