// product[ROWS, COLUMNS] = a[ROWS, DEPTH] * b[DEPTH, COLUMNS]: what the linear layer's kernels share.
//
// The kernel's own file, which stands before this one, says what a, b and the product are:
//   ROWS, COLUMNS, DEPTH
//   A_ALONG_DEPTH, B_ALONG_DEPTH   whether an operand's neighbours in memory are neighbours along
//                                  the depth; otherwise they are along a's rows or b's columns
//   load_a(row, depth), load_b(column, depth)   four neighbours in memory, zeros outside
//   start(split, column)                        what the sums of four columns start from
//   store(split, row, column, sums)             takes four columns of the product
//
// One invocation computes 4 * QUADS x 4 * QUADS sums, in registers. One workgroup computes a tile
// of DOWN x ACROSS invocations; they share, through workgroup memory, TILE_DEPTH depths of both
// operands at a time. Few tiles are split along the depth, so that a large GPU has enough
// workgroups; each split is a product of its own, and sum_splits.wgsl takes their sum.
//
//   dispatch.x, dispatch.y  tiles, counted across, then down
//   dispatch.z              splits, of SPLIT_DEPTH depths each
//
// A quad is four neighbouring rows of a or columns of b. Its part of a tile is TILE_DEPTH vectors:
// [4][TILE_DEPTH / 4] for an operand along the depth, else [TILE_DEPTH]. So operands are staged as
// they lie in memory, and turning a 4 x 4 block around is left to registers, where it is free.

const DOWN: u32 = {{ down }};
const ACROSS: u32 = {{ across }};
const QUADS: u32 = {{ quads }};
const TILE_DEPTH: u32 = {{ tile_depth }};
const SPLIT_DEPTH: u32 = {{ split_depth }};
const TILES_ACROSS: u32 = {{ tiles_across }};

const INVOCATIONS: u32 = DOWN * ACROSS;
const TILE_ROW_QUADS: u32 = DOWN * QUADS;
const TILE_COLUMN_QUADS: u32 = ACROSS * QUADS;
// 4 x 4 blocks of a quad.
const BLOCKS: u32 = TILE_DEPTH / 4;
// Odd, so that invocations that read neighbouring quads use different memory banks.
const QUAD_PITCH: u32 = TILE_DEPTH + 1;

// [TILE_ROW_QUADS][QUAD_PITCH]
var<workgroup> a_tile: array<vec4<f32>, TILE_ROW_QUADS * QUAD_PITCH>;
// [TILE_COLUMN_QUADS][QUAD_PITCH]
var<workgroup> b_tile: array<vec4<f32>, TILE_COLUMN_QUADS * QUAD_PITCH>;

// The i-th vector to stage of a tile: its row (column), its depth, and its offset in the tile.
struct Staged {
    line: u32,
    depth: u32,
    offset: u32,
}

fn staged(i: u32, quads: u32, along_depth: bool) -> Staged {
    // Neighbouring invocations read neighbouring vectors.
    if (along_depth) {
        let line = i / BLOCKS;
        let block = i % BLOCKS;
        return Staged(line, 4u * block, line / 4u * QUAD_PITCH + line % 4u * BLOCKS + block);
    }
    let quad = i % quads;
    let depth = i / quads;
    return Staged(4u * quad, depth, quad * QUAD_PITCH + depth);
}

// Where the i-th vector of a block is.
fn offset(quad: u32, block: u32, i: u32, along_depth: bool) -> u32 {
    return quad * QUAD_PITCH + select(4u * block + i, i * BLOCKS + block, along_depth);
}

// Four depths of four rows, one vector per row.
fn a_block(quad: u32, block: u32) -> mat4x4<f32> {
    let vectors = mat4x4<f32>(
        a_tile[offset(quad, block, 0u, A_ALONG_DEPTH)],
        a_tile[offset(quad, block, 1u, A_ALONG_DEPTH)],
        a_tile[offset(quad, block, 2u, A_ALONG_DEPTH)],
        a_tile[offset(quad, block, 3u, A_ALONG_DEPTH)],
    );
    if (A_ALONG_DEPTH) {
        return vectors;
    }
    return transpose(vectors);
}

