// The expanded gradient for grad_input_tile.wgsl where there is no pool. Needs gradient.wgsl.

fn load_grad(image: u32, channel: u32, block_row: i32, column: i32) -> vec2<f32> {
    return vec2<f32>(
        load_gradient(image, channel, 2 * block_row, column),
        load_gradient(image, channel, 2 * block_row + 1, column),
    );
}
