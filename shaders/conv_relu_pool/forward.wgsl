// Convolution ("same" zero padding, stride 1) + bias, ReLU and, where there is one, 2x2 max-pool in one
// pass.
//
// The convolution is that of tiled_conv.wgsl or winograd_conv.wgsl, in which an invocation ends with
// blocks of 2x2 sums of four channels, in registers. What becomes of a block, forward_pool.wgsl or
// forward_relu.wgsl says.
//
// Needs sizes.wgsl, input.wgsl, weights.wgsl and one of those two.
//
// input    [BATCH, IN_CHANNELS, HEIGHT, WIDTH]
// weights  [OUT_CHANNELS, IN_CHANNELS, KERNEL, KERNEL]
// bias     [OUT_CHANNELS]
// output   [BATCH, OUT_CHANNELS, POOLED_HEIGHT, POOLED_WIDTH]
// argmax   [BATCH, ARGMAX_WORDS, POOLED_HEIGHT, POOLED_WIDTH]; byte c of a word belongs to output
//          channel 4 * word + c: 0..3 is the position of the window's maximum, row-major, the
//          first one in a tie, and 0 without a pool; INACTIVE means that the ReLU is. Bytes past
//          the last channel mean nothing.

@group(0) @binding(1) var<storage, read_write> weights: array<f32>;
@group(0) @binding(2) var<storage, read_write> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;
@group(0) @binding(4) var<storage, read_write> argmax: array<u32>;

const SUMMED_CHANNELS: u32 = IN_CHANNELS;
const BLOCKS_DOWN: u32 = OUTPUT_BLOCKS_DOWN;
const BLOCKS_ACROSS: u32 = OUTPUT_BLOCKS_ACROSS;

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

// Applies the ReLU to an output of four channels, and stores it and its argmax, if there is such an output.
fn store_output(at: Position, value: vec4<f32>, winner: vec4<u32>) {
    let inactive = !is_nan(value) & (value <= vec4<f32>(0.0));
    // Only a variable takes an index that is not constant.
    var values = select(value, vec4<f32>(0.0), inactive);
    let bytes = select(winner, vec4<u32>(INACTIVE), inactive);

    if (at.row >= POOLED_HEIGHT || at.column >= POOLED_WIDTH) {
        return;
    }
    let pooled = at.row * POOLED_WIDTH + at.column;
    if (at.channel < OUT_CHANNELS) {
        argmax[(at.image * ARGMAX_WORDS + at.channel / 4u) * POOLED + pooled] =
            bytes.x | (bytes.y << 8u) | (bytes.z << 16u) | (bytes.w << 24u);
    }
    for (var c = 0u; c < 4u; c++) {
        if (at.channel + c < OUT_CHANNELS) {
            output[(at.image * OUT_CHANNELS + at.channel + c) * POOLED + pooled] = values[c];
        }
    }
}
