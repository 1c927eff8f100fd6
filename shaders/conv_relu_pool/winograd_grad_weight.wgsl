// Gradient of the weights and the bias of conv + ReLU and, where there is one, 2x2 max-pool by Winograd's
// F(3x3, 2x2): partial sums, on a device of many processors.
//
// The 3x3 weights see a block of 2x2 convolution outputs over the block's 4x4 inputs. In transformed
// values that is 16 multiply-adds. Where the block is a window, which has a gradient at the winner and
// none beside it, grad_weight.wgsl takes 9 after 21 selects; without a pool it takes 36.
//
// Of winograd.wgsl, which stands after this one, an a is an input channel, a b is an output channel, and
// the depths are the blocks of the batch, row-major, of which each split sums SPLIT.
//
// Needs sizes.wgsl, input.wgsl and input_patch.wgsl, and one of winograd_grad_weight_pool.wgsl and
// winograd_grad_weight_relu.wgsl, which loads the gradients.
//
// input        [BATCH, IN_CHANNELS, HEIGHT, WIDTH]
// argmax       [BATCH, ARGMAX_WORDS, POOLED_HEIGHT, POOLED_WIDTH], one byte per output channel
//              (see forward.wgsl)
// grad_output  [BATCH, OUT_CHANNELS, POOLED_HEIGHT, POOLED_WIDTH]
// partials     [splits, OUT_CHANNELS * IN_CHANNELS * TAPS + OUT_CHANNELS]: weights, then bias

const SPLIT: u32 = {{ split }};
const IMAGE_BLOCKS: u32 = OUTPUT_BLOCKS_DOWN * OUTPUT_BLOCKS_ACROSS;
const BLOCKS: u32 = BATCH * IMAGE_BLOCKS;
const WEIGHTS: u32 = OUT_CHANNELS * IN_CHANNELS * TAPS;

@group(0) @binding(1) var<storage, read_write> argmax: array<u32>;
@group(0) @binding(2) var<storage, read_write> grad_output: array<f32>;
@group(0) @binding(3) var<storage, read_write> partials: array<f32>;

fn depths(split: u32) -> vec2<u32> {
    return vec2<u32>(split * SPLIT, min((split + 1u) * SPLIT, BLOCKS));
}

fn load_a(channel: u32, block: u32) -> mat4x4<f32> {
    let row = block / OUTPUT_BLOCKS_ACROSS % OUTPUT_BLOCKS_DOWN;
    return transform_patch(load_input_patch(block / IMAGE_BLOCKS, channel, row, block % OUTPUT_BLOCKS_ACROSS));
}

// The gradients themselves stand in the corners.
fn bias_of(values: mat4x4<f32>) -> f32 {
    return values[0].x + values[0].w + values[3].x + values[3].w;
}

// The left, middle or right weight of a row of products.
fn column_of(row: vec4<f32>, column: u32) -> f32 {
    if (column == 0u) {
        return row.x + row.y + row.z;
    }
    if (column == 1u) {
        return row.y - row.z;
    }
    return row.y + row.z - row.w;
}

fn finish(tile: Tile, all_sums: Products, bias: f32) {
    // Only a variable takes an index that is not constant.
    var sums = all_sums.of_a;
    let in_channel = tile.first_a + tile.row * A_QUADS + tile.a;
    let split_start = tile.split * (WEIGHTS + OUT_CHANNELS);
    for (var column = 0u; column < 3u; column++) {
        var mine: mat4x4<f32>;
        for (var i = 0u; i < 4u; i++) {
            mine[i] = vec4<f32>(
                column_of(sums[i][0], column), column_of(sums[i][1], column),
                column_of(sums[i][2], column), column_of(sums[i][3], column),
            );
        }
        exchange(tile, mine);
        let middle = exchanged(tile, 1u);
        let other = exchanged(tile, 2u);
        var taps: array<vec4<f32>, 3>;
        taps[0] = exchanged(tile, 0u) + middle + other;
        taps[1] = middle - other;
        taps[2] = middle + other - exchanged(tile, 3u);
        for (var j = 0u; j < 4u; j++) {
            let out_channel = tile.first_b + 4u * tile.b + j;
            if (in_channel < IN_CHANNELS && out_channel < OUT_CHANNELS) {
                let first = split_start + (out_channel * IN_CHANNELS + in_channel) * TAPS + column;
                for (var row = 0u; row < 3u; row++) {
                    partials[first + row * KERNEL] = taps[row][j];
                }
            }
        }
    }

    // Invocations that loaded the gradients of a channel are neighbours, DEPTH_BLOCK of them.
    workgroupBarrier();
    if (tile.local >= A_STAGED) {
        memory[tile.local - A_STAGED] = vec4<f32>(bias);
    }
    workgroupBarrier();
    let out_channel = tile.first_b + tile.local;
    if (tile.first_a == 0u && tile.local < B_TILE && out_channel < OUT_CHANNELS) {
        var sum = 0.0;
        for (var i = 0u; i < DEPTH_BLOCK; i++) {
            sum += memory[tile.local * DEPTH_BLOCK + i].x;
        }
        partials[split_start + WEIGHTS + out_channel] = sum;
    }
}
