// Gradient of the weights and the bias of conv + ReLU and, where there is one, 2x2 max-pool: partial sums.
//
// A block of 2x2 convolution outputs has GRADS gradients. With a pool it is a window, and at most one of
// the four has a gradient, none where the ReLU is inactive. So a window adds grad * (the KERNEL x KERNEL
// inputs under its winner) to the weight gradient of each output channel: a quarter of the dense
// arithmetic, which is what a block without a pool takes.
//
// One invocation computes, as one partial sum, the weights from one input channel to
// CHANNELS = 4 * VECTORS output channels, in registers. It loads all inputs under a block once,
// for all its output channels, and for each gradient selects the KERNEL x KERNEL under the winner.
//
// One workgroup computes LANES input channels x GROUPS * CHANNELS output channels. Its
// invocations share, through workgroup memory, the inputs and gradients of a segment (SEGMENT
// blocks of a row) at a time; SLICES of them share out its blocks where input channels alone
// would leave the workgroup small. Neighbouring invocations are neighbouring input channels
// and read neighbouring words.
//
//   dispatch.x  blocks of input channels     dispatch.y  blocks of output channels
//   dispatch.z  splits: each adds SEGMENTS_PER_SPLIT segments, in order, and the sums of its slices
//
// Needs sizes.wgsl and input.wgsl, and one of grad_weight_pool.wgsl and grad_weight_relu.wgsl, which stand
// after this one:
//   stage_grads(image, row, first, channel, local)   fills `grad_segment` with the gradients of the blocks
//                                                    of a row and the channels from the first ones on
//   winners_at(place, position)                      a byte for each of the four gradients at a place of it:
//                                                    their position in the block, or INACTIVE
//
// input        [BATCH, IN_CHANNELS, HEIGHT, WIDTH]
// argmax       [BATCH, ARGMAX_WORDS, POOLED_HEIGHT, POOLED_WIDTH], one byte per output channel
//              (see forward.wgsl)
// grad_output  [BATCH, OUT_CHANNELS, POOLED_HEIGHT, POOLED_WIDTH]
// partials     [splits, OUT_CHANNELS * IN_CHANNELS * TAPS + OUT_CHANNELS]: weights, then bias
//
// Why select: a winner cannot index registers. For k = 3, 21 selects stand before 9 multiply-adds. (Without
// a pool winners are constants once the loops are unrolled, and no select is left.)
// Branching on the winner needs none, but took 13 times as long under software Vulkan (398 against
// 31 ms: 32 -> 64 channels, 14x14, batch 128).

const BATCH: u32 = {{ batch }};
const LANES: u32 = {{ lanes }};
const GROUPS: u32 = {{ groups }};
const SLICES: u32 = {{ slices }};
const VECTORS: u32 = {{ vectors }};
const SEGMENT: u32 = {{ segment }};
const SEGMENTS_PER_SPLIT: u32 = {{ segments_per_split }};

const WEIGHTS: u32 = OUT_CHANNELS * IN_CHANNELS * TAPS;

// The convolution's inputs under one block: rows of column pairs.
const INPUT_ROWS: u32 = KERNEL + 1;
const INPUT_PAIRS: u32 = (KERNEL + 1) / 2;
// Blocks of a segment that one slice computes. Every slice starts inside the segment.
const SLICE: u32 = (SEGMENT + SLICES - 1) / SLICES;
const SEGMENT_PAIRS: u32 = SEGMENT + INPUT_PAIRS - 1;
// Odd, so that invocations that write different inputs of one channel use different memory banks.
const LANE_PITCH: u32 = LANES | 1;
const SEGMENTS_ACROSS: u32 = (OUTPUT_BLOCKS_ACROSS + SEGMENT - 1) / SEGMENT;
const SEGMENTS: u32 = BATCH * OUTPUT_BLOCKS_DOWN * SEGMENTS_ACROSS;
// Gradients of a block, for each output channel.
const GRADS: u32 = 4 / (POOL * POOL);

const CHANNELS: u32 = 4 * VECTORS;
const INVOCATIONS: u32 = LANES * GROUPS * SLICES;
const BLOCK_VECTORS: u32 = GROUPS * VECTORS;
const ALL_INACTIVE: u32 = 0x01010101 * INACTIVE;

