//! What to launch for a shape: shader, template values, dispatch grid and buffer sizes.

use super::BlockShape;

impl BlockShape {
    /// Number of `u32` that hold the codes.
    pub fn code_words(&self) -> usize {
        self.batch * self.out_channels.div_ceil(4) * self.pooled_height() * self.pooled_width()
    }
}

/// One kernel launch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    pub template: &'static str,
    pub values: Vec<(&'static str, usize)>,
    pub grid: [u32; 3],
}

fn env(name: &str, default: usize) -> usize {
    std::env::var(name)
        .ok()
        .and_then(|v| v.parse().ok())
        .unwrap_or(default)
}

fn balanced(len: usize, max: usize) -> usize {
    len.div_ceil(len.div_ceil(max).max(1)).max(1)
}

pub fn forward(shape: &BlockShape) -> Launch {
    let windows = env("F_WINDOWS", 2);
    let vectors = env("F_VECTORS", 2);
    let tile_height = balanced(shape.pooled_height(), 8);
    let tile_width = balanced(shape.pooled_width().div_ceil(windows), 8 / windows);
    let runs = tile_height * tile_width;
    let groups = shape
        .out_channels
        .div_ceil(4 * vectors)
        .min(env("F_GROUPS", 4))
        .min(256 / runs);
    let tile_size =
        (2 * tile_height + shape.kernel - 1) * (tile_width * windows + (shape.kernel - 1) / 2);
    let per_channel = tile_size * 8 + shape.kernel * shape.kernel * groups * vectors * 16;
    let channel_block = (16384 / per_channel)
        .min(shape.in_channels)
        .min(env("F_BLOCK", 4))
        .max(1);
    Launch {
        template: include_str!("../../shaders/conv_relu_pool/forward.wgsl"),
        values: vec![
            ("in_channels", shape.in_channels),
            ("out_channels", shape.out_channels),
            ("height", shape.height),
            ("width", shape.width),
            ("kernel", shape.kernel),
            ("tile_height", tile_height),
            ("tile_width", tile_width),
            ("groups", groups),
            ("windows", windows),
            ("vectors", vectors),
            ("channel_block", channel_block),
        ],
        grid: [
            (shape.pooled_height().div_ceil(tile_height)
                * shape.pooled_width().div_ceil(tile_width * windows)) as u32,
            shape.out_channels.div_ceil(groups * vectors * 4) as u32,
            shape.batch as u32,
        ],
    }
}

/// Partial sums, then their reduction.
pub struct GradWeight {
    pub partial: Launch,
    pub reduce: Launch,
    /// Length of the buffer between the two, in f32.
    pub partials: usize,
}

pub fn grad_weight(shape: &BlockShape) -> GradWeight {
    let lanes = shape.in_channels.next_power_of_two().min(32);
    let vectors = env("W_VECTORS", if shape.kernel == 3 { 2 } else { 1 });
    let groups = shape
        .out_channels
        .div_ceil(4 * vectors)
        .min(256 / lanes)
        .min(env("W_GROUPS", 8));
    let rows = shape.kernel + 1;
    let input_pairs = shape.kernel.div_ceil(2);
    // bytes: inputs rows * (segment + pairs - 1) * lanes * 8, codes and gradients segment * groups * vectors * 20
    let fixed = rows * (input_pairs - 1) * lanes * 8;
    let per_window = rows * lanes * 8 + groups * vectors * 20;
    let segment = balanced(
        shape.pooled_width(),
        ((16384 - fixed) / per_window).min(env("W_SEGMENT", 14)),
    );
    let segments = shape.batch * shape.pooled_height() * shape.pooled_width().div_ceil(segment);
    let per_split = segments.div_ceil(env("W_SPLITS", 64));
    let splits = segments.div_ceil(per_split);
    let slices = (env("W_THREADS", 64) / (lanes * groups)).clamp(1, segment);
    let rows = splits * slices;
    let weights = shape.out_channels * shape.in_channels * shape.kernel * shape.kernel;
    GradWeight {
        partial: Launch {
            template: include_str!("../../shaders/conv_relu_pool/grad_weight.wgsl"),
            values: vec![
                ("batch", shape.batch),
                ("in_channels", shape.in_channels),
                ("out_channels", shape.out_channels),
                ("height", shape.height),
                ("width", shape.width),
                ("kernel", shape.kernel),
                ("lanes", lanes),
                ("groups", groups),
                ("slices", slices),
                ("vectors", vectors),
                ("segment", segment),
                ("segments_per_split", per_split),
            ],
            grid: [
                shape.in_channels.div_ceil(lanes) as u32,
                shape.out_channels.div_ceil(groups * vectors * 4) as u32,
                splits as u32,
            ],
        },
        reduce: Launch {
            template: include_str!("../../shaders/conv_relu_pool/reduce_partials.wgsl"),
            values: vec![
                ("rows", rows),
                ("weights", weights),
                ("out_channels", shape.out_channels),
            ],
            grid: [(weights + shape.out_channels).div_ceil(64) as u32, 1, 1],
        },
        partials: rows * (weights + shape.out_channels),
    }
}

pub fn grad_input(shape: &BlockShape) -> Launch {
    let blocks = env("I_BLOCKS", 2);
    let vectors = env("I_VECTORS", 2).min(shape.in_channels.div_ceil(4));
    let (down, across) = (shape.height.div_ceil(2), shape.width.div_ceil(2));
    let tile_height = balanced(down, 8);
    let tile_width = balanced(across.div_ceil(blocks), 8 / blocks);
    let runs = tile_height * tile_width;
    let groups = shape
        .in_channels
        .div_ceil(4 * vectors)
        .min(env("I_GROUPS", 4))
        .min(256 / runs);
    let tile_size =
        (2 * tile_height + shape.kernel - 1) * (tile_width * blocks + (shape.kernel - 1) / 2);
    let per_channel = tile_size * 8 + shape.kernel * shape.kernel * groups * vectors * 16;
    let channel_block = (16384 / per_channel)
        .min(shape.out_channels)
        .min(env("I_BLOCK", 4))
        .max(1);
    Launch {
        template: include_str!("../../shaders/conv_relu_pool/grad_input.wgsl"),
        values: vec![
            ("in_channels", shape.in_channels),
            ("out_channels", shape.out_channels),
            ("height", shape.height),
            ("width", shape.width),
            ("kernel", shape.kernel),
            ("tile_height", tile_height),
            ("tile_width", tile_width),
            ("groups", groups),
            ("blocks", blocks),
            ("vectors", vectors),
            ("channel_block", channel_block),
        ],
        grid: [
            (down.div_ceil(tile_height) * across.div_ceil(tile_width * blocks)) as u32,
            shape.in_channels.div_ceil(groups * vectors * 4) as u32,
            shape.batch as u32,
        ],
    }
}
