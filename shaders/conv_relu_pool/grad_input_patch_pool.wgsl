// The expanded gradient around a block for grad_input.wgsl, where there is a pool.
//
// A block of 2x2 inputs lies under the window of the same row and column, and its 4x4 patch reaches one
// position into the eight windows around that.
//
// Needs grad_input_patch.wgsl.

// A window's gradient, and the position in it that the gradient belongs to.
struct Window {
    grad: f32,
    winner: u32,
}

fn load_window(is_inside: bool, word: u32, shift: u32, element: u32) -> Window {
    if (!is_inside) {
        return Window(0.0, INACTIVE);
    }
    return Window(grad_output[element], (argmax[word] >> shift) & 0xffu);
}

fn grad_at(window: Window, position: u32) -> f32 {
    return select(0.0, window.grad, window.winner == position);
}

fn load_patch(position: Position) -> mat4x4<f32> {
    let row = position.row;
    let column = position.column;
    let is_inside = position.image < BATCH && position.channel < OUT_CHANNELS;
    let above = is_inside && row > 0u;
    let beside = is_inside && row < POOLED_HEIGHT;
    let below = is_inside && row + 1u < POOLED_HEIGHT;
    let left = column > 0u;
    let middle = column < POOLED_WIDTH;
    let right = column + 1u < POOLED_WIDTH;

    // Of the middle window; the others' lie around them.
    let window = row * POOLED_WIDTH + column;
    let word = (position.image * ARGMAX_WORDS + position.channel / 4u) * POOLED + window;
    let element = (position.image * OUT_CHANNELS + position.channel) * POOLED + window;
    let shift = 8u * (position.channel % 4u);
    let up = POOLED_WIDTH;
    let above_left = load_window(above && left, word - up - 1u, shift, element - up - 1u);
    let above_middle = load_window(above && middle, word - up, shift, element - up);
    let above_right = load_window(above && right, word - up + 1u, shift, element - up + 1u);
    let beside_left = load_window(beside && left, word - 1u, shift, element - 1u);
    let beside_middle = load_window(beside && middle, word, shift, element);
    let beside_right = load_window(beside && right, word + 1u, shift, element + 1u);
    let below_left = load_window(below && left, word + up - 1u, shift, element + up - 1u);
    let below_middle = load_window(below && middle, word + up, shift, element + up);
    let below_right = load_window(below && right, word + up + 1u, shift, element + up + 1u);
    return mat4x4<f32>(
        vec4<f32>(
            grad_at(above_left, 3u), grad_at(above_middle, 2u),
            grad_at(above_middle, 3u), grad_at(above_right, 2u),
        ),
        vec4<f32>(
            grad_at(beside_left, 1u), grad_at(beside_middle, 0u),
            grad_at(beside_middle, 1u), grad_at(beside_right, 0u),
        ),
        vec4<f32>(
            grad_at(beside_left, 3u), grad_at(beside_middle, 2u),
            grad_at(beside_middle, 3u), grad_at(beside_right, 2u),
        ),
        vec4<f32>(
            grad_at(below_left, 1u), grad_at(below_middle, 0u),
            grad_at(below_middle, 1u), grad_at(below_right, 0u),
        ),
    );
}
