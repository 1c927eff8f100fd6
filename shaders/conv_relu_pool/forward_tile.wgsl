// What forward.wgsl convolves in tiles: the input under a tile of blocks, and the weights (see
// tiled_conv.wgsl). Needs input.wgsl.

fn stage_tile(position: Position, first_channel: u32, local: u32) {
    for (var i = local; i < CHANNEL_BLOCK * TILE_ROWS * TILE_PAIRS; i += INVOCATIONS) {
        let pair = i % TILE_PAIRS;
        let row = i / TILE_PAIRS % TILE_ROWS;
        let channel = i / (TILE_PAIRS * TILE_ROWS);
        let y = i32(2u * position.row + row) - i32(PADDING);
        let x = i32(2u * (position.column + pair)) - i32(PADDING);
        tile[channel * TILE_SIZE + row * TILE_PITCH + pair] =
            load_input_pair(position.image, first_channel + channel, y, x);
    }
}

fn stage_weights(position: Position, first_channel: u32, local: u32) {
    for (var i = local; i < CHANNEL_BLOCK * TAPS * GROUPS; i += INVOCATIONS) {
        // Neighbouring invocations read neighbouring weights.
        let tap = i % TAPS;
        let channel = i / TAPS % CHANNEL_BLOCK;
        let vector = i / (TAPS * CHANNEL_BLOCK);
        let c = position.channel + vector * 4u;
        weight_tile[(channel * TAPS + tap) * WEIGHT_PITCH + vector] = vec4<f32>(
            load_weight(c, first_channel + channel, tap),
            load_weight(c + 1u, first_channel + channel, tap),
            load_weight(c + 2u, first_channel + channel, tap),
            load_weight(c + 3u, first_channel + channel, tap),
        );
    }
}
