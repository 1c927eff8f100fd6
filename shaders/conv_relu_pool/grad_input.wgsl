// Gradient of the input of conv + ReLU + 2x2 max-pool.
//
// The convolution's gradient is the pooled gradient at the winners and zero elsewhere. It is
// expanded tile by tile in workgroup memory, never in a buffer, and convolved with the flipped
// kernel: grad_input[y, x] = sum over ky, kx of grad_conv[y + PADDING - ky, x + PADDING - kx] *
// weights[ky, kx].
//
// One invocation computes a run of BLOCKS blocks of 2x2 inputs below each other, for four input
// channels, in registers.
//
// One workgroup computes a tile of TILE_HEIGHT x TILE_WIDTH runs of one image, for 4 * GROUPS
// input channels. Its invocations share, through workgroup memory, the expanded gradient and the
// weights of CHANNEL_BLOCK output channels at a time. The tiling is that of forward.wgsl.
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
// the rest. A multiply-add that depends on the winner needs a branch, a select or a load of its
// own; here one vector load serves 16 * BLOCKS of them, and invocations with different winners
// never wait for each other. Measured under software Vulkan (32 -> 64 channels, 14x14, batch 128):
// 49 ms, against 124 for adding, per window, the weights loaded from where the winner points.

const IN_CHANNELS: u32 = {{ in_channels }};
const OUT_CHANNELS: u32 = {{ out_channels }};
const HEIGHT: u32 = {{ height }};
const WIDTH: u32 = {{ width }};
const KERNEL: u32 = {{ kernel }};

const TILE_HEIGHT: u32 = {{ tile_height }};
const TILE_WIDTH: u32 = {{ tile_width }};
const GROUPS: u32 = {{ groups }};
const BLOCKS: u32 = {{ run }};
const CHANNEL_BLOCK: u32 = {{ channel_block }};

const PADDING: u32 = KERNEL / 2;
const TAPS: u32 = KERNEL * KERNEL;
const POOLED_HEIGHT: u32 = HEIGHT / 2;
const POOLED_WIDTH: u32 = WIDTH / 2;
const POOLED: u32 = POOLED_HEIGHT * POOLED_WIDTH;
const CODE_WORDS: u32 = (OUT_CHANNELS + 3) / 4;

// Column pairs that one block reads of a row.
const ROW_PAIRS: u32 = (KERNEL + 1) / 2;
const TILE_ROWS: u32 = 2 * TILE_HEIGHT * BLOCKS + KERNEL - 1;
const TILE_PAIRS: u32 = TILE_WIDTH + (KERNEL - 1) / 2;
// Lengths of rows in workgroup memory. Odd, so that invocations that read (runs below each other)
// or write (weights) the same column use different memory banks.
const TILE_PITCH: u32 = TILE_PAIRS | 1;
const WEIGHT_PITCH: u32 = GROUPS | 1;
const TILE_SIZE: u32 = TILE_ROWS * TILE_PITCH;
// The rows of windows that reach the tile: its own and one on each side.
const WINDOW_ROWS: u32 = TILE_HEIGHT * BLOCKS + 2;
const BLOCKS_ACROSS: u32 = (WIDTH + 1) / 2;
const TILES_ACROSS: u32 = (BLOCKS_ACROSS + TILE_WIDTH - 1) / TILE_WIDTH;

const RUNS: u32 = TILE_HEIGHT * TILE_WIDTH;
const INVOCATIONS: u32 = RUNS * GROUPS;

@group(0) @binding(0) var<storage, read_write> weights: array<f32>;
@group(0) @binding(1) var<storage, read_write> codes: array<u32>;
@group(0) @binding(2) var<storage, read_write> grad_output: array<f32>;
@group(0) @binding(3) var<storage, read_write> grad_input: array<f32>;

