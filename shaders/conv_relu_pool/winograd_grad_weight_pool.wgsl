// The transformed gradients of a block for winograd_grad_weight.wgsl where there is a pool: the block is
// a window, with the gradient at its winner. Needs winograd_grad_weight.wgsl.

// The transform of two gradients of which one is 0.
fn grad_row(grad: f32, is_second: bool) -> vec4<f32> {
    let half = 0.5 * grad;
    if (is_second) {
        return vec4<f32>(0.0, half, 0.0 - half, grad);
    }
    return vec4<f32>(grad, half, half, 0.0);
}

fn load_b(channel: u32, window: u32) -> mat4x4<f32> {
    var winner = INACTIVE;
    var grad = 0.0;
    if (channel < OUT_CHANNELS && window < BLOCKS) {
        let image = window / POOLED;
        let word = argmax[(image * ARGMAX_WORDS + channel / 4u) * POOLED + window % POOLED];
        winner = (word >> (8u * (channel % 4u))) & 0xffu;
        if (winner < INACTIVE) {
            grad = grad_output[(image * OUT_CHANNELS + channel) * POOLED + window % POOLED];
        }
    }
    let down = grad_row(grad, (winner & 2u) == 2u);
    let is_right = (winner & 1u) == 1u;
    return mat4x4<f32>(
        grad_row(down.x, is_right),
        grad_row(down.y, is_right),
        grad_row(down.z, is_right),
        grad_row(down.w, is_right),
    );
}
