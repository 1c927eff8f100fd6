// The 4x4 inputs that the 3x3 convolutions of a block of 2x2 outputs see. Needs sizes.wgsl and input.wgsl.

const BATCH: u32 = {{ batch }};

fn load_input_row(image: u32, channel: u32, row: i32, column: i32) -> vec4<f32> {
    return vec4<f32>(
        load_input(image, channel, row, column),
        load_input(image, channel, row, column + 1),
        load_input(image, channel, row, column + 2),
        load_input(image, channel, row, column + 3),
    );
}

fn load_input_patch(image: u32, channel: u32, block_row: u32, block_column: u32) -> mat4x4<f32> {
    if (image >= BATCH) {
        return mat4x4<f32>();
    }
    let row = i32(2u * block_row) - 1;
    let column = i32(2u * block_column) - 1;
    return mat4x4<f32>(
        load_input_row(image, channel, row, column),
        load_input_row(image, channel, row + 1, column),
        load_input_row(image, channel, row + 2, column),
        load_input_row(image, channel, row + 3, column),
    );
}
