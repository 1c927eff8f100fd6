// What forward.wgsl does with a block of sums where there is no pool: each is an output. The last blocks
// of an odd row or column reach beyond the image. Needs forward.wgsl.

fn store(block: Position, sums: mat4x4<f32>) {
    // Only a variable takes an index that is not constant.
    var values = sums;
    for (var position = 0u; position < 4u; position++) {
        let row = 2u * block.row + position / 2u;
        let column = 2u * block.column + position % 2u;
        let at = position_at(block.image, block.channel, row, column);
        store_output(at, values[position], vec4<u32>(0u));
    }
}
