// Convolution ("same" zero padding, stride 1) + bias, ReLU and 2x2 max-pool in one pass.
//
// One invocation computes WINDOWS horizontally adjacent pooling windows, four convolution
// outputs each, for CHANNELS = 4 * VECTORS output channels. All of them stay in registers: the
// full-size convolution output is never written.
//
// One workgroup computes a tile of TILE_HEIGHT x TILE_WIDTH such runs of windows of one image,
// for GROUPS * CHANNELS output channels. Its invocations share, through workgroup memory, the
// input tile and the weights of CHANNEL_BLOCK input channels at a time.
//
//   dispatch.x  tiles of the image, row-major     dispatch.y  blocks of output channels
//   dispatch.z  images
//
// input    [BATCH, IN_CHANNELS, HEIGHT, WIDTH]
// weights  [OUT_CHANNELS, IN_CHANNELS, KERNEL, KERNEL]
// bias     [OUT_CHANNELS]
// output   [BATCH, OUT_CHANNELS, POOLED_HEIGHT, POOLED_WIDTH]
// codes    [BATCH, CODE_WORDS, POOLED_HEIGHT, POOLED_WIDTH]; byte c of a word belongs to output
//          channel 4 * word + c: 0..3 is the winning position of the window, row-major, the first
//          one in a tie; 4 means that the ReLU is closed.
//
// Why this tiling: with k = 3 a window reads 16 inputs and 9 * CHANNELS weights for
// 36 * CHANNELS multiply-adds, and the weights serve all its WINDOWS windows. Both are read as
// whole vectors. A window starts at the even column 2 * x - PADDING, so the input tile is kept as
// pairs of columns and each patch row is a whole number of pairs; the weights are kept
// transposed, four output channels to a vector, and are the same address for all invocations of
// a channel group.

const IN_CHANNELS: u32 = {{ in_channels }};
const OUT_CHANNELS: u32 = {{ out_channels }};
const HEIGHT: u32 = {{ height }};
const WIDTH: u32 = {{ width }};
const KERNEL: u32 = {{ kernel }};

const TILE_HEIGHT: u32 = {{ tile_height }};
const TILE_WIDTH: u32 = {{ tile_width }};
const GROUPS: u32 = {{ groups }};
const WINDOWS: u32 = {{ windows }};
const VECTORS: u32 = {{ vectors }};
const CHANNEL_BLOCK: u32 = {{ channel_block }};

const PADDING: u32 = KERNEL / 2;
const TAPS: u32 = KERNEL * KERNEL;
const POOLED_HEIGHT: u32 = HEIGHT / 2;
const POOLED_WIDTH: u32 = WIDTH / 2;
const POOLED: u32 = POOLED_HEIGHT * POOLED_WIDTH;
const CODE_WORDS: u32 = (OUT_CHANNELS + 3) / 4;

// What one invocation reads of one input channel: rows of column pairs.
const INPUT_ROWS: u32 = KERNEL + 1;
const INPUT_PAIRS: u32 = (KERNEL + 1) / 2 + WINDOWS - 1;
const TILE_ROWS: u32 = 2 * TILE_HEIGHT + KERNEL - 1;
const TILE_PAIRS: u32 = TILE_WIDTH * WINDOWS + (KERNEL - 1) / 2;
const TILE_SIZE: u32 = TILE_ROWS * TILE_PAIRS;
const TILES_ACROSS: u32 = (POOLED_WIDTH + TILE_WIDTH * WINDOWS - 1) / (TILE_WIDTH * WINDOWS);

const RUNS: u32 = TILE_HEIGHT * TILE_WIDTH;
const INVOCATIONS: u32 = RUNS * GROUPS;
const BLOCK_VECTORS: u32 = GROUPS * VECTORS;

const RELU_CLOSED: u32 = 4;

@group(0) @binding(0) var<storage, read_write> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> weights: array<f32>;
@group(0) @binding(2) var<storage, read_write> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;
@group(0) @binding(4) var<storage, read_write> codes: array<u32>;

var<workgroup> input_tile: array<vec2<f32>, CHANNEL_BLOCK * TILE_SIZE>;
// [CHANNEL_BLOCK][TAPS][BLOCK_VECTORS]
var<workgroup> weight_tile: array<vec4<f32>, CHANNEL_BLOCK * TAPS * BLOCK_VECTORS>;

fn load_input(image: u32, channel: u32, row: i32, column: i32) -> f32 {
    if (channel >= IN_CHANNELS || row < 0 || row >= i32(HEIGHT) || column < 0 || column >= i32(WIDTH)) {
        return 0.0;
    }
    return input[((image * IN_CHANNELS + channel) * HEIGHT + u32(row)) * WIDTH + u32(column)];
}

fn load_weight(out_channel: u32, channel: u32, tap: u32) -> f32 {
    if (out_channel >= OUT_CHANNELS || channel >= IN_CHANNELS) {
        return 0.0;
    }
    return weights[(out_channel * IN_CHANNELS + channel) * TAPS + tap];
}

fn load_bias(out_channel: u32) -> f32 {
    if (out_channel >= OUT_CHANNELS) {
        return 0.0;
    }
    return bias[out_channel];
}

