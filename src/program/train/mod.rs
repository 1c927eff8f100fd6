//! The program of a training step.

mod backward;
mod forward;

use super::{Program, Tensor, Writer};
use crate::device::AdapterClass;
use crate::model::Architecture;
use crate::ops::adamw::Layout;
use crate::ops::conv_relu_pool::BlockShape;
use crate::ops::linear::LinearShape;
use crate::ops::partial_sums::PartialSums;
use crate::ops::wgsl::Queue;

/// The settings of a training step, besides the architecture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Activations are dropped.
    pub dropout: bool,
    /// Classes do not count the same.
    pub class_weights: bool,
    /// The weights are averaged over the steps.
    pub averaging: bool,
}

/// A step on a batch of `batch` images out of `images` on the device: the batch is made, its loss and the
/// gradients computed, and the parameters changed.
///
/// Inputs: `images`, `labels`, `order` and `target_values` as [`gather`](crate::ops::gather::gather) takes
/// them; `class_weights` where classes do not count the same; and, anew for each step, `selection`, `hyper`
/// ([`AdamStep`](crate::ops::adamw::AdamStep)) and `mask 0`, `mask 1`, … where activations are dropped. The buffers
/// `parameters`, `moments_1`, `moments_2` and `averages` go from step to step. Output: `tally`, as
/// [`cross_entropy`](crate::ops::cross_entropy::cross_entropy) gives it.
///
/// # Panics
///
/// If the model is too large for a batch of this size.
pub fn train(
    architecture: &Architecture,
    parts: Parts,
    images: usize,
    batch: usize,
    class: AdapterClass,
) -> Program {
    let mut step = Step::new(architecture, parts, batch, class);
    let classes = architecture.classes;
    let [x, targets] = step.writer.batch(architecture, images, batch);
    let class_weights = parts
        .class_weights
        .then(|| step.writer.input("class_weights", &[classes]));
    let features = step.forward_features(x, parts.class_weights);
    let tally = step.loss(features, &targets, class_weights.as_ref());
    step.writer.output("tally", &tally);
    step.backward();
    step.update(parts.averaging);
    step.writer.program
}

/// A step that is being written.
struct Step<'a> {
    writer: Writer,
    architecture: &'a Architecture,
    batch: usize,
    drops: bool,
    /// The optimizer takes the last sums of gradients by the way. In software that takes twice as long as two launches:
    /// invocations that wait for each other are costly there.
    sums_at_once: bool,
    layout: Layout,
    /// All parameters, laid out.
    buffer: Tensor,
    /// Each of them.
    parameters: Vec<Tensor>,
    /// What the backward pass needs of the forward pass, layer by layer.
    saved: Vec<Saved>,
    /// The features, while they are still to be summed.
    unsummed: Option<PartialSums<Tensor>>,
    /// Of what the layer that is saved last made.
    gradient: Option<Tensor>,
    /// Of each parameter, from the last to the first.
    gradients: Vec<PartialSums<Tensor>>,
}

/// What is kept of a layer.
enum Saved {
    Block {
        shape: BlockShape,
        input: Tensor,
        weight: Tensor,
        argmax: Tensor,
    },
    Norm {
        dims: [usize; 4],
        output: Tensor,
        factors: Tensor,
    },
    Dropout {
        mask: Tensor,
    },
    Linear {
        shape: LinearShape,
        input: Tensor,
        weight: Tensor,
        relu_output: Option<Tensor>,
    },
}

impl<'a> Step<'a> {
    fn new(
        architecture: &'a Architecture,
        parts: Parts,
        batch: usize,
        class: AdapterClass,
    ) -> Self {
        let layout = Layout::new(architecture.parameter_shapes().into_iter());
        let mut writer = Writer::new(class);
        let buffer = writer.input("parameters", &[layout.len]);
        let segments = layout.segments.iter();
        let parameters = segments
            .map(|segment| writer.view(&buffer, segment.start, &segment.shape))
            .collect();
        Self {
            writer,
            architecture,
            batch,
            drops: parts.dropout,
            sums_at_once: class.processors().is_some(),
            layout,
            buffer,
            parameters,
            saved: Vec::new(),
            unsummed: None,
            gradient: None,
            gradients: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests;
