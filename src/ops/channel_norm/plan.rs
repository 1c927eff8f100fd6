//! What to launch for the normalisation.
//!
//! The kernels' files, in `shaders/channel_norm/`, say what they compute and in which order they bind
//! their buffers.

use super::EPSILON;
use crate::ops::wgsl::{Launch, grid, template};

const INVOCATIONS: usize = 256;

/// Factors and output.
pub fn forward(dims: [usize; 4]) -> Launch {
    let template = template!(
        "channel_norm/channel",
        "reduce/tree_sum",
        "channel_norm/forward"
    );
    launch("channel_norm/forward", template, dims)
}

/// The gradient of the input.
pub fn backward(dims: [usize; 4]) -> Launch {
    let template = template!(
        "channel_norm/channel",
        "reduce/tree_sum",
        "channel_norm/backward"
    );
    launch("channel_norm/backward", template, dims)
}

fn launch(name: &'static str, template: &'static str, dims: [usize; 4]) -> Launch {
    let [batch, channels, height, width] = dims;
    Launch {
        name,
        template,
        values: vec![
            ("batch", batch),
            ("channels", channels),
            ("plane", height * width),
            ("epsilon_bits", EPSILON.to_bits() as usize),
            ("invocations", INVOCATIONS),
        ],
        grid: grid([channels, 1, 1]),
    }
}