// Four depths of four columns, one vector per depth.
fn b_block(quad: u32, block: u32) -> mat4x4<f32> {
    let vectors = mat4x4<f32>(
        b_tile[offset(quad, block, 0u, B_ALONG_DEPTH)],
        b_tile[offset(quad, block, 1u, B_ALONG_DEPTH)],
        b_tile[offset(quad, block, 2u, B_ALONG_DEPTH)],
        b_tile[offset(quad, block, 3u, B_ALONG_DEPTH)],
    );
    if (B_ALONG_DEPTH) {
        return transpose(vectors);
    }
    return vectors;
}

// Adds to the sums of one row, for four columns, what four depths contribute.
fn add_row(row: vec4<f32>, b: mat4x4<f32>, sums: vec4<f32>) -> vec4<f32> {
    var total = fma(vec4<f32>(row.x), b[0], sums);
    total = fma(vec4<f32>(row.y), b[1], total);
    total = fma(vec4<f32>(row.z), b[2], total);
    return fma(vec4<f32>(row.w), b[3], total);
}

// The same for four rows. Not `sums + b * a`: the built-in product takes one more addition.
fn add_product(a: mat4x4<f32>, b: mat4x4<f32>, sums: mat4x4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(
        add_row(a[0], b, sums[0]),
        add_row(a[1], b, sums[1]),
        add_row(a[2], b, sums[2]),
        add_row(a[3], b, sums[3]),
    );
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let down = local / ACROSS;
    let across = local % ACROSS;
    let tile = workgroup.y * workgroups.x + workgroup.x;
    let first_row = tile / TILES_ACROSS * TILE_ROW_QUADS * 4u;
    let first_column = tile % TILES_ACROSS * TILE_COLUMN_QUADS * 4u;
    let split = workgroup.z;

    // [quad of rows][quad of columns][row]. Every index of these is known once the loops over them
    // are unrolled, so that compilers keep them in registers.
    var sums: array<array<mat4x4<f32>, QUADS>, QUADS>;
    for (var j = 0u; j < QUADS; j++) {
        let sum = start(split, first_column + 4u * (j * ACROSS + across));
        for (var i = 0u; i < QUADS; i++) {
            sums[i][j] = mat4x4<f32>(sum, sum, sum, sum);
        }
    }

    let last_depth = min((split + 1u) * SPLIT_DEPTH, DEPTH);
    for (var first_depth = split * SPLIT_DEPTH; first_depth < last_depth; first_depth += TILE_DEPTH) {
        for (var i = local; i < TILE_ROW_QUADS * TILE_DEPTH; i += INVOCATIONS) {
            let next = staged(i, TILE_ROW_QUADS, A_ALONG_DEPTH);
            a_tile[next.offset] = load_a(first_row + next.line, first_depth + next.depth);
        }
        for (var i = local; i < TILE_COLUMN_QUADS * TILE_DEPTH; i += INVOCATIONS) {
            let next = staged(i, TILE_COLUMN_QUADS, B_ALONG_DEPTH);
            b_tile[next.offset] = load_b(first_column + next.line, first_depth + next.depth);
        }
        workgroupBarrier();

        for (var block = 0u; block < BLOCKS; block++) {
            var b: array<mat4x4<f32>, QUADS>;
            for (var j = 0u; j < QUADS; j++) {
                b[j] = b_block(j * ACROSS + across, block);
            }
            for (var i = 0u; i < QUADS; i++) {
                let a = a_block(i * DOWN + down, block);
                for (var j = 0u; j < QUADS; j++) {
                    sums[i][j] = add_product(a, b[j], sums[i][j]);
                }
            }
        }
        workgroupBarrier();
    }

    for (var i = 0u; i < QUADS; i++) {
        for (var j = 0u; j < QUADS; j++) {
            let row = first_row + 4u * (i * DOWN + down);
            let column = first_column + 4u * (j * ACROSS + across);
            store(split, row, column, sums[i][j][0]);
            store(split, row + 1u, column, sums[i][j][1]);
            store(split, row + 2u, column, sums[i][j][2]);
            store(split, row + 3u, column, sums[i][j][3]);
        }
    }
}
