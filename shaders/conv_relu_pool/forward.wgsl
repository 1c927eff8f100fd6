// Convolution ("same" zero padding, stride 1) + bias, ReLU and 2x2 max-pool in one pass.
//
// One invocation computes a run of WINDOWS pooling windows below each other, four convolution
// outputs each, for four output channels. All of them stay in registers: the full-size
// convolution output is never written.
//
// One workgroup computes a tile of TILE_HEIGHT x TILE_WIDTH runs of one image, for 4 * GROUPS
// output channels. Its invocations share, through workgroup memory, the input under the tile and
// the weights of CHANNEL_BLOCK input channels at a time.
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
//          one in a tie; 4 means that the ReLU is closed. Bytes past the last
//          channel mean nothing.
//
// Why this tiling: multiply-adds are cheap where their operands are in registers. For each input
// channel, an invocation with k = 3 and WINDOWS = 4 reads 9 weight vectors and 20 pairs of inputs
// for 576 multiply-adds. The weights are transposed, so that the four channels of an invocation
// are one vector, which all invocations of a group read at once. A window starts at column
// 2 * x - PADDING, so the input is kept as pairs of columns, and an invocation reads whole pairs;
// its neighbours read the neighbouring ones.

const IN_CHANNELS: u32 = {{ in_channels }};
const OUT_CHANNELS: u32 = {{ out_channels }};
const HEIGHT: u32 = {{ height }};
const WIDTH: u32 = {{ width }};
const KERNEL: u32 = {{ kernel }};

const TILE_HEIGHT: u32 = {{ tile_height }};
const TILE_WIDTH: u32 = {{ tile_width }};
const GROUPS: u32 = {{ groups }};
const WINDOWS: u32 = {{ run }};
const CHANNEL_BLOCK: u32 = {{ channel_block }};

const PADDING: u32 = KERNEL / 2;
const TAPS: u32 = KERNEL * KERNEL;
const POOLED_HEIGHT: u32 = HEIGHT / 2;
const POOLED_WIDTH: u32 = WIDTH / 2;
const POOLED: u32 = POOLED_HEIGHT * POOLED_WIDTH;
const CODE_WORDS: u32 = (OUT_CHANNELS + 3) / 4;

// Column pairs that one window reads of a row.
const ROW_PAIRS: u32 = (KERNEL + 1) / 2;
const TILE_ROWS: u32 = 2 * TILE_HEIGHT * WINDOWS + KERNEL - 1;
const TILE_PAIRS: u32 = TILE_WIDTH + (KERNEL - 1) / 2;
// Lengths of rows in workgroup memory. Odd, so that invocations that read (runs below each other)
// or write (weights) the same column use different memory banks.
const TILE_PITCH: u32 = TILE_PAIRS | 1;
const WEIGHT_PITCH: u32 = GROUPS | 1;
const TILE_SIZE: u32 = TILE_ROWS * TILE_PITCH;
const TILES_ACROSS: u32 = (POOLED_WIDTH + TILE_WIDTH - 1) / TILE_WIDTH;

const RUNS: u32 = TILE_HEIGHT * TILE_WIDTH;
const INVOCATIONS: u32 = RUNS * GROUPS;

const RELU_CLOSED: u32 = 4;

@group(0) @binding(0) var<storage, read_write> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> weights: array<f32>;
@group(0) @binding(2) var<storage, read_write> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;
@group(0) @binding(4) var<storage, read_write> codes: array<u32>;

