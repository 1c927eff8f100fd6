//! What to launch for a shape: the shader, its sizes, the grid, and how long the buffers are.
//!
//! Pure arithmetic: nothing here knows a device. Each kernel's file in `shaders/conv_relu_pool`
//! says what its sizes mean and in which order it binds its buffers.

use super::{BlockShape, INACTIVE};
use crate::ops::wgsl::{Launch, grid, template};

/// Workgroup memory that every WebGPU device has.
const WORKGROUP_BYTES: usize = 16 * 1024;

const PAIR_BYTES: usize = 8;
const VECTOR_BYTES: usize = 16;

/// Channels to a vector, and to a word of the argmax.
const VECTOR: usize = 4;

impl BlockShape {
    /// Length of the buffer of the argmax, in `u32` words of four output channels each.
    pub fn argmax_words(&self) -> usize {
        self.batch * self.out_channels.div_ceil(VECTOR) * self.pooled_height() * self.pooled_width()
    }

    /// The sizes that all kernels but the reduction name.
    fn values(&self) -> Vec<(&'static str, usize)> {
        vec![
            ("in_channels", self.in_channels),
            ("out_channels", self.out_channels),
            ("height", self.height),
            ("width", self.width),
            ("kernel", self.kernel),
            ("inactive", INACTIVE.into()),
        ]
    }
}

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
    /// Runs down and across a tile, and groups of channels in a workgroup.
    height: usize,
    width: usize,
    groups: usize,
    /// Input channels (for the input gradient, output channels) in workgroup memory at a time.
    channel_block: usize,
    grid: [u32; 3],
}

/// Blocks below each other in an invocation. Seven are a fifth faster under software Vulkan, but
/// keep 112 sums in registers and leave a GPU too few invocations.
const RUN: usize = 4;
/// A tile is at most 8×8 blocks. With eight groups that is at most 128 invocations.
const MAX_TILE: usize = 8;
const MAX_GROUPS: usize = 8;
const MAX_CHANNEL_BLOCK: usize = 4;