@group(0) @binding(1) var<storage, read_write> argmax: array<u32>;
@group(0) @binding(2) var<storage, read_write> grad_output: array<f32>;
@group(0) @binding(3) var<storage, read_write> partials: array<f32>;

// [INPUT_ROWS][SEGMENT_PAIRS][LANE_PITCH]
var<workgroup> input_segment: array<vec2<f32>, INPUT_ROWS * SEGMENT_PAIRS * LANE_PITCH>;
// [SEGMENT][GRADS][BLOCK_VECTORS]
var<workgroup> grad_segment: array<vec4<f32>, SEGMENT * GRADS * BLOCK_VECTORS>;
// With several slices the sums of one output channel of all invocations, [TAPS + 1][INVOCATIONS]: weights,
// then bias.
var<workgroup> slice_sums: array<f32, {{ slice_sums }}>;

// The argmax of four channels of the output.
fn load_argmax(image: u32, channel: u32, row: u32, column: u32) -> u32 {
    if (channel >= OUT_CHANNELS || row >= POOLED_HEIGHT || column >= POOLED_WIDTH) {
        return ALL_INACTIVE;
    }
    return argmax[(image * ARGMAX_WORDS + channel / 4u) * POOLED + row * POOLED_WIDTH + column];
}

fn load_grad(image: u32, channel: u32, row: u32, column: u32) -> f32 {
    if (channel >= OUT_CHANNELS || row >= POOLED_HEIGHT || column >= POOLED_WIDTH) {
        return 0.0;
    }
    return grad_output[(image * OUT_CHANNELS + channel) * POOLED + row * POOLED_WIDTH + column];
}

// The gradients of the output in four channels.
fn load_grads(image: u32, channel: u32, row: u32, column: u32) -> vec4<f32> {
    return vec4<f32>(
        load_grad(image, channel, row, column),
        load_grad(image, channel + 1u, row, column),
        load_grad(image, channel + 2u, row, column),
        load_grad(image, channel + 3u, row, column),
    );
}

