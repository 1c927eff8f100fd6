// Gradient of the input of conv + ReLU and, where there is one, 2x2 max-pool.
//
// The convolution's gradient is the output's at the winners (without a pool, where the ReLU is active) and
// zero elsewhere. It is expanded on the way into workgroup memory, never in a buffer, and convolved with the flipped
// kernel: grad_input[y, x] = sum over ky, kx of grad_conv[y + PADDING - ky, x + PADDING - kx] *
// weights[ky, kx]. The convolution is that of tiled_conv.wgsl or winograd_conv.wgsl, in which an
// invocation ends with blocks of 2x2 inputs, for four input channels.
//
// Needs sizes.wgsl and weights.wgsl.
//
// weights      [OUT_CHANNELS, IN_CHANNELS, KERNEL, KERNEL]
// argmax       [BATCH, ARGMAX_WORDS, POOLED_HEIGHT, POOLED_WIDTH], one byte per output channel
//              (see forward.wgsl)
// grad_output  [BATCH, OUT_CHANNELS, POOLED_HEIGHT, POOLED_WIDTH]
// grad_input   [BATCH, IN_CHANNELS, HEIGHT, WIDTH]

@group(0) @binding(0) var<storage, read_write> weights: array<f32>;
@group(0) @binding(1) var<storage, read_write> argmax: array<u32>;
@group(0) @binding(2) var<storage, read_write> grad_output: array<f32>;
@group(0) @binding(3) var<storage, read_write> grad_input: array<f32>;

const SUMMED_CHANNELS: u32 = OUT_CHANNELS;
const BLOCKS_DOWN: u32 = (HEIGHT + 1) / 2;
const BLOCKS_ACROSS: u32 = (WIDTH + 1) / 2;

fn start(channel: u32) -> vec4<f32> {
    return vec4<f32>(0.0);
}

fn store(block: Position, sums: mat4x4<f32>) {
    // Only a variable takes an index that is not constant.
    var values = sums;
    for (var c = 0u; c < 4u; c++) {
        let channel = block.channel + c;
        for (var position = 0u; position < 4u; position++) {
            let row = 2u * block.row + position / 2u;
            let column = 2u * block.column + position % 2u;
            if (channel < IN_CHANNELS && row < HEIGHT && column < WIDTH) {
                grad_input[((block.image * IN_CHANNELS + channel) * HEIGHT + row) * WIDTH + column] =
                    values[position][c];
            }
        }
    }
}
