//! What to launch for the loss of a batch, its gradient, and its share of the tally.
//!
//! The kernel's file, `shaders/cross_entropy/step.wgsl`, says what it computes and in which order
//! it binds its buffers.

use crate::ops::wgsl::{Launch, template};

const MAX_INVOCATIONS: usize = 256;

/// Loss, gradient and tally of a batch, with or without class weights.
pub fn step(batch: usize, classes: usize, is_weighted: bool) -> Launch {
    Launch {
        name: "cross_entropy/step",
        template: match is_weighted {
            false => template!(
                "cross_entropy/equal_weights",
                "cross_entropy/totals",
                "reduce/tree_sum",
                "cross_entropy/step"
            ),
            true => template!(
                "cross_entropy/class_weights",
                "cross_entropy/totals",
                "reduce/tree_sum",
                "cross_entropy/step"
            ),
        },
        values: vec![
            ("batch", batch),
            ("classes", classes),
            ("class_weights_binding", 5),
            (
                "invocations",
                batch.next_power_of_two().min(MAX_INVOCATIONS),
            ),
        ],
        grid: [1, 1, 1],
    }
}
