// The gradients of a segment for grad_weight.wgsl where there is no pool: each at its own position of its
// block, and 0 where the ReLU is inactive. Needs grad_weight.wgsl.

fn stage_grads(image: u32, block_row: u32, first_block: u32, first_channel: u32, local: u32) {
    for (var i = local; i < SEGMENT * GRADS * BLOCK_VECTORS; i += INVOCATIONS) {
        // Neighbouring invocations read neighbouring columns.
        let x = i % (2 * SEGMENT);
        let y = i / (2 * SEGMENT) % 2u;
        let vector = i / (GRADS * SEGMENT);
        let row = 2u * block_row + y;
        let column = 2u * first_block + x;
        let channel = first_channel + vector * 4u;
        let words = vec4<u32>(load_argmax(image, channel, row, column));
        let inactive = ((words >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(0xffu)) == vec4<u32>(INACTIVE);
        let grads = load_grads(image, channel, row, column);
        grad_segment[(x / 2u * GRADS + 2u * y + x % 2u) * BLOCK_VECTORS + vector] =
            select(grads, vec4<f32>(0.0), inactive);
    }
}

fn winners_at(place: u32, position: u32) -> u32 {
    return 0x01010101u * position;
}
