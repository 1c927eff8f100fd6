// Reads the block's input, zeros around it. Needs sizes.wgsl.
//
// input  [BATCH, IN_CHANNELS, HEIGHT, WIDTH]; the kernel's first binding

@group(0) @binding(0) var<storage, read_write> input: array<f32>;

fn load_input(image: u32, channel: u32, row: i32, column: i32) -> f32 {
    if (channel >= IN_CHANNELS || row < 0 || row >= i32(HEIGHT) || column < 0 || column >= i32(WIDTH)) {
        return 0.0;
    }
    return input[((image * IN_CHANNELS + channel) * HEIGHT + u32(row)) * WIDTH + u32(column)];
}

// Two neighbours in a row.
fn load_input_pair(image: u32, channel: u32, row: i32, column: i32) -> vec2<f32> {
    return vec2<f32>(
        load_input(image, channel, row, column),
        load_input(image, channel, row, column + 1),
    );
}