// By bits: compilers may assume that no float is NaN and drop `x != x`.
fn is_nan(value: vec4<f32>) -> vec4<bool> {
    return (bitcast<vec4<u32>>(value) & vec4<u32>(0x7fffffffu)) > vec4<u32>(0x7f800000u);
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let image = workgroup.z;
    let tile_row = workgroup.x / TILES_ACROSS * TILE_HEIGHT;
    let tile_column = workgroup.x % TILES_ACROSS * TILE_WIDTH * WINDOWS;
    let run_row = local % RUNS / TILE_WIDTH;
    let run_column = local % TILE_WIDTH * WINDOWS;
    let group = local / RUNS;
    let block_channel = workgroup.y * BLOCK_VECTORS * 4u;
    let first_channel = block_channel + group * VECTORS * 4u;

    // Compilers keep arrays in registers if every index is known: each loop over one of these runs
    // over a whole dimension, which makes them unroll it.
    var sums: array<array<array<vec4<f32>, 4>, WINDOWS>, VECTORS>;
    for (var vector = 0u; vector < VECTORS; vector++) {
        let c = first_channel + vector * 4u;
        let start = vec4<f32>(load_bias(c), load_bias(c + 1u), load_bias(c + 2u), load_bias(c + 3u));
        for (var window = 0u; window < WINDOWS; window++) {
            for (var position = 0u; position < 4u; position++) {
                sums[vector][window][position] = start;
            }
        }
    }

    for (var block = 0u; block < IN_CHANNELS; block += CHANNEL_BLOCK) {
        for (var i = local; i < CHANNEL_BLOCK * TILE_SIZE; i += INVOCATIONS) {
            let channel = block + i / TILE_SIZE;
            let row = i32(2u * tile_row + i % TILE_SIZE / TILE_PAIRS) - i32(PADDING);
            let column = i32(2u * (tile_column + i % TILE_PAIRS)) - i32(PADDING);
            input_tile[i] = vec2<f32>(
                load_input(image, channel, row, column),
                load_input(image, channel, row, column + 1),
            );
        }
        for (var i = local; i < CHANNEL_BLOCK * TAPS * BLOCK_VECTORS; i += INVOCATIONS) {
            // Neighbouring invocations read neighbouring taps.
            let vector = i / (CHANNEL_BLOCK * TAPS);
            let tap = i % (CHANNEL_BLOCK * TAPS);
            let channel = block + tap / TAPS;
            let c = block_channel + vector * 4u;
            weight_tile[tap * BLOCK_VECTORS + vector] = vec4<f32>(
                load_weight(c, channel, tap % TAPS),
                load_weight(c + 1u, channel, tap % TAPS),
                load_weight(c + 2u, channel, tap % TAPS),
                load_weight(c + 3u, channel, tap % TAPS),
            );
        }
        workgroupBarrier();

        for (var channel = 0u; channel < CHANNEL_BLOCK; channel++) {
            var row_start = channel * TILE_SIZE + 2u * run_row * TILE_PAIRS + run_column;
            var tap = channel * TAPS * BLOCK_VECTORS + group * VECTORS;
            var upper: array<f32, 2 * INPUT_PAIRS>;
            var lower: array<f32, 2 * INPUT_PAIRS>;
            for (var pair = 0u; pair < INPUT_PAIRS; pair++) {
                let inputs = input_tile[row_start + pair];
                lower[2u * pair] = inputs.x;
                lower[2u * pair + 1u] = inputs.y;
            }
            for (var ky = 0u; ky < KERNEL; ky++) {
                row_start += TILE_PAIRS;
                upper = lower;
                for (var pair = 0u; pair < INPUT_PAIRS; pair++) {
                    let inputs = input_tile[row_start + pair];
                    lower[2u * pair] = inputs.x;
                    lower[2u * pair + 1u] = inputs.y;
                }
                for (var kx = 0u; kx < KERNEL; kx++) {
                    for (var vector = 0u; vector < VECTORS; vector++) {
                        let weight = weight_tile[tap + vector];
                        for (var window = 0u; window < WINDOWS; window++) {
                            let column = 2u * window + kx;
                            let sum = &sums[vector][window];
                            (*sum)[0] = fma(vec4<f32>(upper[column]), weight, (*sum)[0]);
                            (*sum)[1] = fma(vec4<f32>(upper[column + 1u]), weight, (*sum)[1]);
                            (*sum)[2] = fma(vec4<f32>(lower[column]), weight, (*sum)[2]);
                            (*sum)[3] = fma(vec4<f32>(lower[column + 1u]), weight, (*sum)[3]);
                        }
                    }
                    tap += BLOCK_VECTORS;
                }
            }
        }
        workgroupBarrier();
    }

    let pooled_row = tile_row + run_row;
    for (var window = 0u; window < WINDOWS; window++) {
        let pooled_column = tile_column + run_column + window;
        let inside = pooled_row < POOLED_HEIGHT && pooled_column < POOLED_WIDTH;
        let pooled = pooled_row * POOLED_WIDTH + pooled_column;
        for (var vector = 0u; vector < VECTORS; vector++) {
            // The first NaN wins, else the first maximum.
            var best = sums[vector][window][0];
            var code = vec4<u32>(0u);
            for (var position = 1u; position < 4u; position++) {
                let value = sums[vector][window][position];
                let wins = !is_nan(best) & (is_nan(value) | (value > best));
                best = select(best, value, wins);
                code = select(code, vec4<u32>(position), wins);
            }
            let closed = !is_nan(best) & (best <= vec4<f32>(0.0));
            best = select(best, vec4<f32>(0.0), closed);
            code = select(code, vec4<u32>(RELU_CLOSED), closed);

            let first = first_channel + vector * 4u;
            if (inside && first < OUT_CHANNELS) {
                codes[(image * CODE_WORDS + first / 4u) * POOLED + pooled] =
                    code.x | (code.y << 8u) | (code.z << 16u) | (code.w << 24u);
            }
            for (var c = 0u; c < 4u; c++) {
                if (inside && first + c < OUT_CHANNELS) {
                    output[(image * OUT_CHANNELS + first + c) * POOLED + pooled] = best[c];
                }
            }
        }
    }
}
