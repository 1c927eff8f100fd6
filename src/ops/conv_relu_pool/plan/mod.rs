//! What to launch for a shape: the shader, its sizes, the grid, and how long the buffers are.
//!
//! Pure arithmetic: nothing here knows a device. Each kernel's file in `shaders/conv_relu_pool`
//! says what its sizes mean and in which order it binds its buffers.

/// The text of a shader of the files before, those of its form with a pool or without one, and those after.
macro_rules! template_of_form {
    (
        $shape:expr,
        [$($before:literal),+],
        pool: [$($pooled:literal),+],
        relu: [$($unpooled:literal),+],
        [$($after:literal),*] $(,)?
    ) => {
        match $shape.pool {
            1 => template!($($before),+ $(, $unpooled)+ $(, $after)*),
            _ => template!($($before),+ $(, $pooled)+ $(, $after)*),
        }
    };
}

mod direct;
mod winograd;

use super::{BlockShape, INACTIVE};
use crate::device::AdapterClass;
use crate::ops::wgsl::{Launch, folded, template};

/// Workgroup memory that every WebGPU device has.
const WORKGROUP_BYTES: usize = 16 * 1024;

const PAIR_BYTES: usize = 8;
const VECTOR_BYTES: usize = 16;

/// Channels to a vector, and to a word of the argmax.
const VECTOR: usize = 4;

/// Length of the buffer of partial sums that larger weights must not exceed by splitting: 64 MiB.
const MAX_PARTIALS: usize = 1 << 24;

impl BlockShape {
    /// Length of the buffer of the argmax, in `u32` words of four output channels each.
    pub fn argmax_words(&self) -> usize {
        self.batch * self.out_channels.div_ceil(VECTOR) * self.output_height() * self.output_width()
    }

    /// The sizes that kernels name, all but the reduction.
    fn values(&self) -> Vec<(&'static str, usize)> {
        vec![
            ("batch", self.batch),
            ("in_channels", self.in_channels),
            ("out_channels", self.out_channels),
            ("height", self.height),
            ("width", self.width),
            ("kernel", self.kernel),
            ("pool", self.pool),
            ("inactive", INACTIVE.into()),
        ]
    }
}

/// The output and the argmax.
pub fn forward(shape: &BlockShape, class: AdapterClass) -> Launch {
    winograd::forward(shape, class).unwrap_or_else(|| direct::forward(shape, class))
}

/// Gradient of the input.
pub fn grad_input(shape: &BlockShape, class: AdapterClass) -> Launch {
    winograd::grad_input(shape, class).unwrap_or_else(|| direct::grad_input(shape, class))
}

/// Gradient of weights and bias.
pub fn grad_weight(shape: &BlockShape, class: AdapterClass) -> GradWeight {
    winograd::grad_weight(shape, class).unwrap_or_else(|| direct::grad_weight(shape, class))
}

/// Gradient of weights and bias: partial sums, then their reduction.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GradWeight {
    /// Partial sums, each over a part of the batch.
    pub partial: Launch,
    /// Their sums.
    pub reduce: Launch,
    /// Rows of partial sums between the two, each of the weights, then the bias.
    pub rows: usize,
    /// Invocations of the reduction that share out the rows of an element.
    pub stride: usize,
}

impl GradWeight {
    fn new(shape: &BlockShape, partial: Launch, rows: usize) -> Self {
        let row_length = shape.weights() + shape.out_channels;
        // Many elements keep a GPU busy by themselves; few have their rows shared out.
        let (elements, stride) = if row_length >= 4096 { (64, 2) } else { (8, 32) };
        let reduce = Launch {
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
            grid: folded([row_length.div_ceil(elements), 1, 1]),
        };
        Self {
            partial,
            reduce,
            rows,
            stride,
        }
    }
}
