// A 3x3 convolution ("same" zero padding, stride 1) by Winograd's F(2x2, 3x3): what forward.wgsl and
// grad_input.wgsl share on a device of many processors. The 2x2 block of a transform is the
// pool's window, where there is a pool.
//
// Of winograd.wgsl, which stands after this one, an a is a block of 2x2 outputs of an image of the
// batch, row-major; a b is a channel; the depths are the channels that an output is a sum over.
//
// Needs sizes.wgsl and weights.wgsl, and the kernel's own two files, which stand before this one:
//   BATCH                         images
//   SUMMED_CHANNELS               the channels that an output is a sum over
//   BLOCKS_DOWN, BLOCKS_ACROSS    2x2 blocks of outputs of an image
//   load_patch(position)          the 4x4 values that a block sees, in one of the summed channels
//   load_tap(channel, summed, tap)   the weight between two channels
//   start(channel)                what the sums of four channels start from
//   store(position, sums)         takes a 2x2 block of outputs of four channels

const BLOCKS: u32 = BLOCKS_DOWN * BLOCKS_ACROSS;

fn position_of(block: u32, channel: u32) -> Position {
    let row = block / BLOCKS_ACROSS % BLOCKS_DOWN;
    return position_at(block / BLOCKS, channel, row, block % BLOCKS_ACROSS);
}

fn depths(split: u32) -> vec2<u32> {
    return vec2<u32>(0u, SUMMED_CHANNELS);
}

fn load_a(block: u32, summed: u32) -> mat4x4<f32> {
    return transform_patch(load_patch(position_of(block, summed)));
}

// A row of three weights, and 0.
fn load_tap_row(channel: u32, summed: u32, first: u32) -> vec4<f32> {
    return vec4<f32>(
        load_tap(channel, summed, first),
        load_tap(channel, summed, first + 1u),
        load_tap(channel, summed, first + 2u),
        0.0,
    );
}

// The transform of a row of weights.
fn weight_row(row: vec4<f32>) -> vec4<f32> {
    return vec4<f32>(row.x, 0.5 * (row.x + row.y + row.z), 0.5 * (row.x - row.y + row.z), row.z);
}

fn load_b(channel: u32, summed: u32) -> mat4x4<f32> {
    let upper = load_tap_row(channel, summed, 0u);
    let middle = load_tap_row(channel, summed, 3u);
    let lower = load_tap_row(channel, summed, 6u);
    return mat4x4<f32>(
        weight_row(upper),
        weight_row(vec4<f32>(0.5) * (upper + middle + lower)),
        weight_row(vec4<f32>(0.5) * (upper - middle + lower)),
        weight_row(lower),
    );
}

fn bias_of(values: mat4x4<f32>) -> f32 {
    return 0.0;
}

// The left or the right output of a row of products.
fn side_of(row: vec4<f32>, is_right: bool) -> f32 {
    if (is_right) {
        return row.y - row.z - row.w;
    }
    return row.x + row.y + row.z;
}

fn finish(tile: Tile, all_sums: Products, bias: f32) {
    // Only a variable takes an index that is not constant.
    var sums = all_sums.of_a;
    let channel = tile.first_b + 4u * tile.b;
    let first = start(channel);
    var outputs: mat4x4<f32>;
    for (var side = 0u; side < 2u; side++) {
        let is_right = side == 1u;
        var mine: mat4x4<f32>;
        for (var i = 0u; i < 4u; i++) {
            mine[i] = vec4<f32>(
                side_of(sums[i][0], is_right), side_of(sums[i][1], is_right),
                side_of(sums[i][2], is_right), side_of(sums[i][3], is_right),
            );
        }
        exchange(tile, mine);
        let middle = exchanged(tile, 1u);
        let other = exchanged(tile, 2u);
        outputs[side] = first + (exchanged(tile, 0u) + middle + other);
        outputs[2u + side] = first + (middle - other - exchanged(tile, 3u));
    }
    let position = position_of(tile.first_a + tile.row * A_QUADS + tile.a, channel);
    if (position.image < BATCH) {
        store(position, outputs);
    }
}
