//! What to launch for dropout on a tensor.
//!
//! The kernel's file, `shaders/dropout/drop.wgsl`, says what it computes and in which order it
//! binds its buffers.

use crate::ops::wgsl::{Launch, MAX_GRID, grid, template};

const INVOCATIONS: usize = 256;

/// Dropout on so many activations.
pub fn apply_mask(len: usize) -> Launch {
    let groups = len.div_ceil(4 * INVOCATIONS);
    Launch {
        name: "dropout/drop",
        template: template!("random/pcg4d", "dropout/drop"),
        values: vec![("length", len), ("invocations", INVOCATIONS)],
        grid: grid([groups.min(MAX_GRID as usize), 1, 1]),
    }
}
