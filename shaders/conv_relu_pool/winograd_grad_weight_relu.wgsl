// The transformed gradients of a block for winograd_grad_weight.wgsl where there is no pool. Needs
// gradient.wgsl.

// The transform of two gradients.
fn grad_row(grads: vec2<f32>) -> vec4<f32> {
    return vec4<f32>(grads.x, 0.5 * (grads.x + grads.y), 0.5 * (grads.x - grads.y), grads.y);
}

fn load_b(channel: u32, block: u32) -> mat4x4<f32> {
    if (block >= BLOCKS) {
        return mat4x4<f32>();
    }
    let image = block / IMAGE_BLOCKS;
    let row = i32(2u * (block / OUTPUT_BLOCKS_ACROSS % OUTPUT_BLOCKS_DOWN));
    let column = i32(2u * (block % OUTPUT_BLOCKS_ACROSS));
    let upper = vec2<f32>(
        load_gradient(image, channel, row, column),
        load_gradient(image, channel, row, column + 1),
    );
    let lower = vec2<f32>(
        load_gradient(image, channel, row + 1, column),
        load_gradient(image, channel, row + 1, column + 1),
    );
    return mat4x4<f32>(
        grad_row(upper),
        grad_row(vec2<f32>(0.5) * (upper + lower)),
        grad_row(vec2<f32>(0.5) * (upper - lower)),
        grad_row(lower),
    );
}