// [CHANNEL_BLOCK][TILE_ROWS][TILE_PITCH]
var<workgroup> input_tile: array<vec2<f32>, CHANNEL_BLOCK * TILE_SIZE>;
// [CHANNEL_BLOCK][TAPS][WEIGHT_PITCH]
var<workgroup> weight_tile: array<vec4<f32>, CHANNEL_BLOCK * TAPS * WEIGHT_PITCH>;

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
    let tile_row = workgroup.x / TILES_ACROSS * TILE_HEIGHT * WINDOWS;
    let tile_column = workgroup.x % TILES_ACROSS * TILE_WIDTH;
    let run_row = local % RUNS / TILE_WIDTH * WINDOWS;
    let run_column = local % TILE_WIDTH;
    let group = local / RUNS;
    let block_channel = workgroup.y * GROUPS * 4u;
    let channel = block_channel + group * 4u;

    // Every index of this array is known once the loops over it are unrolled, so that compilers
    // keep it in registers.
    var sums: array<array<vec4<f32>, 4>, WINDOWS>;
    let start = vec4<f32>(
        load_bias(channel), load_bias(channel + 1u), load_bias(channel + 2u), load_bias(channel + 3u),
    );
    for (var window = 0u; window < WINDOWS; window++) {
        for (var position = 0u; position < 4u; position++) {
            sums[window][position] = start;
        }
    }

    for (var first_in = 0u; first_in < IN_CHANNELS; first_in += CHANNEL_BLOCK) {
        for (var i = local; i < CHANNEL_BLOCK * TILE_ROWS * TILE_PAIRS; i += INVOCATIONS) {
            let pair = i % TILE_PAIRS;
            let row = i / TILE_PAIRS % TILE_ROWS;
            let block = i / (TILE_PAIRS * TILE_ROWS);
            let y = i32(2u * tile_row + row) - i32(PADDING);
            let x = i32(2u * (tile_column + pair)) - i32(PADDING);
            input_tile[block * TILE_SIZE + row * TILE_PITCH + pair] = vec2<f32>(
                load_input(image, first_in + block, y, x),
                load_input(image, first_in + block, y, x + 1),
            );
        }
        for (var i = local; i < CHANNEL_BLOCK * TAPS * GROUPS; i += INVOCATIONS) {
            // Neighbouring invocations read neighbouring weights.
            let tap = i % TAPS;
            let block = i / TAPS % CHANNEL_BLOCK;
            let c = block_channel + i / (TAPS * CHANNEL_BLOCK) * 4u;
            weight_tile[(block * TAPS + tap) * WEIGHT_PITCH + i / (TAPS * CHANNEL_BLOCK)] = vec4<f32>(
                load_weight(c, first_in + block, tap),
                load_weight(c + 1u, first_in + block, tap),
                load_weight(c + 2u, first_in + block, tap),
                load_weight(c + 3u, first_in + block, tap),
            );
        }
        workgroupBarrier();

        for (var block = 0u; block < CHANNEL_BLOCK; block++) {
            // The rows under the windows for one row of the kernel; they slide down with it.
            var rows: array<array<f32, KERNEL + 1>, 2 * WINDOWS>;
            var row_start = block * TILE_SIZE + 2u * run_row * TILE_PITCH + run_column;
            for (var row = 1u; row < 2 * WINDOWS; row++) {
                for (var pair = 0u; pair < ROW_PAIRS; pair++) {
                    let inputs = input_tile[row_start + pair];
                    rows[row][2u * pair] = inputs.x;
                    rows[row][2u * pair + 1u] = inputs.y;
                }
                row_start += TILE_PITCH;
            }
            var tap = block * TAPS * WEIGHT_PITCH + group;
            for (var ky = 0u; ky < KERNEL; ky++) {
                for (var row = 1u; row < 2 * WINDOWS; row++) {
                    rows[row - 1u] = rows[row];
                }
                for (var pair = 0u; pair < ROW_PAIRS; pair++) {
                    let inputs = input_tile[row_start + pair];
                    rows[2 * WINDOWS - 1][2u * pair] = inputs.x;
                    rows[2 * WINDOWS - 1][2u * pair + 1u] = inputs.y;
                }
                row_start += TILE_PITCH;
                var taps: array<vec4<f32>, KERNEL>;
                for (var kx = 0u; kx < KERNEL; kx++) {
                    taps[kx] = weight_tile[tap];
                    tap += WEIGHT_PITCH;
                }
                for (var window = 0u; window < WINDOWS; window++) {
                    for (var position = 0u; position < 4u; position++) {
                        for (var kx = 0u; kx < KERNEL; kx++) {
                            let value = rows[2u * window + position / 2u][position % 2u + kx];
                            sums[window][position] =
                                fma(vec4<f32>(value), taps[kx], sums[window][position]);
                        }
                    }
                }
            }
        }
        workgroupBarrier();
    }

    for (var window = 0u; window < WINDOWS; window++) {
        let pooled_row = tile_row + run_row + window;
        let pooled_column = tile_column + run_column;
        let inside = pooled_row < POOLED_HEIGHT && pooled_column < POOLED_WIDTH;
        let pooled = pooled_row * POOLED_WIDTH + pooled_column;
        // The first NaN wins, else the first maximum.
        var best = sums[window][0];
        var code = vec4<u32>(0u);
        for (var position = 1u; position < 4u; position++) {
            let value = sums[window][position];
            let wins = !is_nan(best) & (is_nan(value) | (value > best));
            best = select(best, value, wins);
            code = select(code, vec4<u32>(position), wins);
        }
        let closed = !is_nan(best) & (best <= vec4<f32>(0.0));
        best = select(best, vec4<f32>(0.0), closed);
        code = select(code, vec4<u32>(RELU_CLOSED), closed);

        if (inside && channel < OUT_CHANNELS) {
            codes[(image * CODE_WORDS + channel / 4u) * POOLED + pooled] =
                code.x | (code.y << 8u) | (code.z << 16u) | (code.w << 24u);
        }
        for (var c = 0u; c < 4u; c++) {
            if (inside && channel + c < OUT_CHANNELS) {
                output[(image * OUT_CHANNELS + channel + c) * POOLED + pooled] = best[c];
            }
        }
    }
}
