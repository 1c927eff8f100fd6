// Gradient of the input of conv + ReLU + 2x2 max-pool.
//
// The convolution's gradient is the pooled gradient at the winners and zero elsewhere. It is
// expanded tile by tile in workgroup memory, never in a buffer, and convolved with the flipped
// kernel: grad_input[y, x] = sum over ky, kx of grad_conv[y + PADDING - ky, x + PADDING - kx] *
// weights[ky, kx].
//
// One invocation computes BLOCKS horizontally adjacent blocks of 2x2 inputs, for
// CHANNELS = 4 * VECTORS input channels, in registers.
//
// One workgroup computes a tile of TILE_HEIGHT x TILE_WIDTH such runs of blocks of one image, for
// GROUPS * CHANNELS input channels. Its invocations share, through workgroup memory, the expanded
// gradient and the weights of CHANNEL_BLOCK output channels at a time.
//
//   dispatch.x  tiles of the image, row-major     dispatch.y  blocks of input channels
//   dispatch.z  images
//
// weights      [OUT_CHANNELS, IN_CHANNELS, KERNEL, KERNEL]
// codes        [BATCH, CODE_WORDS, POOLED_HEIGHT, POOLED_WIDTH], one byte per output channel
//              (see forward.wgsl)
// grad_output  [BATCH, OUT_CHANNELS, POOLED_HEIGHT, POOLED_WIDTH]
// grad_input   [BATCH, IN_CHANNELS, HEIGHT, WIDTH]
//
// Why dense: three quarters of the expanded gradient are zeros, but they cost less than finding
// the rest. Skipping them takes a branch or a load per multiply-add, where a dense tile takes one
// vector load per 4 * 4 * BLOCKS of them; invocations that differ in their winners would wait for
// each other besides.

const IN_CHANNELS: u32 = {{ in_channels }};
const OUT_CHANNELS: u32 = {{ out_channels }};
const HEIGHT: u32 = {{ height }};
const WIDTH: u32 = {{ width }};
const KERNEL: u32 = {{ kernel }};

const TILE_HEIGHT: u32 = {{ tile_height }};
const TILE_WIDTH: u32 = {{ tile_width }};
const GROUPS: u32 = {{ groups }};
const BLOCKS: u32 = {{ blocks }};
const VECTORS: u32 = {{ vectors }};
const CHANNEL_BLOCK: u32 = {{ channel_block }};

const PADDING: u32 = KERNEL / 2;
const TAPS: u32 = KERNEL * KERNEL;
const POOLED_HEIGHT: u32 = HEIGHT / 2;
const POOLED_WIDTH: u32 = WIDTH / 2;
const POOLED: u32 = POOLED_HEIGHT * POOLED_WIDTH;
const CODE_WORDS: u32 = (OUT_CHANNELS + 3) / 4;

// What one invocation reads of a row: pairs of columns.
const ROW_PAIRS: u32 = (KERNEL + 1) / 2 + BLOCKS - 1;
const TILE_ROWS: u32 = 2 * TILE_HEIGHT + KERNEL - 1;
const TILE_PAIRS: u32 = TILE_WIDTH * BLOCKS + (KERNEL - 1) / 2;
const TILE_SIZE: u32 = TILE_ROWS * TILE_PAIRS;
// The rows of windows that reach the tile: its own and one on each side.
const WINDOW_ROWS: u32 = TILE_HEIGHT + 2;
const BLOCKS_ACROSS: u32 = (WIDTH + 1) / 2;
const TILES_ACROSS: u32 = (BLOCKS_ACROSS + TILE_WIDTH * BLOCKS - 1) / (TILE_WIDTH * BLOCKS);

const RUNS: u32 = TILE_HEIGHT * TILE_WIDTH;
const INVOCATIONS: u32 = RUNS * GROUPS;
const BLOCK_VECTORS: u32 = GROUPS * VECTORS;

@group(0) @binding(0) var<storage, read_write> weights: array<f32>;
@group(0) @binding(1) var<storage, read_write> codes: array<u32>;
@group(0) @binding(2) var<storage, read_write> grad_output: array<f32>;
@group(0) @binding(3) var<storage, read_write> grad_input: array<f32>;

// [CHANNEL_BLOCK][TILE_ROWS][TILE_PAIRS]
var<workgroup> grad_tile: array<vec2<f32>, CHANNEL_BLOCK * TILE_SIZE>;
// [CHANNEL_BLOCK][TAPS, flipped][BLOCK_VECTORS]
var<workgroup> weight_tile: array<vec4<f32>, CHANNEL_BLOCK * TAPS * BLOCK_VECTORS>;

// The gradient at two positions of the convolution's output: the upper and the lower row of a
// row of windows, at one column.
fn load_grad(image: u32, channel: u32, pooled_row: i32, column: i32) -> vec2<f32> {
    if (channel >= OUT_CHANNELS || pooled_row < 0 || pooled_row >= i32(POOLED_HEIGHT)
        || column < 0 || column >= i32(2 * POOLED_WIDTH)) {
        return vec2<f32>(0.0);
    }
    let pooled = u32(pooled_row) * POOLED_WIDTH + u32(column) / 2u;
    let word = codes[(image * CODE_WORDS + channel / 4u) * POOLED + pooled];
    let winner = (word >> (8u * (channel % 4u))) & 0xffu;
    let grad = grad_output[(image * OUT_CHANNELS + channel) * POOLED + pooled];
    let upper = u32(column) % 2u;
    return select(vec2<f32>(0.0), vec2<f32>(grad), vec2<u32>(winner) == vec2<u32>(upper, upper + 2u));
}

