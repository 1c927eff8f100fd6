// The expanded gradient around a block for grad_input.wgsl, where there is no pool: at the block's own
// positions and one beyond them on each side. Needs gradient.wgsl and grad_input_patch.wgsl.

fn load_gradient_row(image: u32, channel: u32, row: i32, column: i32) -> vec4<f32> {
    return vec4<f32>(
        load_gradient(image, channel, row, column),
        load_gradient(image, channel, row, column + 1),
        load_gradient(image, channel, row, column + 2),
        load_gradient(image, channel, row, column + 3),
    );
}

fn load_patch(position: Position) -> mat4x4<f32> {
    if (position.image >= BATCH) {
        return mat4x4<f32>();
    }
    let row = i32(2u * position.row) - 1;
    let column = i32(2u * position.column) - 1;
    return mat4x4<f32>(
        load_gradient_row(position.image, position.channel, row, column),
        load_gradient_row(position.image, position.channel, row + 1, column),
        load_gradient_row(position.image, position.channel, row + 2, column),
        load_gradient_row(position.image, position.channel, row + 3, column),
    );
}
