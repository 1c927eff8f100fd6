// Convolution ("same" zero padding, stride 1) + bias, ReLU and 2x2 max-pool in one pass.
//
// The convolution is that of tiled_conv.wgsl or winograd_conv.wgsl, in which an invocation ends with
// blocks of 2x2 outputs of four channels: a block is a pooling window. All four stay in registers: the
// full-size convolution output is never written.
//
// Needs sizes.wgsl, input.wgsl and weights.wgsl.
//
// input    [BATCH, IN_CHANNELS, HEIGHT, WIDTH]
// weights  [OUT_CHANNELS, IN_CHANNELS, KERNEL, KERNEL]
// bias     [OUT_CHANNELS]
// output   [BATCH, OUT_CHANNELS, POOLED_HEIGHT, POOLED_WIDTH]
// argmax   [BATCH, ARGMAX_WORDS, POOLED_HEIGHT, POOLED_WIDTH]; byte c of a word belongs to output
//          channel 4 * word + c: 0..3 is the position of the window's maximum, row-major, the
//          first one in a tie; INACTIVE means that the ReLU is. Bytes past the last channel mean
//          nothing.

@group(0) @binding(1) var<storage, read_write> weights: array<f32>;
@group(0) @binding(2) var<storage, read_write> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;
@group(0) @binding(4) var<storage, read_write> argmax: array<u32>;

const SUMMED_CHANNELS: u32 = IN_CHANNELS;
const BLOCKS_DOWN: u32 = POOLED_HEIGHT;
const BLOCKS_ACROSS: u32 = POOLED_WIDTH;

fn load_bias(channel: u32) -> f32 {
    if (channel >= OUT_CHANNELS) {
        return 0.0;
    }
    return bias[channel];
}

fn start(channel: u32) -> vec4<f32> {
    return vec4<f32>(
        load_bias(channel), load_bias(channel + 1u), load_bias(channel + 2u), load_bias(channel + 3u),
    );
}

// By bits: compilers may assume that no float is NaN and drop `x != x`.
fn is_nan(value: vec4<f32>) -> vec4<bool> {
    return (bitcast<vec4<u32>>(value) & vec4<u32>(0x7fffffffu)) > vec4<u32>(0x7f800000u);
}

fn store(window: Position, sums: array<vec4<f32>, 4>) {
    // Only a variable takes an index that is not constant.
    var values = sums;
    // The first NaN wins, else the first maximum.
    var best = values[0];
    var winner = vec4<u32>(0u);
    for (var position = 1u; position < 4u; position++) {
        let value = values[position];
        let wins = !is_nan(best) & (is_nan(value) | (value > best));
        best = select(best, value, wins);
        winner = select(winner, vec4<u32>(position), wins);
    }
    let inactive = !is_nan(best) & (best <= vec4<f32>(0.0));
    best = select(best, vec4<f32>(0.0), inactive);
    winner = select(winner, vec4<u32>(INACTIVE), inactive);

    if (window.row >= POOLED_HEIGHT || window.column >= POOLED_WIDTH) {
        return;
    }
    let pooled = window.row * POOLED_WIDTH + window.column;
    if (window.channel < OUT_CHANNELS) {
        argmax[(window.image * ARGMAX_WORDS + window.channel / 4u) * POOLED + pooled] =
            winner.x | (winner.y << 8u) | (winner.z << 16u) | (winner.w << 24u);
    }
    for (var c = 0u; c < 4u; c++) {
        if (window.channel + c < OUT_CHANNELS) {
            output[(window.image * OUT_CHANNELS + window.channel + c) * POOLED + pooled] = best[c];
        }
    }
}