fn load_weight(out_channel: u32, in_channel: u32, tap: u32) -> f32 {
    if (out_channel >= OUT_CHANNELS || in_channel >= IN_CHANNELS) {
        return 0.0;
    }
    return weights[(out_channel * IN_CHANNELS + in_channel) * TAPS + tap];
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let image = workgroup.z;
    let tile_row = workgroup.x / TILES_ACROSS * TILE_HEIGHT;
    let tile_column = workgroup.x % TILES_ACROSS * TILE_WIDTH * BLOCKS;
    let run_row = local % RUNS / TILE_WIDTH;
    let run_column = local % TILE_WIDTH * BLOCKS;
    let group = local / RUNS;
    let block_channel = workgroup.y * BLOCK_VECTORS * 4u;

    // Every index of these arrays is known once the loops over them are unrolled, so that
    // compilers keep them in registers.
    var sums: array<array<array<vec4<f32>, 4>, BLOCKS>, VECTORS>;
    for (var vector = 0u; vector < VECTORS; vector++) {
        for (var block = 0u; block < BLOCKS; block++) {
            for (var position = 0u; position < 4u; position++) {
                sums[vector][block][position] = vec4<f32>(0.0);
            }
        }
    }

    for (var first_out = 0u; first_out < OUT_CHANNELS; first_out += CHANNEL_BLOCK) {
        for (var i = local; i < CHANNEL_BLOCK * WINDOW_ROWS * TILE_PAIRS; i += INVOCATIONS) {
            let pair = i % TILE_PAIRS;
            let window_row = i / TILE_PAIRS % WINDOW_ROWS;
            let channel = i / (TILE_PAIRS * WINDOW_ROWS);
            let pooled_row = i32(tile_row + window_row) - 1;
            let column = i32(2u * (tile_column + pair)) - i32(PADDING);
            let left = load_grad(image, first_out + channel, pooled_row, column);
            let right = load_grad(image, first_out + channel, pooled_row, column + 1);
            // With k = 3 the first and the last row of windows have one row in the tile.
            let row = i32(2u * window_row + PADDING) - 2;
            let first = i32(channel * TILE_SIZE + pair) + row * i32(TILE_PAIRS);
            if (row >= 0) {
                grad_tile[first] = vec2<f32>(left.x, right.x);
            }
            if (row + 1 < i32(TILE_ROWS)) {
                grad_tile[first + i32(TILE_PAIRS)] = vec2<f32>(left.y, right.y);
            }
        }
        for (var i = local; i < CHANNEL_BLOCK * TAPS * BLOCK_VECTORS; i += INVOCATIONS) {
            // Neighbouring invocations read neighbouring taps.
            let tap = i % TAPS;
            let vector = i / TAPS % BLOCK_VECTORS;
            let out_block = i / (TAPS * BLOCK_VECTORS);
            let c = block_channel + vector * 4u;
            weight_tile[(out_block * TAPS + TAPS - 1u - tap) * BLOCK_VECTORS + vector] = vec4<f32>(
                load_weight(first_out + out_block, c, tap),
                load_weight(first_out + out_block, c + 1u, tap),
                load_weight(first_out + out_block, c + 2u, tap),
                load_weight(first_out + out_block, c + 3u, tap),
            );
        }
        workgroupBarrier();

        for (var channel = 0u; channel < CHANNEL_BLOCK; channel++) {
            var row_start = channel * TILE_SIZE + 2u * run_row * TILE_PAIRS + run_column;
            var tap = channel * TAPS * BLOCK_VECTORS + group * VECTORS;
            var upper: array<f32, 2 * ROW_PAIRS>;
            var lower: array<f32, 2 * ROW_PAIRS>;
            for (var pair = 0u; pair < ROW_PAIRS; pair++) {
                let grads = grad_tile[row_start + pair];
                lower[2u * pair] = grads.x;
                lower[2u * pair + 1u] = grads.y;
            }
            for (var ky = 0u; ky < KERNEL; ky++) {
                row_start += TILE_PAIRS;
                upper = lower;
                for (var pair = 0u; pair < ROW_PAIRS; pair++) {
                    let grads = grad_tile[row_start + pair];
                    lower[2u * pair] = grads.x;
                    lower[2u * pair + 1u] = grads.y;
                }
                for (var kx = 0u; kx < KERNEL; kx++) {
                    for (var vector = 0u; vector < VECTORS; vector++) {
                        let weight = weight_tile[tap + vector];
                        for (var block = 0u; block < BLOCKS; block++) {
                            let column = 2u * block + kx;
                            let sum = &sums[vector][block];
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

    for (var vector = 0u; vector < VECTORS; vector++) {
        for (var c = 0u; c < 4u; c++) {
            let channel = block_channel + (group * VECTORS + vector) * 4u + c;
            for (var block = 0u; block < BLOCKS; block++) {
                for (var position = 0u; position < 4u; position++) {
                    let row = 2u * (tile_row + run_row) + position / 2u;
                    let column = 2u * (tile_column + run_column + block) + position % 2u;
                    if (channel < IN_CHANNELS && row < HEIGHT && column < WIDTH) {
                        grad_input[((image * IN_CHANNELS + channel) * HEIGHT + row) * WIDTH + column] =
                            sums[vector][block][position][c];
                    }
                }
            }
        }
    }
}
