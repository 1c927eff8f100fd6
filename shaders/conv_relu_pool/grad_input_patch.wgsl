// What grad_input.wgsl convolves by Winograd: the flipped weights, and the expanded gradient around a
// block, which grad_input_patch_pool.wgsl or grad_input_patch_relu.wgsl loads (see winograd_conv.wgsl).
// Needs grad_input.wgsl.

const BATCH: u32 = {{ batch }};

fn load_tap(channel: u32, summed: u32, tap: u32) -> f32 {
    return load_weight(summed, channel, TAPS - 1u - tap);
}