// [CHANNEL_BLOCK][TILE_ROWS][TILE_PITCH]
var<workgroup> grad_tile: array<vec2<f32>, CHANNEL_BLOCK * TILE_SIZE>;
// [CHANNEL_BLOCK][TAPS, flipped][WEIGHT_PITCH]
var<workgroup> weight_tile: array<vec4<f32>, CHANNEL_BLOCK * TAPS * WEIGHT_PITCH>;

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
    let tile_row = workgroup.x / TILES_ACROSS * TILE_HEIGHT * BLOCKS;
    let tile_column = workgroup.x % TILES_ACROSS * TILE_WIDTH;
    let run_row = local % RUNS / TILE_WIDTH * BLOCKS;
    let run_column = local % TILE_WIDTH;
    let group = local / RUNS;
    let block_channel = workgroup.y * GROUPS * 4u;

    // Every index of this array is known once the loops over it are unrolled, so that compilers
    // keep it in registers.
    var sums: array<array<vec4<f32>, 4>, BLOCKS>;
    for (var block = 0u; block < BLOCKS; block++) {
        for (var position = 0u; position < 4u; position++) {
            sums[block][position] = vec4<f32>(0.0);
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
            let first = i32(channel * TILE_SIZE + pair) + row * i32(TILE_PITCH);
            if (row >= 0) {
                grad_tile[first] = vec2<f32>(left.x, right.x);
            }
            if (row + 1 < i32(TILE_ROWS)) {
                grad_tile[first + i32(TILE_PITCH)] = vec2<f32>(left.y, right.y);
            }
        }
        for (var i = local; i < CHANNEL_BLOCK * TAPS * GROUPS; i += INVOCATIONS) {
            // Neighbouring invocations read neighbouring taps.
            let tap = i % TAPS;
            let vector = i / TAPS % GROUPS;
            let out_block = i / (TAPS * GROUPS);
            let c = block_channel + vector * 4u;
            weight_tile[(out_block * TAPS + TAPS - 1u - tap) * WEIGHT_PITCH + vector] = vec4<f32>(
                load_weight(first_out + out_block, c, tap),
                load_weight(first_out + out_block, c + 1u, tap),
                load_weight(first_out + out_block, c + 2u, tap),
                load_weight(first_out + out_block, c + 3u, tap),
            );
        }
        workgroupBarrier();

        for (var channel = 0u; channel < CHANNEL_BLOCK; channel++) {
            // The rows under the blocks for one row of the kernel; they slide down with it.
            var rows: array<array<f32, KERNEL + 1>, 2 * BLOCKS>;
            var row_start = channel * TILE_SIZE + 2u * run_row * TILE_PITCH + run_column;
            for (var row = 1u; row < 2 * BLOCKS; row++) {
                for (var pair = 0u; pair < ROW_PAIRS; pair++) {
                    let grads = grad_tile[row_start + pair];
                    rows[row][2u * pair] = grads.x;
                    rows[row][2u * pair + 1u] = grads.y;
                }
                row_start += TILE_PITCH;
            }
            var tap = channel * TAPS * WEIGHT_PITCH + group;
            for (var ky = 0u; ky < KERNEL; ky++) {
                for (var row = 1u; row < 2 * BLOCKS; row++) {
                    rows[row - 1u] = rows[row];
                }
                for (var pair = 0u; pair < ROW_PAIRS; pair++) {
                    let grads = grad_tile[row_start + pair];
                    rows[2 * BLOCKS - 1][2u * pair] = grads.x;
                    rows[2 * BLOCKS - 1][2u * pair + 1u] = grads.y;
                }
                row_start += TILE_PITCH;
                var taps: array<vec4<f32>, KERNEL>;
                for (var kx = 0u; kx < KERNEL; kx++) {
                    taps[kx] = weight_tile[tap];
                    tap += WEIGHT_PITCH;
                }
                for (var block = 0u; block < BLOCKS; block++) {
                    for (var position = 0u; position < 4u; position++) {
                        for (var kx = 0u; kx < KERNEL; kx++) {
                            let value = rows[2u * block + position / 2u][position % 2u + kx];
                            sums[block][position] =
                                fma(vec4<f32>(value), taps[kx], sums[block][position]);
                        }
                    }
                }
            }
        }
        workgroupBarrier();
    }

    for (var c = 0u; c < 4u; c++) {
        let channel = block_channel + group * 4u + c;
        for (var block = 0u; block < BLOCKS; block++) {
            for (var position = 0u; position < 4u; position++) {
                let row = 2u * (tile_row + run_row + block) + position / 2u;
                let column = 2u * (tile_column + run_column) + position % 2u;
                if (channel < IN_CHANNELS && row < HEIGHT && column < WIDTH) {
                    grad_input[((image * IN_CHANNELS + channel) * HEIGHT + row) * WIDTH + column] =
                        sums[block][position][c];
                }
            }
        }
    }
}
