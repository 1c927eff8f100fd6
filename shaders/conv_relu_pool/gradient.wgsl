// The gradient of the convolution's outputs where there is no pool: that of the block's output where the
// ReLU is active, zero elsewhere and around the image. Needs sizes.wgsl, and two bindings of the
// kernel's own file:
//
// argmax       [BATCH, ARGMAX_WORDS, HEIGHT, WIDTH], one byte per output channel (see forward.wgsl)
// grad_output  [BATCH, OUT_CHANNELS, HEIGHT, WIDTH]

fn load_gradient(image: u32, channel: u32, row: i32, column: i32) -> f32 {
    if (channel >= OUT_CHANNELS || row < 0 || row >= i32(HEIGHT) || column < 0 || column >= i32(WIDTH)) {
        return 0.0;
    }
    let place = u32(row) * WIDTH + u32(column);
    let word = argmax[(image * ARGMAX_WORDS + channel / 4u) * POOLED + place];
    if (((word >> (8u * (channel % 4u))) & 0xffu) == INACTIVE) {
        return 0.0;
    }
    return grad_output[(image * OUT_CHANNELS + channel) * POOLED + place];
}
