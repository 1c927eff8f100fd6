// The expanded gradient for grad_input_tile.wgsl where there is a pool: a block is a window. Needs
// grad_input.wgsl.

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
