// The gradients of a segment for grad_weight.wgsl where there is a pool: its blocks are windows, each with
// a gradient at its winner. Needs grad_weight.wgsl.

// [SEGMENT][BLOCK_VECTORS]
var<workgroup> argmax_segment: array<u32, SEGMENT * BLOCK_VECTORS>;

fn stage_grads(image: u32, row: u32, first_window: u32, first_channel: u32, local: u32) {
    for (var i = local; i < SEGMENT * BLOCK_VECTORS; i += INVOCATIONS) {
        // Neighbouring invocations read neighbouring columns.
        let window = i % SEGMENT;
        let vector = i / SEGMENT;
        let channel = first_channel + vector * 4u;
        let place = window * BLOCK_VECTORS + vector;
        argmax_segment[place] = load_argmax(image, channel, row, first_window + window);
        grad_segment[place] = load_grads(image, channel, row, first_window + window);
    }
}

fn winners_at(place: u32, position: u32) -> u32 {
    return argmax_segment[place];
}
