// What all kernels share: the values of a channel, and what they are multiplied with.

const BATCH: u32 = {{ batch }};
const CHANNELS: u32 = {{ channels }};
// Values of a channel of an image.
const PLANE: u32 = {{ plane }};
const INVOCATIONS: u32 = {{ invocations }};

// Values of a channel.
const COUNT: u32 = BATCH * PLANE;

alias Summand = f32;

// 1 / sqrt(mean square + epsilon), with epsilon by its bits, so that it is the same number everywhere.
fn factor_of(mean_square: f32) -> f32 {
    return 1.0 / sqrt(mean_square + bitcast<f32>({{ epsilon_bits }}u));
}

// Where the values of a channel lie.
fn index_of(channel: u32, i: u32) -> u32 {
    return ((i / PLANE) * CHANNELS + channel) * PLANE + i % PLANE;
}
