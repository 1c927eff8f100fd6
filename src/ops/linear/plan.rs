//! What to launch for a fully connected layer: the shaders, their sizes, the grids, and how long
//! the buffers are.
//!
//! The kernels' files in `shaders/linear` say what their sizes mean and in which order they bind
//! their buffers.

use super::LinearShape;
use crate::device::AdapterClass;
use crate::ops::wgsl::{Launch, folded, template};

/// Numbers to a vector, and neighbouring rows or columns that a kernel takes together.
const QUAD: usize = 4;

impl LinearShape {
    /// Whether every row divides into vectors of four.
    fn is_aligned(&self) -> bool {
        self.inputs.is_multiple_of(QUAD) && self.outputs.is_multiple_of(QUAD)
    }

    fn values(&self) -> Vec<(&'static str, usize)> {
        vec![
            ("batch", self.batch),
            ("inputs", self.inputs),
            ("outputs", self.outputs),
        ]
    }
}

/// A shader of these files, for rows that divide into vectors of four or do not.
macro_rules! lanes_template {
    ($aligned:expr, $($file:literal),+) => {
        match $aligned {
            true => template!("lanes/vectors", $($file),+),
            false => template!("lanes/scalars", $($file),+),
        }
    };
}

/// How a matrix product is tiled.
struct Tiling {
    /// Invocations down and across a tile.
    down: usize,
    across: usize,
    /// Quads of rows, and as many of columns, in an invocation's registers.
    quads: usize,
    /// How deep a part of the operands is in workgroup memory at a time.
    tile_depth: usize,
    /// Depth of a split's own product.
    split_depth: usize,
    /// Tiles across and down, and splits.
    counts: [usize; 3],
}

/// A tile has at most 8×8 invocations.
const MAX_SIDE: usize = 8;
/// Workgroups to split for: enough for a large GPU. Tiles of at most 64×64 also keep the products
/// of all splits below 4 MiB.
const ENOUGH_WORKGROUPS: usize = 256;
/// With fewer workgroups than this, smaller tiles keep more of a device busy: of one in software, and of each
/// processor of a GPU.
const FEW_IN_SOFTWARE: usize = 16;
const FEW_OF_PROCESSOR: usize = 1;
/// A product no deeper than this is not split: the sum would cost more than it saves.
const UNSPLIT_DEPTH: usize = 256;
const MIN_SPLIT_DEPTH: usize = 64;

impl Tiling {
    /// An invocation keeps 8×8 sums in registers, of a small product 4×4.
    ///
    /// Under software Vulkan 128 × 3136 × 128 takes 7.2 ms, with 4×4 sums 12 ms. 16×8 sums take a
    /// fifth less still, but leave a GPU too few invocations, each with too many registers.
    fn new([rows, columns, depth]: [usize; 3], split: bool, class: AdapterClass) -> Self {
        let large = Self::with_quads(2, rows, columns, depth, split);
        let processors = class.processors();
        let few = processors.map_or(FEW_IN_SOFTWARE, |processors| FEW_OF_PROCESSOR * processors);
        if large.counts.iter().product::<usize>() < few {
            Self::with_quads(1, rows, columns, depth, split)
        } else {
            large
        }
    }

    fn with_quads(quads: usize, rows: usize, columns: usize, depth: usize, split: bool) -> Self {
        let (down, tiles_down) = even_parts(rows.div_ceil(QUAD * quads));
        let (across, tiles_across) = even_parts(columns.div_ceil(QUAD * quads));
        // 9 KiB of workgroup memory for both operands.
        let tile_depth = (32 / quads).min(depth.next_multiple_of(QUAD));
        let split_depth = if split && depth > UNSPLIT_DEPTH {
            let splits = (ENOUGH_WORKGROUPS / (tiles_down * tiles_across)).max(1);
            depth
                .div_ceil(splits)
                .max(MIN_SPLIT_DEPTH)
                .next_multiple_of(tile_depth)
        } else {
            depth
        };
        Self {
            down,
            across,
            quads,
            tile_depth,
            split_depth,
            counts: [tiles_across, tiles_down, depth.div_ceil(split_depth)],
        }
    }

    fn splits(&self) -> usize {
        self.counts[2]
    }

