//! The plain forms: a convolution in tiles, and weight gradients of the inputs under each winner.

use super::{GradWeight, MAX_PARTIALS, PAIR_BYTES, VECTOR, VECTOR_BYTES, WORKGROUP_BYTES};
use crate::device::AdapterClass;
use crate::ops::conv_relu_pool::BlockShape;
use crate::ops::wgsl::{Launch, grid, template};

/// Splits `len` into as few parts of at most `max` as possible; returns the length of an even part.
fn even_part(len: usize, max: usize) -> usize {
    len.div_ceil(len.div_ceil(max))
}

/// How forward and input gradient tile their outputs: as 2×2 blocks of an image, for vectors of
/// four channels.
///
/// Measured under software Vulkan at the model's second block (32→64, 14×14, batch 64), with runs
/// of 1, 2 or 4 blocks × 1 or 2 vectors of channels in an invocation's registers:
///
/// | blocks × vectors | 1 × 1 | 1 × 2 | 2 × 1 | 2 × 2 | 4 × 1 | 4 × 2 |
/// | --- | --- | --- | --- | --- | --- | --- |
/// | ms | 42 | 35 | 36 | 30 | 26 | 40 |
///
/// Every shape takes the tiled form. Reading inputs and weights straight from the buffers takes
/// longer even with one input channel: 5.6 against 3.5 ms (1→32, 28×28, batch 128), and 68 against
/// 48 ms at the second block.
struct Tiling {
    /// Blocks below each other in an invocation.
    run: usize,
    /// Runs down and across a tile, and groups of channels in a workgroup.
    height: usize,
    width: usize,
    groups: usize,
    /// Input channels (for the input gradient, output channels) in workgroup memory at a time.
    channel_block: usize,
    grid: [u32; 3],
}

/// Runs of four blocks, and tiles of at most 8×8 blocks: with eight groups that is at most 128 invocations.
const SOFTWARE_RUN: usize = 4;
/// A GPU has more invocations, each with fewer sums in its registers. Tiles of 8×8 runs; for the model's first block
/// 7×7, which leave no invocation idle (simulated for an H100: 4.5 against 5.2 µs).
const GPU_RUN: usize = 2;
const MAX_TILE: usize = 8;
const MAX_GROUPS: usize = 8;
const MAX_INVOCATIONS: usize = 256;
const MAX_CHANNEL_BLOCK: usize = 4;

impl Tiling {
    /// For `down` × `across` blocks of an image with `channels` channels, each a sum over `terms`
    /// channels.
    fn new(
        shape: &BlockShape,
        [down, across]: [usize; 2],
        [channels, terms]: [usize; 2],
        class: AdapterClass,
    ) -> Self {
        let (run, max_height) = match class.processors() {
            None => (SOFTWARE_RUN, MAX_TILE / SOFTWARE_RUN),
            Some(_) => (GPU_RUN, MAX_TILE),
        };
        let height = even_part(down.div_ceil(run), max_height);
        let width = even_part(across, MAX_TILE);
        let max_groups = MAX_GROUPS.min(MAX_INVOCATIONS / (height * width));
        let groups = even_part(channels.div_ceil(VECTOR), max_groups);

        let rows = 2 * height * run + shape.kernel - 1;
        let pitch = (width + shape.kernel / 2) | 1;
        let channel_bytes = rows * pitch * PAIR_BYTES + shape.taps() * (groups | 1) * VECTOR_BYTES;
        Self {
            run,
            height,
            width,
            groups,
            channel_block: terms
                .min(MAX_CHANNEL_BLOCK)
                .min(WORKGROUP_BYTES / channel_bytes),
            grid: grid([
                down.div_ceil(height * run) * across.div_ceil(width),
                channels.div_ceil(groups * VECTOR),
                shape.batch,
            ]),
        }
    }

    fn launch(self, shape: &BlockShape, name: &'static str, template: &'static str) -> Launch {
        let mut values = shape.values();
        values.extend([
            ("tile_height", self.height),
            ("tile_width", self.width),
            ("run", self.run),
            ("groups", self.groups),
            ("channel_block", self.channel_block),
        ]);
        Launch {
            name,
            template,
            values,
            grid: self.grid,
        }
    }
}

/// The output and the argmax.
pub fn forward(shape: &BlockShape, class: AdapterClass) -> Launch {
    let channels = [shape.out_channels, shape.in_channels];
    Tiling::new(shape, shape.blocks(), channels, class).launch(
        shape,
        "conv_relu_pool/forward",
        template_of_form!(
            shape,
            [
                "conv_relu_pool/sizes",
                "conv_relu_pool/input",
                "conv_relu_pool/weights",
                "conv_relu_pool/forward"
            ],
            pool: ["conv_relu_pool/forward_pool"],
            relu: ["conv_relu_pool/forward_relu"],
            ["conv_relu_pool/forward_tile", "conv_relu_pool/tiled_conv"],
        ),
    )
}

