// What grad_input.wgsl convolves in tiles: the expanded gradient under a tile of blocks, and the
// flipped weights (see tiled_conv.wgsl).
//
// Needs grad_input_tile_pool.wgsl or grad_input_tile_relu.wgsl, which stand before this one:
//   load_grad(image, channel, block_row, column)   the gradient at two outputs of the convolution: the
//                                                  upper and the lower one of a row of blocks, at
//                                                  one column
//
// Why dense with a pool: three quarters of the expanded gradient are zeros, but they cost less than finding
// the rest. A multiply-add that depends on the winner needs a branch, a select or a load of its
// own; here one vector load serves 16 * RUN of them, and invocations with different winners
// never wait for each other. Measured under software Vulkan (32 -> 64 channels, 14x14, batch 128):
// 49 ms, against 124 for adding, per window, the weights loaded from where the winner points.

fn stage_tile(position: Position, first_channel: u32, local: u32) {
    // The rows of blocks that reach the tile: its own and one on each side.
    let reaching_rows = TILE_HEIGHT * RUN + 2u;
    for (var i = local; i < CHANNEL_BLOCK * reaching_rows * TILE_PAIRS; i += INVOCATIONS) {
        let pair = i % TILE_PAIRS;
        let reaching_row = i / TILE_PAIRS % reaching_rows;
        let channel = i / (TILE_PAIRS * reaching_rows);
        let block_row = i32(position.row + reaching_row) - 1;
        let column = i32(2u * (position.column + pair)) - i32(PADDING);
        let left = load_grad(position.image, first_channel + channel, block_row, column);
        let right = load_grad(position.image, first_channel + channel, block_row, column + 1);
        // With k = 3 the first and the last row of blocks have one row in the tile.
        let row = i32(2u * reaching_row + PADDING) - 2;
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
