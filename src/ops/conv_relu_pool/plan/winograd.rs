//! Winograd's transforms, for GPUs: fewer multiply-adds, and as many workgroups as keep all processors busy.
//!
//! Simulated for an H100 (second block of the model, 32→64, 14×14, batch 128; µs):
//!
//! | | forward | input gradient | weight gradient |
//! | --- | --- | --- | --- |
//! | directly | 43 | 55 | 28 |
//! | by Winograd | 23 | 29 | 21 |
//!
//! Under software Vulkan the direct form is faster: there each value that is shared through workgroup memory costs as
//! much as several multiply-adds.

use super::{GradWeight, MAX_PARTIALS};
use crate::device::AdapterClass;
use crate::ops::conv_relu_pool::BlockShape;
use crate::ops::wgsl::{Launch, folded, template};

/// Lines to a quad.
const QUAD: usize = 4;
/// With fewer channels to sum over, the transforms cost more than they save.
const MIN_SUMMED: usize = 8;
/// With fewer channels on either side, tiles of the weights are mostly empty.
const MIN_CHANNELS: usize = 16;
/// Workgroups that each processor should have: one computes while another waits for memory.
const WORKGROUPS_OF_PROCESSOR: usize = 2;

/// A tile of the products of a and b.
#[derive(Clone, Copy)]
struct Tile {
    a_quads: usize,
    b_quads: usize,
    depth_block: usize,
}

/// From the largest on: it loads least for each product. None takes more than 16 KiB of workgroup memory.
const TILES: [Tile; 3] = [
    Tile {
        a_quads: 8,
        b_quads: 8,
        depth_block: 4,
    },
    Tile {
        a_quads: 8,
        b_quads: 4,
        depth_block: 4,
    },
    Tile {
        a_quads: 4,
        b_quads: 4,
        depth_block: 8,
    },
];

impl Tile {
    /// Tiles along so many lines of a and of b.
    fn counts(&self, [a, b]: [usize; 2]) -> [usize; 2] {
        [
            a.div_ceil(QUAD * self.a_quads),
            b.div_ceil(QUAD * self.b_quads),
        ]
    }

    /// The largest one of which each processor has enough, without a half that is empty.
    fn of(lines: [usize; 2], processors: usize) -> Self {
        let is_full = |tile: &Self| {
            let half = QUAD * tile.b_quads / 2;
            let workgroups: usize = tile.counts(lines).iter().product();
            lines[1] > half && workgroups >= WORKGROUPS_OF_PROCESSOR * processors
        };
        let [.., smallest] = TILES;
        TILES.into_iter().find(is_full).unwrap_or(smallest)
    }

    /// For so many lines of a and of b.
    fn values(&self, lines: [usize; 2]) -> [(&'static str, usize); 5] {
        let Self {
            a_quads,
            b_quads,
            depth_block,
        } = *self;
        let staged = QUAD * QUAD * depth_block * (a_quads + b_quads);
        let exchanged = QUAD * QUAD * a_quads * b_quads;
        let [a_tiles, _] = self.counts(lines);
        [
            ("a_tiles", a_tiles),
            ("a_quads", a_quads),
            ("b_quads", b_quads),
            ("depth_block", depth_block),
            ("memory", staged.max(exchanged)),
        ]
    }
}

/// A convolution that makes `blocks` blocks of 2×2 outputs of `channels` channels from sums over `summed` ones. None
/// where another way is faster.
fn convolution(
    shape: &BlockShape,
    class: AdapterClass,
    [blocks, channels, summed]: [usize; 3],
    name: &'static str,
    template: &'static str,
) -> Option<Launch> {
    let processors = class.processors()?;
    if shape.kernel != 3 || summed < MIN_SUMMED {
        return None;
    }
    let lines = [blocks, channels];
    let tile = Tile::of(lines, processors);
    let mut values = shape.values();
    values.extend(tile.values(lines));
    let [across, down] = tile.counts(lines);
    Some(Launch {
        name,
        template,
        values,
        grid: folded([across, down, 1]),
    })
}

/// The output and the argmax.
pub fn forward(shape: &BlockShape, class: AdapterClass) -> Option<Launch> {
    let blocks = shape.batch * shape.blocks().iter().product::<usize>();
    convolution(
        shape,
        class,
        [blocks, shape.out_channels, shape.in_channels],
        "conv_relu_pool/forward",
        template_of_form!(
            shape,
            [
                "conv_relu_pool/sizes",
                "conv_relu_pool/input",
                "conv_relu_pool/input_patch",
                "conv_relu_pool/weights",
                "conv_relu_pool/forward"
            ],
            pool: ["conv_relu_pool/forward_pool"],
            relu: ["conv_relu_pool/forward_relu"],
            [
                "conv_relu_pool/forward_patch",
                "conv_relu_pool/winograd_conv",
                "conv_relu_pool/winograd"
            ],
        ),
    )
}

/// Gradient of the input.
pub fn grad_input(shape: &BlockShape, class: AdapterClass) -> Option<Launch> {
    let blocks = shape.batch * shape.height.div_ceil(2) * shape.width.div_ceil(2);
    convolution(
        shape,
        class,
        [blocks, shape.in_channels, shape.out_channels],
        "conv_relu_pool/grad_input",
        template_of_form!(
            shape,
            [
                "conv_relu_pool/sizes",
                "conv_relu_pool/weights",
                "conv_relu_pool/grad_input",
                "conv_relu_pool/grad_input_patch"
            ],
            pool: ["conv_relu_pool/grad_input_patch_pool"],
            relu: [
                "conv_relu_pool/gradient",
                "conv_relu_pool/grad_input_patch_relu"
            ],
            ["conv_relu_pool/winograd_conv", "conv_relu_pool/winograd"],
        ),
    )
}

/// Gradient of weights and bias. None where another way is faster.
pub fn grad_weight(shape: &BlockShape, class: AdapterClass) -> Option<GradWeight> {
    let processors = class.processors()?;
    if shape.kernel != 3 || shape.in_channels.min(shape.out_channels) < MIN_CHANNELS {
        return None;
    }
    // The one tile of which each invocation loads one b at a time: so it can sum those for the bias.
    let [tile, ..] = TILES;
    let lines = [shape.in_channels, shape.out_channels];
    let [across, down] = tile.counts(lines);
    let blocks = shape.batch * shape.blocks().iter().product::<usize>();
    let elements = shape.weights() + shape.out_channels;
    let wanted_splits = (WORKGROUPS_OF_PROCESSOR * processors).div_ceil(across * down);
    let max_splits = (MAX_PARTIALS / elements).clamp(1, wanted_splits);
    let split = blocks
        .div_ceil(max_splits)
        .next_multiple_of(tile.depth_block);
    let splits = blocks.div_ceil(split);

    let mut values = shape.values();
    values.extend(tile.values(lines));
    values.push(("split", split));
    Some(GradWeight::new(
        shape,
        Launch {
            name: "conv_relu_pool/grad_weight",
            template: template_of_form!(
                shape,
                [
                    "conv_relu_pool/sizes",
                    "conv_relu_pool/input",
                    "conv_relu_pool/input_patch",
                    "conv_relu_pool/winograd_grad_weight"
                ],
                pool: ["conv_relu_pool/winograd_grad_weight_pool"],
                relu: [
                    "conv_relu_pool/gradient",
                    "conv_relu_pool/winograd_grad_weight_relu"
                ],
                ["conv_relu_pool/winograd"],
            ),
            values,
            grid: folded([across, down, splits]),
        },
        splits,
    ))
}