/// Gradient of the input.
pub fn grad_input(shape: &BlockShape, class: AdapterClass) -> Launch {
    let blocks = [shape.height.div_ceil(2), shape.width.div_ceil(2)];
    let channels = [shape.in_channels, shape.out_channels];
    Tiling::new(shape, blocks, channels, class).launch(
        shape,
        "conv_relu_pool/grad_input",
        template_of_form!(
            shape,
            [
                "conv_relu_pool/sizes",
                "conv_relu_pool/weights",
                "conv_relu_pool/grad_input"
            ],
            pool: ["conv_relu_pool/grad_input_tile_pool"],
            relu: [
                "conv_relu_pool/gradient",
                "conv_relu_pool/grad_input_tile_relu"
            ],
            [
                "conv_relu_pool/grad_input_tile",
                "conv_relu_pool/tiled_conv"
            ],
        ),
    )
}

/// Input channels side by side in a workgroup.
const MAX_LANES: usize = 32;
/// With fewer channels than this many invocations, a workgroup also shares out the blocks.
const FULL_WORKGROUP: usize = 64;
/// Workgroups that share out the batch: enough for a large GPU. Under software Vulkan 64 are 8 %
/// faster (25.7 against 28 ms, 32→64 at 14×14, batch 128).
const MAX_SPLITS: usize = 128;

/// Workgroups of few channels that each processor of a GPU has.
const WORKGROUPS_OF_PROCESSOR: usize = 8;

/// Gradient of weights and bias.
///
/// Few input channels take the same kernel: its workgroup then shares out blocks instead of
/// channels. With the reduction it takes 6 ms at the model's first block (1→32, 28×28) and 28 ms at
/// the second (32→64, 14×14; batch 128, software Vulkan).
///
/// Without a pool an invocation has four times the multiply-adds to do on what it keeps in registers, and under
/// software Vulkan fewer channels and fewer barriers leave more of it there. Processor time in ms, batch 32:
///
/// | vectors, slices | 2, several | 1, several | 1, 1 |
/// | --- | --- | --- | --- |
/// | 1→32, 28×28 | 65 | 54 | 30 |
/// | 3→64, 32×32 (batch 16) | 140 | 137 | 88 |
/// | 32→64, 14×14, which has one in any case | 430 | | 235 |
pub fn grad_weight(shape: &BlockShape, class: AdapterClass) -> GradWeight {
    // An invocation keeps taps × 4 × vectors sums in registers.
    let vectors = match (shape.kernel, shape.pool) {
        (3, 2) => 2,
        _ => 1,
    };
    let lanes = shape.in_channels.next_power_of_two().min(MAX_LANES);
    let groups = shape
        .out_channels
        .div_ceil(VECTOR * vectors)
        .min(MAX_GROUPS);
    let max_slices = match (class, shape.pool) {
        (AdapterClass::Software, 1) => 1,
        _ => FULL_WORKGROUP / (lanes * groups),
    };

    let rows = shape.kernel + 1;
    let halo_bytes = rows * (shape.kernel / 2) * (lanes | 1) * PAIR_BYTES;
    // With a pool a gradient and its argmax; without one four gradients, 0 where the ReLU is inactive.
    let grad_bytes = match shape.pool {
        1 => 4 * VECTOR_BYTES,
        _ => VECTOR_BYTES + size_of::<u32>(),
    };
    let block_bytes = rows * (lanes | 1) * PAIR_BYTES + groups * vectors * grad_bytes;
    // What slices share at the end.
    let slice_sums = |slices: usize| match slices {
        0 | 1 => 1,
        _ => slices * lanes * groups * (shape.taps() + 1),
    };
    let left = WORKGROUP_BYTES - slice_sums(max_slices) * size_of::<f32>() - halo_bytes;
    let [block_rows, row_blocks] = shape.blocks();
    let segment = even_part(row_blocks, left / block_bytes);
    // Slices of one length, none of them empty.
    let max_slices = max_slices.clamp(1, segment);
    let slices = segment.div_ceil(segment.div_ceil(max_slices));

    let segments = shape.batch * block_rows * row_blocks.div_ceil(segment);
    let elements = shape.weights() + shape.out_channels;
    let across = shape.in_channels.div_ceil(lanes);
    let down = shape.out_channels.div_ceil(groups * vectors * VECTOR);
    let wanted_splits = match class.processors() {
        None => MAX_SPLITS,
        Some(processors) => (WORKGROUPS_OF_PROCESSOR * processors).div_ceil(across * down),
    };
    let max_splits = (MAX_PARTIALS / elements).clamp(1, wanted_splits);
    let segments_per_split = segments.div_ceil(max_splits);
    let splits = segments.div_ceil(segments_per_split);

    let mut values = shape.values();
    values.extend([
        ("lanes", lanes),
        ("groups", groups),
        ("slices", slices),
        ("slice_sums", slice_sums(slices)),
        ("vectors", vectors),
        ("segment", segment),
        ("segments_per_split", segments_per_split),
    ]);
    GradWeight::new(
        shape,
        Launch {
            name: "conv_relu_pool/grad_weight",
            template: template_of_form!(
                shape,
                [
                    "conv_relu_pool/sizes",
                    "conv_relu_pool/input",
                    "conv_relu_pool/grad_weight"
                ],
                pool: ["conv_relu_pool/grad_weight_pool"],
                relu: ["conv_relu_pool/grad_weight_relu"],
                [],
            ),
            values,
            grid: grid([across, down, splits]),
        },
        splits,
    )
}
