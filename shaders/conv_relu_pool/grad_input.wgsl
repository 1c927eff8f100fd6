// Gradient of the input of conv + ReLU + 2x2 max-pool.
//
// The convolution's gradient is the pooled gradient at the winners and zero elsewhere. It is
// expanded tile by tile in workgroup memory, never in a buffer, and convolved with the flipped
// kernel: grad_input[y, x] = sum over ky, kx of grad_conv[y + PADDING - ky, x + PADDING - kx] *
// weights[ky, kx]. The convolution is that of tiled_conv.wgsl, with an invocation for a run of
// blocks of 2x2 inputs and four input channels.
//
// Needs sizes.wgsl and tiled_conv.wgsl.
//
// weights      [OUT_CHANNELS, IN_CHANNELS, KERNEL, KERNEL]
// argmax       [BATCH, ARGMAX_WORDS, POOLED_HEIGHT, POOLED_WIDTH], one byte per output channel
//              (see forward.wgsl)
// grad_output  [BATCH, OUT_CHANNELS, POOLED_HEIGHT, POOLED_WIDTH]
// grad_input   [BATCH, IN_CHANNELS, HEIGHT, WIDTH]
//
// Why dense: three quarters of the expanded gradient are zeros, but they cost less than finding
// the rest. A multiply-add that depends on the winner needs a branch, a select or a load of its
// own; here one vector load serves 16 * RUN of them, and invocations with different winners
// never wait for each other. Measured under software Vulkan (32 -> 64 channels, 14x14, batch 128):
// 49 ms, against 124 for adding, per window, the weights loaded from where the winner points.

@group(0) @binding(0) var<storage, read_write> weights: array<f32>;
@group(0) @binding(1) var<storage, read_write> argmax: array<u32>;
@group(0) @binding(2) var<storage, read_write> grad_output: array<f32>;
@group(0) @binding(3) var<storage, read_write> grad_input: array<f32>;

const SUMMED_CHANNELS: u32 = OUT_CHANNELS;
const BLOCKS_ACROSS: u32 = (WIDTH + 1) / 2;
// The rows of windows that reach the tile: its own and one on each side.
const WINDOW_ROWS: u32 = TILE_HEIGHT * RUN + 2;

// The gradient at two positions of the convolution's output: the upper and the lower row of a
// row of windows, at one column.
fn load_grad(image: u32, channel: u32, pooled_row: i32, column: i32) -> vec2<f32> {
    if (channel >= OUT_CHANNELS || pooled_row < 0 || pooled_row >= i32(POOLED_HEIGHT)
        || column < 0 || column >= i32(2 * POOLED_WIDTH)) {
        return vec2<f32>(0.0);
    }
    let pooled = u32(pooled_row) * POOLED_WIDTH + u32(column) / 2u;
    let word = argmax[(image * ARGMAX_WORDS + channel / 4u) * POOLED + pooled];
    let winner = (word >> (8u * (channel % 4u))) & 0xffu;
    let grad = grad_output[(image * OUT_CHANNELS + channel) * POOLED + pooled];
    let upper = u32(column) % 2u;
    return select(vec2<f32>(0.0), vec2<f32>(grad), vec2<u32>(winner) == vec2<u32>(upper, upper + 2u));
}

fn stage_tile(position: Position, first_channel: u32, local: u32) {
    for (var i = local; i < CHANNEL_BLOCK * WINDOW_ROWS * TILE_PAIRS; i += INVOCATIONS) {
        let pair = i % TILE_PAIRS;
        let window_row = i / TILE_PAIRS % WINDOW_ROWS;
        let channel = i / (TILE_PAIRS * WINDOW_ROWS);
        let pooled_row = i32(position.row + window_row) - 1;
        let column = i32(2u * (position.column + pair)) - i32(PADDING);
        let left = load_grad(position.image, first_channel + channel, pooled_row, column);
        let right = load_grad(position.image, first_channel + channel, pooled_row, column + 1);
        // With k = 3 the first and the last row of windows have one row in the tile.
        let row = i32(2u * window_row + PADDING) - 2;
        let first = i32(channel * TILE_SIZE + pair) + row * i32(TILE_PITCH);
        if (row >= 0) {
            tile[first] = vec2<f32>(left.x, right.x);
        }
        if (row + 1 < i32(TILE_ROWS)) {
            tile[first + i32(TILE_PITCH)] = vec2<f32>(left.y, right.y);
        }
    }
}

// The taps of a kernel in reverse: it is flipped.
fn stage_weights(position: Position, first_channel: u32, local: u32) {
    for (var i = local; i < CHANNEL_BLOCK * TAPS * GROUPS; i += INVOCATIONS) {
        // Neighbouring invocations read neighbouring taps.
        let tap = i % TAPS;
        let vector = i / TAPS % GROUPS;
        let channel = i / (TAPS * GROUPS);
        let c = position.channel + vector * 4u;
        weight_tile[(channel * TAPS + TAPS - 1u - tap) * WEIGHT_PITCH + vector] = vec4<f32>(
            load_weight(first_channel + channel, c, tap),
            load_weight(first_channel + channel, c + 1u, tap),
            load_weight(first_channel + channel, c + 2u, tap),
            load_weight(first_channel + channel, c + 3u, tap),
        );
    }
}

fn start(channel: u32) -> vec4<f32> {
    return vec4<f32>(0.0);
}

fn store(block: Position, sums: array<vec4<f32>, 4>) {
    // Only a variable takes an index that is not constant.
    var values = sums;
    for (var c = 0u; c < 4u; c++) {
        let channel = block.channel + c;
        for (var position = 0u; position < 4u; position++) {
            let row = 2u * block.row + position / 2u;
            let column = 2u * block.column + position % 2u;
            if (channel < IN_CHANNELS && row < HEIGHT && column < WIDTH) {
                grad_input[((block.image * IN_CHANNELS + channel) * HEIGHT + row) * WIDTH + column] =
                    values[position][c];
            }
        }
    }
}
