// Reads the block's weights, zeros where there is no such channel, and says where something lies in a
// batch. Needs sizes.wgsl, and `weights` of the kernel's own file:
//
// weights  [OUT_CHANNELS, IN_CHANNELS, KERNEL, KERNEL]

// Where something lies: its image, its first channel, and its first row and column of blocks.
struct Position {
    image: u32,
    channel: u32,
    row: u32,
    column: u32,
}

fn position_at(image: u32, channel: u32, row: u32, column: u32) -> Position {
    return Position(image, channel, row, column);
}

fn load_weight(out_channel: u32, in_channel: u32, tap: u32) -> f32 {
    if (out_channel >= OUT_CHANNELS || in_channel >= IN_CHANNELS) {
        return 0.0;
    }
    return weights[(out_channel * IN_CHANNELS + in_channel) * TAPS + tap];
}