    fn launch(
        &self,
        name: &'static str,
        template: &'static str,
        mut values: Vec<(&'static str, usize)>,
    ) -> Launch {
        values.extend([
            ("down", self.down),
            ("across", self.across),
            ("quads", self.quads),
            ("tile_depth", self.tile_depth),
            ("split_depth", self.split_depth),
            ("tiles_across", self.counts[0]),
        ]);
        Launch {
            name,
            template,
            values,
            grid: folded(self.counts),
        }
    }
}

/// Splits `len` into as few parts of at most [`MAX_SIDE`] as possible; returns the length of an
/// even part, and how many there are. Of nothing there is one: the launch refuses empty tensors.
fn even_parts(len: usize) -> (usize, usize) {
    let len = len.max(1);
    let part = len.div_ceil(len.div_ceil(MAX_SIDE));
    (part, len.div_ceil(part))
}

/// Output: a matrix product, and the sum of its splits where it has several.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Forward {
    pub product: Launch,
    /// With one split the product is the output. With more it goes into a buffer of
    /// `splits` × batch × outputs, of which `sum` makes the output.
    pub splits: usize,
    pub sum: Option<Launch>,
    /// Invocations of the sum that share out the splits of an element.
    pub stride: usize,
}

/// Output of the layer.
pub fn forward(shape: &LinearShape, relu: bool, class: AdapterClass) -> Forward {
    let tiling = Tiling::new([shape.batch, shape.outputs, shape.inputs], true, class);
    let splits = tiling.splits();
    let mut values = shape.values();
    values.push(("relu", usize::from(relu && splits == 1)));
    Forward {
        product: tiling.launch(
            "linear/forward",
            lanes_template!(shape.is_aligned(), "linear/forward", "linear/tiled_matmul"),
            values,
        ),
        splits,
        stride: splits.min(MAX_STRIDE),
        sum: (splits > 1).then(|| sum_splits(splits, shape.batch * shape.outputs, relu)),
    }
}

/// Gradient of the input. With ReLU the layer's output is the last binding.
pub fn grad_input(shape: &LinearShape, relu: bool, class: AdapterClass) -> Launch {
    let tiling = Tiling::new([shape.batch, shape.inputs, shape.outputs], false, class);
    let aligned = shape.is_aligned();
    let mut values = shape.values();
    if relu {
        values.push(("output_binding", 3));
        let template = lanes_template!(
            aligned,
            "linear/relu_gradient",
            "linear/grad_input",
            "linear/tiled_matmul"
        );
        tiling.launch("linear/grad_input", template, values)
    } else {
        let template = lanes_template!(
            aligned,
            "linear/gradient",
            "linear/grad_input",
            "linear/tiled_matmul"
        );
        tiling.launch("linear/grad_input", template, values)
    }
}

/// Gradients of weight and bias: a matrix product, and the sums of its splits where it has several.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GradWeight {
    pub product: Launch,
    /// With one split the products are the gradients. With more they go into buffers of
    /// `splits` × inputs × outputs and `splits` × outputs, of which `sums` make the gradients.
    pub splits: usize,
    pub sums: Option<[Launch; 2]>,
    /// Invocations of the sums that share out the splits of an element.
    pub stride: usize,
}

/// Gradients of weight and bias. With ReLU the layer's output is the product's last binding.
pub fn grad_weight(shape: &LinearShape, relu: bool, class: AdapterClass) -> GradWeight {
    let tiling = Tiling::new([shape.inputs + 1, shape.outputs, shape.batch], true, class);
    let splits = tiling.splits();
    let aligned = shape.is_aligned();
    let mut values = shape.values();
    let template = if relu {
        values.push(("output_binding", 4));
        lanes_template!(
            aligned,
            "linear/relu_gradient",
            "linear/grad_weight",
            "linear/tiled_matmul"
        )
    } else {
        lanes_template!(
            aligned,
            "linear/gradient",
            "linear/grad_weight",
            "linear/tiled_matmul"
        )
    };
    GradWeight {
        product: tiling.launch("linear/grad_weight", template, values),
        splits,
        stride: splits.min(MAX_STRIDE),
        sums: (splits > 1).then(|| {
            [shape.inputs * shape.outputs, shape.outputs]
                .map(|length| sum_splits(splits, length, false))
        }),
    }
}

/// Elements in a workgroup, and invocations that share out the splits of one.
const SUM_ELEMENTS: usize = 32;
const MAX_STRIDE: usize = 8;

fn sum_splits(splits: usize, length: usize, relu: bool) -> Launch {
    let aligned = length.is_multiple_of(QUAD);
    let elements = if aligned { length / QUAD } else { length };
    Launch {
        name: "linear/sum_splits",
        template: lanes_template!(aligned, "linear/sum_splits", "reduce/sum_partials"),
        values: vec![
            ("rows", splits),
            ("length", length),
            ("relu", usize::from(relu)),
            ("elements", SUM_ELEMENTS),
            ("stride", splits.min(MAX_STRIDE)),
        ],
        grid: folded([elements.div_ceil(SUM_ELEMENTS), 1, 1]),
    }
}
