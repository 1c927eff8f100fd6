//! What to launch for the loss of a batch, its gradient, and its share of the tally.
//!
//! The kernel's file, `shaders/cross_entropy/step.wgsl`, says what it computes and in which order
//! it binds its buffers.

use crate::ops::wgsl::{Launch, template};

const MAX_INVOCATIONS: usize = 256;

/// Loss, gradient and tally of a batch.
pub fn step(batch: usize, classes: usize) -> Launch {
    Launch {
        name: "cross_entropy/step",
        template: template!("cross_entropy/step", "reduce/tree_sum"),
        values: vec![
            ("batch", batch),
            ("classes", classes),
            (
                "invocations",
                batch.next_power_of_two().min(MAX_INVOCATIONS),
            ),
        ],
        grid: [1, 1, 1],
    }
}
