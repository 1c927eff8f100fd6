//! What to launch for a step of Adam for one parameter.
//!
//! The kernel's file, `shaders/adam/step.wgsl`, says what it computes and in which order it binds
//! its buffers.

use crate::wgsl::{Launch, MAX_GRID, grid, is_indexable};

const INVOCATIONS: usize = 256;

/// Whether the kernel covers a buffer of `length` parameters: its indices are of 32 bits.
pub fn is_supported(length: usize) -> bool {
    is_indexable(&[length])
}

/// A step for `length` parameters.
pub fn step(length: usize) -> Launch {
    let (template, lanes) = if length.is_multiple_of(4) {
        (
            concat!(
                include_str!("../../shaders/lanes/vectors.wgsl"),
                include_str!("../../shaders/adam/step.wgsl")
            ),
            4,
        )
    } else {
        (
            concat!(
                include_str!("../../shaders/lanes/scalars.wgsl"),
                include_str!("../../shaders/adam/step.wgsl")
            ),
            1,
        )
    };
    let groups = (length / lanes).div_ceil(INVOCATIONS);
    Launch {
        template,
        values: vec![("length", length), ("invocations", INVOCATIONS)],
        grid: grid([groups.min(MAX_GRID as usize), 1, 1]),
    }
}