impl Tiling {
    /// For `down` × `across` blocks of an image with `channels` channels, each a sum over `terms`
    /// channels.
    fn new(shape: &BlockShape, down: usize, across: usize, channels: usize, terms: usize) -> Self {
        let height = even_part(down.div_ceil(RUN), MAX_TILE / RUN);
        let width = even_part(across, MAX_TILE);
        let groups = channels.div_ceil(VECTOR).min(MAX_GROUPS);

        let rows = 2 * height * RUN + shape.kernel - 1;
        let pitch = (width + shape.kernel / 2) | 1;
        let channel_bytes = rows * pitch * PAIR_BYTES + shape.taps() * (groups | 1) * VECTOR_BYTES;
        Self {
            height,
            width,
            groups,
            channel_block: terms
                .min(MAX_CHANNEL_BLOCK)
                .min(WORKGROUP_BYTES / channel_bytes),
            grid: grid([
                down.div_ceil(height * RUN) * across.div_ceil(width),
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
            ("run", RUN),
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

/// Pooled activations and argmax.
pub fn forward(shape: &BlockShape) -> Launch {
    let (down, across) = (shape.pooled_height(), shape.pooled_width());
    Tiling::new(shape, down, across, shape.out_channels, shape.in_channels).launch(
        shape,
        "conv_relu_pool/forward",
        template!(
            "conv_relu_pool/sizes",
            "conv_relu_pool/input",
            "conv_relu_pool/forward",
            "conv_relu_pool/tiled_conv"
        ),
    )
}

/// Gradient of the input.
pub fn grad_input(shape: &BlockShape) -> Launch {
    let (down, across) = (shape.height.div_ceil(2), shape.width.div_ceil(2));
    Tiling::new(shape, down, across, shape.in_channels, shape.out_channels).launch(
        shape,
        "conv_relu_pool/grad_input",
        template!(
            "conv_relu_pool/sizes",
            "conv_relu_pool/grad_input",
            "conv_relu_pool/tiled_conv"
        ),
    )
}

/// Gradient of weights and bias: partial sums, then their reduction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GradWeight {
    /// Partial sums, each over a part of the batch.
    pub partial: Launch,
    /// Their sums.
    pub reduce: Launch,
    /// Length of the buffer of partial sums between the two, in `f32`.
    pub partials: usize,
}

/// Input channels side by side in a workgroup.
const MAX_LANES: usize = 32;
/// With fewer channels than this many invocations, a workgroup also shares out the windows.
const FULL_WORKGROUP: usize = 64;
/// Workgroups that share out the batch: enough for a large GPU. Under software Vulkan 64 are 8 %
/// faster (25.7 against 28 ms, 32→64 at 14×14, batch 128).
const MAX_SPLITS: usize = 128;
/// Length of the buffer of partial sums that larger weights must not exceed by splitting: 64 MiB.
const MAX_PARTIALS: usize = 1 << 24;

/// Gradient of weights and bias.
///
/// Few input channels take the same kernel: its workgroup then shares out windows instead of
/// channels. With the reduction it takes 6 ms at the model's first block (1→32, 28×28) and 28 ms at
/// the second (32→64, 14×14; batch 128, software Vulkan).
pub fn grad_weight(shape: &BlockShape) -> GradWeight {
    // An invocation keeps taps × 4 × vectors sums in registers.
    let vectors = if shape.kernel == 3 { 2 } else { 1 };
    let lanes = shape.in_channels.next_power_of_two().min(MAX_LANES);
    let groups = shape
        .out_channels
        .div_ceil(VECTOR * vectors)
        .min(MAX_GROUPS);

    let rows = shape.kernel + 1;
    let halo_bytes = rows * (shape.kernel / 2) * (lanes | 1) * PAIR_BYTES;
    let window_bytes =
        rows * (lanes | 1) * PAIR_BYTES + groups * vectors * (VECTOR_BYTES + size_of::<u32>());
    let segment = even_part(
        shape.pooled_width(),
        (WORKGROUP_BYTES - halo_bytes) / window_bytes,
    );
    // Slices of one length, none of them empty.
    let max_slices = (FULL_WORKGROUP / (lanes * groups)).clamp(1, segment);
    let slices = segment.div_ceil(segment.div_ceil(max_slices));

    let segments = shape.batch * shape.pooled_height() * shape.pooled_width().div_ceil(segment);
    let elements = shape.weights() + shape.out_channels;
    let max_splits = (MAX_PARTIALS / (slices * elements)).clamp(1, MAX_SPLITS);
    let segments_per_split = segments.div_ceil(max_splits);
    let splits = segments.div_ceil(segments_per_split);

    let mut values = shape.values();
    values.extend([
        ("batch", shape.batch),
        ("lanes", lanes),
        ("groups", groups),
        ("slices", slices),
        ("vectors", vectors),
        ("segment", segment),
        ("segments_per_split", segments_per_split),
    ]);
    GradWeight {
        partial: Launch {
            name: "conv_relu_pool/grad_weight",
            template: template!(
                "conv_relu_pool/sizes",
                "conv_relu_pool/input",
                "conv_relu_pool/grad_weight"
            ),
            values,
            grid: grid([
                shape.in_channels.div_ceil(lanes),
                shape.out_channels.div_ceil(groups * vectors * VECTOR),
                splits,
            ]),
        },
        reduce: reduce_partials(shape, splits * slices),
        partials: splits * slices * elements,
    }
}

fn reduce_partials(shape: &BlockShape, rows: usize) -> Launch {
    let row_length = shape.weights() + shape.out_channels;
    // Many elements keep a GPU busy by themselves; few have their rows shared out.
    let (elements, stride) = if row_length >= 4096 { (64, 2) } else { (8, 32) };
    Launch {
        name: "conv_relu_pool/reduce_partials",
        template: template!(
            "lanes/scalars",
            "conv_relu_pool/reduce_partials",
            "reduce/sum_partials"
        ),
        values: vec![
            ("rows", rows),
            ("length", row_length),
            ("weights", shape.weights()),
            ("elements", elements),
            ("stride", stride),
        ],
        grid: grid([row_length.div_ceil(elements), 1, 1]),
    }
}
