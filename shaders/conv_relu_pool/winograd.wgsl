// Sums of element-wise products of transformed 4x4 values: what the three kernels of the block share
// where they convolve by Winograd's F(2x2, 3x3) and F(3x3, 2x2), after Lavin & Gray, "Fast Algorithms
// for Convolutional Neural Networks" (2016). The 36 multiply-adds of a 2x2 block of outputs become 16.
//
// The kernel's own files, which stand before this one, say what is multiplied and what becomes of it:
//   load_a(line, depth), load_b(line, depth)   transformed 4x4 values of an a or a b, which its number (line)
//                                              tells, by rows
//   depths(split)                              the first depth of a split's sums, and the one after
//                                              its last
//   bias_of(values)                            what a b adds to its line's bias; 0 where there is none
//   finish(tile, sums, bias)                   takes 4 x 4 sums of a and b
//
// One invocation sums, over the depths, one row of the products of four a and four b, in registers:
// each value that it reads takes part in 4 multiply-adds. One workgroup computes a tile of
// 4 * A_QUADS x 4 * B_QUADS of them. Its invocations share, through workgroup memory, the values of
// DEPTH_BLOCK depths at a time, and each of them is loaded and transformed once. Neighbouring invocations
// are neighbouring quads of a, then of b, then rows.
//
//   dispatch.x, dispatch.y  tiles, counted along a, then along b     dispatch.z  splits

const A_QUADS: u32 = {{ a_quads }};
const B_QUADS: u32 = {{ b_quads }};
const DEPTH_BLOCK: u32 = {{ depth_block }};
// Along a.
const A_TILES: u32 = {{ a_tiles }};

const A_TILE: u32 = 4 * A_QUADS;
const B_TILE: u32 = 4 * B_QUADS;
const QUADS: u32 = A_QUADS * B_QUADS;
const INVOCATIONS: u32 = 4 * QUADS;
const A_STAGED: u32 = DEPTH_BLOCK * A_TILE;
const B_STAGED: u32 = DEPTH_BLOCK * B_TILE;

// Where an invocation's sums lie.
struct Tile {
    // The first a and b of its workgroup.
    first_a: u32,
    first_b: u32,
    // Its quads in the workgroup: it has a + 0, 1, 2, 3 * A_QUADS, and 4 * b + 0, 1, 2, 3.
    a: u32,
    b: u32,
    // Its row of the products.
    row: u32,
    split: u32,
    local: u32,
}

// Sums of products: for each of four a, of four b.
struct Products {
    of_a: array<mat4x4<f32>, 4>,
}

// Rows of a, [DEPTH_BLOCK][4][A_TILE], and of b, [DEPTH_BLOCK][4][4][B_QUADS]; at the end, what
// invocations of different rows exchange, [16][QUADS].
var<workgroup> memory: array<vec4<f32>, {{ memory }}>;

// Both transforms of a row of a patch.
fn patch_row(row: vec4<f32>) -> vec4<f32> {
    return vec4<f32>(row.x - row.z, row.y + row.z, row.z - row.y, row.y - row.w);
}

fn transform_patch(values: mat4x4<f32>) -> mat4x4<f32> {
    return mat4x4<f32>(
        patch_row(values[0] - values[2]),
        patch_row(values[1] + values[2]),
        patch_row(values[2] - values[1]),
        patch_row(values[1] - values[3]),
    );
}

fn stage(first: u32, pitch: u32, values: mat4x4<f32>) {
    memory[first] = values[0];
    memory[first + pitch] = values[1];
    memory[first + 2u * pitch] = values[2];
    memory[first + 3u * pitch] = values[3];
}

// Shows `mine`, which an invocation knows for each of its four a, for four b, of its own row of the
// products, to the invocations of the other rows.
fn exchange(tile: Tile, mine: mat4x4<f32>) {
    // Only a variable takes an index that is not constant.
    var values = mine;
    workgroupBarrier();
    for (var i = 0u; i < 4u; i++) {
        memory[(i * 4u + tile.row) * QUADS + tile.local % QUADS] = values[i];
    }
    workgroupBarrier();
}

// What the invocation of a row showed of the a that has the number of this invocation's row.
fn exchanged(tile: Tile, row: u32) -> vec4<f32> {
    return memory[(tile.row * 4u + row) * QUADS + tile.local % QUADS];
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let number = workgroup.y * workgroups.x + workgroup.x;
    var tile = Tile();
    tile.first_a = number % A_TILES * A_TILE;
    tile.first_b = number / A_TILES * B_TILE;
    tile.a = local % A_QUADS;
    tile.b = local / A_QUADS % B_QUADS;
    tile.row = local / QUADS;
    tile.split = workgroup.z;
    tile.local = local;
    // Every index of this array is known once the loops over it are unrolled, so that compilers
    // keep it in registers.
    var sums: Products;
    for (var i = 0u; i < 4u; i++) {
        for (var j = 0u; j < 4u; j++) {
            sums.of_a[i][j] = vec4<f32>(0.0);
        }
    }
    var bias = 0.0;

    let range = depths(workgroup.z);
    for (var first = range.x; first < range.y; first += DEPTH_BLOCK) {
        // Some invocations load a while others load b.
        for (var i = local; i < A_STAGED + B_STAGED; i += INVOCATIONS) {
            if (i < A_STAGED) {
                let line = i % A_TILE;
                let depth = i / A_TILE;
                stage(depth * 4u * A_TILE + line, A_TILE, load_a(tile.first_a + line, first + depth));
            } else {
                let depth = i % DEPTH_BLOCK;
                let line = i / DEPTH_BLOCK - A_TILE;
                let values = load_b(tile.first_b + line, first + depth);
                bias += bias_of(values);
                // So that invocations of neighbouring quads read neighbours.
                let place = line % 4u * B_QUADS + line / 4u;
                stage(4u * A_STAGED + depth * 4u * B_TILE + place, B_TILE, values);
            }
        }
        workgroupBarrier();

        // As many as there are: a loop of a length that compilers do not know leaves more registers.
        let staged = min(DEPTH_BLOCK, range.y - first);
        for (var depth = 0u; depth < staged; depth++) {
            let row = depth * 4u + tile.row;
            var b: mat4x4<f32>;
            for (var j = 0u; j < 4u; j++) {
                b[j] = memory[4u * A_STAGED + row * B_TILE + j * B_QUADS + tile.b];
            }
            for (var i = 0u; i < 4u; i++) {
                let a = memory[row * A_TILE + i * A_QUADS + tile.a];
                for (var j = 0u; j < 4u; j++) {
                    sums.of_a[i][j] = fma(a, b[j], sums.of_a[i][j]);
                }
            }
        }
        workgroupBarrier();
    }
    finish(tile, sums, bias);
}
