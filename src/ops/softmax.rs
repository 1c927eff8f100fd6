//! Probabilities of classes, for programs that answer: natively they are Burn's own softmax.

use burn::backend::DType;

use crate::ops::wgsl::{Launch, Queue, grid, template};

const INVOCATIONS: usize = 64;

/// The softmax of each row of `logits`, `[batch, classes]`.
pub fn softmax<Q: Queue>(
    queue: &mut Q,
    [batch, classes]: [usize; 2],
    logits: &Q::Tensor,
) -> Q::Tensor {
    let probabilities = queue.empty(&[batch, classes], DType::F32);
    let launch = Launch {
        name: "softmax/rows",
        template: template!("softmax/rows"),
        values: vec![
            ("rows", batch),
            ("classes", classes),
            ("invocations", INVOCATIONS),
        ],
        grid: grid([batch.div_ceil(INVOCATIONS), 1, 1]),
    };
    queue.launch(launch, &[logits, &probabilities]);
    probabilities
}
