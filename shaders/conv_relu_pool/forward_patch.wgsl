// What forward.wgsl convolves by Winograd: the input under a block, and the weights (see
// winograd_conv.wgsl). Needs input_patch.wgsl.

fn load_patch(position: Position) -> mat4x4<f32> {
    return load_input_patch(position.image, position.channel, position.row, position.column);
}

fn load_tap(channel: u32, summed: u32, tap: u32) -> f32 {
    return load_weight(channel, summed, tap);
}
