// What both kernels share: a workgroup takes a channel, and adds up over it. Needs
// reduce/tree_sum.wgsl.

const BATCH: u32 = {{ batch }};
const CHANNELS: u32 = {{ channels }};
// Values of a channel of an image.
const PLANE: u32 = {{ plane }};
const INVOCATIONS: u32 = {{ invocations }};

// Values of a channel.
const COUNT: u32 = BATCH * PLANE;

alias Summand = f32;

// Where the values of a channel lie.
fn index_of(channel: u32, i: u32) -> u32 {
    return ((i / PLANE) * CHANNELS + channel) * PLANE + i % PLANE;
}