// The weight of a tap, or the bias after the last one, of the c-th output channel of an invocation.
fn store(workgroup: vec3<u32>, invocation: u32, c: u32, tap: u32, sum: f32) {
    let in_channel = workgroup.x * LANES + invocation % LANES;
    let group = invocation / LANES % GROUPS;
    let out_channel = workgroup.y * BLOCK_VECTORS * 4u + group * CHANNELS + c;
    if (out_channel >= OUT_CHANNELS || in_channel >= IN_CHANNELS) {
        return;
    }
    let start = workgroup.z * (WEIGHTS + OUT_CHANNELS);
    if (tap < TAPS) {
        partials[start + (out_channel * IN_CHANNELS + in_channel) * TAPS + tap] = sum;
    } else if (in_channel == 0u) {
        partials[start + WEIGHTS + out_channel] = sum;
    }
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let lane = local % LANES;
    let group = local / LANES % GROUPS;
    let slice = local / (LANES * GROUPS);
    let first_in_channel = workgroup.x * LANES;
    let first_out_channel = workgroup.y * BLOCK_VECTORS * 4u;

    // Every index of these arrays is known once the loops over them are unrolled, so that
    // compilers keep them in registers.
    var weight_sums: array<array<array<f32, KERNEL>, KERNEL>, CHANNELS>;
    var bias_sums: array<f32, CHANNELS>;
    for (var channel = 0u; channel < CHANNELS; channel++) {
        bias_sums[channel] = 0.0;
        for (var ky = 0u; ky < KERNEL; ky++) {
            for (var kx = 0u; kx < KERNEL; kx++) {
                weight_sums[channel][ky][kx] = 0.0;
            }
        }
    }

    let first_segment = workgroup.z * SEGMENTS_PER_SPLIT;
    let last_segment = min(first_segment + SEGMENTS_PER_SPLIT, SEGMENTS);
    for (var segment = first_segment; segment < last_segment; segment++) {
        let image = segment / (OUTPUT_BLOCKS_DOWN * SEGMENTS_ACROSS);
        let block_row = segment / SEGMENTS_ACROSS % OUTPUT_BLOCKS_DOWN;
        let first_block = segment % SEGMENTS_ACROSS * SEGMENT;

        for (var i = local; i < INPUT_ROWS * SEGMENT_PAIRS * LANES; i += INVOCATIONS) {
            // Neighbouring invocations read neighbouring columns.
            let pair = i % SEGMENT_PAIRS;
            let row = i / SEGMENT_PAIRS % INPUT_ROWS;
            let channel = i / (SEGMENT_PAIRS * INPUT_ROWS);
            let y = i32(2u * block_row + row) - i32(PADDING);
            let x = i32(2u * (first_block + pair)) - i32(PADDING);
            input_segment[(row * SEGMENT_PAIRS + pair) * LANE_PITCH + channel] =
                load_input_pair(image, first_in_channel + channel, y, x);
        }
        stage_grads(image, block_row, first_block, first_out_channel, local);
        workgroupBarrier();

        // All inputs under a block. They slide along with it: it shares all columns but two with
        // the block before.
        var inputs: array<array<f32, KERNEL + 1>, INPUT_ROWS>;
        let start = slice * SLICE;
        for (var row = 0u; row < INPUT_ROWS; row++) {
            for (var pair = 0u; pair < INPUT_PAIRS - 1u; pair++) {
                let both = input_segment[(row * SEGMENT_PAIRS + start + pair) * LANE_PITCH + lane];
                inputs[row][2u * pair + 2u] = both.x;
                inputs[row][2u * pair + 3u] = both.y;
            }
        }
        for (var block = start; block < min(start + SLICE, SEGMENT); block++) {
            for (var row = 0u; row < INPUT_ROWS; row++) {
                for (var x = 0u; x < KERNEL - 1u; x++) {
                    inputs[row][x] = inputs[row][x + 2u];
                }
                let both = input_segment[(row * SEGMENT_PAIRS + block + INPUT_PAIRS - 1u) * LANE_PITCH + lane];
                inputs[row][KERNEL - 1u] = both.x;
                inputs[row][KERNEL] = both.y;
            }
            for (var vector = 0u; vector < VECTORS; vector++) {
                for (var position = 0u; position < GRADS; position++) {
                    let place = (block * GRADS + position) * BLOCK_VECTORS + group * VECTORS + vector;
                    let winners = winners_at(place, position);
                    let grads = grad_segment[place];
                    for (var c = 0u; c < 4u; c++) {
                        let winner = (winners >> (8u * c)) & 0xffu;
                        let grad = grads[c];
                        let channel = vector * 4u + c;
                        if (winner < INACTIVE) {
                            bias_sums[channel] += grad;
                            for (var ky = 0u; ky < KERNEL; ky++) {
                                var row: array<f32, KERNEL + 1>;
                                for (var x = 0u; x < KERNEL + 1u; x++) {
                                    row[x] = select(inputs[ky][x], inputs[ky + 1u][x], winner >= 2u);
                                }
                                for (var kx = 0u; kx < KERNEL; kx++) {
                                    let value = select(row[kx], row[kx + 1u], (winner & 1u) == 1u);
                                    weight_sums[channel][ky][kx] = fma(grad, value, weight_sums[channel][ky][kx]);
                                }
                            }
                        }
                    }
                }
            }
        }
        workgroupBarrier();
    }

    for (var c = 0u; c < CHANNELS; c++) {
        if (SLICES == 1u) {
            for (var ky = 0u; ky < KERNEL; ky++) {
                for (var kx = 0u; kx < KERNEL; kx++) {
                    store(workgroup, local, c, ky * KERNEL + kx, weight_sums[c][ky][kx]);
                }
            }
            store(workgroup, local, c, TAPS, bias_sums[c]);
        } else {
            for (var ky = 0u; ky < KERNEL; ky++) {
                for (var kx = 0u; kx < KERNEL; kx++) {
                    slice_sums[(ky * KERNEL + kx) * INVOCATIONS + local] = weight_sums[c][ky][kx];
                }
            }
            slice_sums[TAPS * INVOCATIONS + local] = bias_sums[c];
            workgroupBarrier();
            for (var i = local; i < (TAPS + 1) * LANES * GROUPS; i += INVOCATIONS) {
                let tap = i / (LANES * GROUPS);
                let first = i % (LANES * GROUPS);
                var sum = slice_sums[tap * INVOCATIONS + first];
                for (var other = 1u; other < SLICES; other++) {
                    sum += slice_sums[tap * INVOCATIONS + other * LANES * GROUPS + first];
                }
                store(workgroup, first, c, tap, sum);
            }
            workgroupBarrier();
        }
    }
}
