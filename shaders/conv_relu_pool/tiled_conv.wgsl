// A convolution ("same" zero padding, stride 1) in tiles: what forward.wgsl and grad_input.wgsl share.
//
// Needs sizes.wgsl and weights.wgsl, and the kernel's own two files, which stand before this one and
// say what is convolved and what becomes of the outputs:
//   SUMMED_CHANNELS                          the channels that an output is a sum over
//   BLOCKS_ACROSS                            2x2 blocks of outputs in a row of the image
//   stage_tile(position, first, local)       fills `tile` with the values under the outputs at a
//                                            position, in the summed channels from the first on
//   stage_weights(position, first, local)    fills `weight_tile` with the weights between the same
//   start(channel)                           what the sums of four channels start from
//   store(position, sums)                    takes a 2x2 block of outputs of four channels
//
// One invocation computes a run of RUN blocks of 2x2 outputs below each other, for four channels,
// in registers.
//
// One workgroup computes a tile of TILE_HEIGHT x TILE_WIDTH runs of one image, for 4 * GROUPS
// channels. Its invocations share, through workgroup memory, the values under the tile and the
// weights of CHANNEL_BLOCK of the summed channels at a time.
//
//   dispatch.x  tiles of the image, row-major     dispatch.y  blocks of 4 * GROUPS channels
//   dispatch.z  images
//
// Why this tiling: multiply-adds are cheap where their operands are in registers. For each summed
// channel, an invocation with k = 3 and RUN = 4 reads 9 weight vectors and 20 pairs of values for
// 576 multiply-adds. The weights are transposed, so that the four channels of an invocation are
// one vector, which all invocations of a group read at once. A block starts at column
// 2 * x - PADDING, so the values are kept as pairs of columns, and an invocation reads whole pairs;
// its neighbours read the neighbouring ones.

const TILE_HEIGHT: u32 = {{ tile_height }};
const TILE_WIDTH: u32 = {{ tile_width }};
const GROUPS: u32 = {{ groups }};
const RUN: u32 = {{ run }};
const CHANNEL_BLOCK: u32 = {{ channel_block }};

// Column pairs that one block reads of a row.
const ROW_PAIRS: u32 = (KERNEL + 1) / 2;
const TILE_ROWS: u32 = 2 * TILE_HEIGHT * RUN + KERNEL - 1;
const TILE_PAIRS: u32 = TILE_WIDTH + (KERNEL - 1) / 2;
// Lengths of rows in workgroup memory. Odd, so that invocations that read (runs below each other)
// or write (weights) the same column use different memory banks.
const TILE_PITCH: u32 = TILE_PAIRS | 1;
const WEIGHT_PITCH: u32 = GROUPS | 1;
const TILE_SIZE: u32 = TILE_ROWS * TILE_PITCH;
const TILES_ACROSS: u32 = (BLOCKS_ACROSS + TILE_WIDTH - 1) / TILE_WIDTH;

const RUNS: u32 = TILE_HEIGHT * TILE_WIDTH;
const INVOCATIONS: u32 = RUNS * GROUPS;

// [CHANNEL_BLOCK][TILE_ROWS][TILE_PITCH]
var<workgroup> tile: array<vec2<f32>, CHANNEL_BLOCK * TILE_SIZE>;
// [CHANNEL_BLOCK][TAPS][WEIGHT_PITCH]
var<workgroup> weight_tile: array<vec4<f32>, CHANNEL_BLOCK * TAPS * WEIGHT_PITCH>;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let tile_position = position_at(
        workgroup.z,
        workgroup.y * GROUPS * 4u,
        workgroup.x / TILES_ACROSS * TILE_HEIGHT * RUN,
        workgroup.x % TILES_ACROSS * TILE_WIDTH,
    );
    let run_row = local % RUNS / TILE_WIDTH * RUN;
    let run_column = local % TILE_WIDTH;
    let group = local / RUNS;
    let channel = tile_position.channel + group * 4u;

    // Every index of this array is known once the loops over it are unrolled, so that compilers
    // keep it in registers.
    var sums: array<mat4x4<f32>, RUN>;
    let first_sums = start(channel);
    for (var block = 0u; block < RUN; block++) {
        for (var position = 0u; position < 4u; position++) {
            sums[block][position] = first_sums;
        }
    }

    for (var first = 0u; first < SUMMED_CHANNELS; first += CHANNEL_BLOCK) {
        stage_tile(tile_position, first, local);
        stage_weights(tile_position, first, local);
        workgroupBarrier();

        for (var summed = 0u; summed < CHANNEL_BLOCK; summed++) {
            // The rows under the blocks for one row of the kernel; they slide down with it.
            var rows: array<array<f32, KERNEL + 1>, 2 * RUN>;
            var row_start = summed * TILE_SIZE + 2u * run_row * TILE_PITCH + run_column;
            for (var row = 1u; row < 2 * RUN; row++) {
                for (var pair = 0u; pair < ROW_PAIRS; pair++) {
                    let values = tile[row_start + pair];
                    rows[row][2u * pair] = values.x;
                    rows[row][2u * pair + 1u] = values.y;
                }
                row_start += TILE_PITCH;
            }
            var tap = summed * TAPS * WEIGHT_PITCH + group;
            for (var ky = 0u; ky < KERNEL; ky++) {
                for (var row = 1u; row < 2 * RUN; row++) {
                    rows[row - 1u] = rows[row];
                }
                for (var pair = 0u; pair < ROW_PAIRS; pair++) {
                    let values = tile[row_start + pair];
                    rows[2 * RUN - 1][2u * pair] = values.x;
                    rows[2 * RUN - 1][2u * pair + 1u] = values.y;
                }
                row_start += TILE_PITCH;
                var taps: array<vec4<f32>, KERNEL>;
                for (var kx = 0u; kx < KERNEL; kx++) {
                    taps[kx] = weight_tile[tap];
                    tap += WEIGHT_PITCH;
                }
                for (var block = 0u; block < RUN; block++) {
                    for (var position = 0u; position < 4u; position++) {
                        for (var kx = 0u; kx < KERNEL; kx++) {
                            let value = rows[2u * block + position / 2u][position % 2u + kx];
                            sums[block][position] =
                                fma(vec4<f32>(value), taps[kx], sums[block][position]);
                        }
                    }
                }
            }
        }
        workgroupBarrier();
    }

    for (var block = 0u; block < RUN; block++) {
        let row = tile_position.row + run_row + block;
        let column = tile_position.column + run_column;
        store(position_at(tile_position.image, channel, row, column), sums[block]);
    }
}
