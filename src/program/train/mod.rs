//! The program of a training step.

use std::collections::BTreeMap;

use burn::backend::DType;

use super::{ALIGNMENT, Program, Tensor, Writer};
use crate::device::AdapterClass;
use crate::model::{Architecture, KERNEL};
use crate::ops::adamw::joined::Gradients;
use crate::ops::adamw::{self, Layout};
use crate::ops::conv_relu_pool::{self, BlockShape};
use crate::ops::linear::{self, LinearShape};
use crate::ops::linear_cross_entropy::gpu as head;
use crate::ops::linear_cross_entropy::plan::takes_sums;
use crate::ops::partial_sums::PartialSums;
use crate::ops::wgsl::Queue;
use crate::ops::{channel_norm, cross_entropy, dropout};

/// What belongs to a training step besides what its architecture says.
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

/// The sizes of a layer with such a weight.
fn linear_shape_of(input: &Tensor, weight: &Tensor) -> LinearShape {
    LinearShape {
        batch: input.dims[0],
        inputs: weight.dims[0],
        outputs: weight.dims[1],
    }
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

    /// From images to what the last layer takes.
    fn forward_features(&mut self, mut x: Tensor, weighted: bool) -> Tensor {
        let parameters = self.parameters.clone();
        let (pairs, _) = parameters.as_chunks::<2>();
        let blocks = self.architecture.widths.len();
        for (number, [weight, bias]) in pairs.iter().enumerate() {
            if number < blocks {
                x = self.block(x, weight, bias);
                continue;
            }
            let inputs = weight.dims[0];
            x = self.dropped(x.reshaped(&[self.batch, inputs]), number > 0);
            x = match pairs.len() - 1 - number {
                0 => x,
                1 => self.last_hidden(x, [weight, bias], weighted),
                _ => self.linear(x, weight, bias, true),
            };
        }
        x
    }

    /// The last layer, and the loss: the tally.
    fn loss(&mut self, input: Tensor, targets: &Tensor, class_weights: Option<&Tensor>) -> Tensor {
        let [.., weight, bias] = self.parameters.as_slice() else {
            unreachable!("a model has a last layer");
        };
        let (weight, bias) = (weight.clone(), bias.clone());
        let shape = linear_shape_of(&input, &weight);
        let tensors = [&input, &weight, &bias, targets];
        let writer = &mut self.writer;
        let results = match self.unsummed.take() {
            None => head::forward_backward(writer, &shape, tensors, class_weights),
            Some(sums) => Some(head::forward_backward_of_sums(
                writer, &shape, &sums, tensors,
            )),
        };
        if let Some(results) = results {
            let gradients = [results.grad_bias, results.grad_weight];
            self.gradients.extend(gradients.map(PartialSums::whole));
            self.gradient = Some(results.grad_input);
            return results.tally;
        }
        let logits = self.linear(input, &weight, &bias, false);
        let dims = [shape.batch, shape.outputs];
        let tensors = [&logits, targets];
        let losses =
            cross_entropy::gpu::forward_backward(&mut self.writer, dims, tensors, class_weights);
        self.gradient = Some(losses.grad_logits);
        losses.tally
    }

    fn block(&mut self, input: Tensor, weight: &Tensor, bias: &Tensor) -> Tensor {
        let shape = BlockShape {
            batch: self.batch,
            in_channels: input.dims[1],
            out_channels: bias.dims[0],
            height: input.dims[2],
            width: input.dims[3],
            kernel: KERNEL,
        };
        let tensors = [&input, weight, bias];
        let (output, argmax) = conv_relu_pool::gpu::forward(&mut self.writer, &shape, tensors);
        self.saved.push(Saved::Block {
            shape,
            input,
            weight: weight.clone(),
            argmax,
        });
        if !self.architecture.channel_norm {
            return output;
        }
        let dims = shape.output_dims();
        let (output, factors) = channel_norm::gpu::forward(&mut self.writer, dims, &output);
        self.saved.push(Saved::Norm {
            dims,
            output: output.clone(),
            factors,
        });
        output
    }

    /// With activations dropped, where they are.
    fn dropped(&mut self, input: Tensor, may_drop: bool) -> Tensor {
        if !self.drops || !may_drop {
            return input;
        }
        let is_dropout = |saved: &&Saved| matches!(saved, Saved::Dropout { .. });
        let number = self.saved.iter().filter(is_dropout).count();
        let mask = self
            .writer
            .input(&format!("mask {number}"), &[dropout::MASK_WORDS]);
        let dims = input.dims.clone();
        let output = dropout::gpu::apply_mask(&mut self.writer, &dims, [&input, &mask]);
        self.saved.push(Saved::Dropout { mask });
        output
    }

    /// The layer before the last one, whose output the last one may sum.
    fn last_hidden(
        &mut self,
        input: Tensor,
        [weight, bias]: [&Tensor; 2],
        weighted: bool,
    ) -> Tensor {
        let shape = linear_shape_of(&input, weight);
        let head = LinearShape {
            inputs: shape.outputs,
            outputs: self.architecture.classes,
            ..shape
        };
        let takes_sums = !self.drops && takes_sums(&head, weighted, self.writer.class);
        let tensors = [&input, weight, bias];
        let writer = &mut self.writer;
        let sums = takes_sums.then(|| linear::gpu::forward_sums(writer, &shape, tensors));
        let Some(sums) = sums.flatten() else {
            return self.linear(input, weight, bias, true);
        };
        self.unsummed = Some(sums);
        let output = writer.empty(&[shape.batch, shape.outputs], DType::F32);
        self.saved.push(Saved::Linear {
            shape,
            input,
            weight: weight.clone(),
            relu_output: Some(output.clone()),
        });
        output
    }

    fn linear(&mut self, input: Tensor, weight: &Tensor, bias: &Tensor, relu: bool) -> Tensor {
        let shape = linear_shape_of(&input, weight);
        let tensors = [&input, weight, bias];
        let output = linear::gpu::forward(&mut self.writer, &shape, tensors, relu);
        self.saved.push(Saved::Linear {
            shape,
            input,
            weight: weight.clone(),
            relu_output: relu.then(|| output.clone()),
        });
        output
    }

    /// From the gradient that the loss left to those of all parameters.
    fn backward(&mut self) {
        let mut gradient = (self.gradient.take()).expect("the loss comes before");
        while let Some(saved) = self.saved.pop() {
            let is_first = self.saved.is_empty();
            let writer = &mut self.writer;
            gradient = match saved {
                Saved::Linear {
                    shape,
                    input,
                    weight,
                    relu_output,
                } => {
                    let gradient = gradient.reshaped(&[shape.batch, shape.outputs]);
                    let relu_output = relu_output.as_ref();
                    let grad_input = (!is_first).then(|| {
                        let tensors = [&weight, &gradient];
                        linear::gpu::grad_input(writer, &shape, relu_output, tensors)
                    });
                    let tensors = [&input, &gradient];
                    let [grad_weight, grad_bias] = match self.sums_at_once {
                        true => linear::gpu::grad_sums(writer, &shape, relu_output, tensors),
                        false => {
                            let gradients =
                                linear::gpu::grad_weight_bias(writer, &shape, relu_output, tensors);
                            <[_; 2]>::from(gradients).map(PartialSums::whole)
                        }
                    };
                    self.gradients.extend([grad_bias, grad_weight]);
                    grad_input.unwrap_or(gradient)
                }
                Saved::Dropout { mask } => {
                    let dims = gradient.dims.clone();
                    dropout::gpu::apply_mask(writer, &dims, [&gradient, &mask])
                }
                Saved::Norm {
                    dims,
                    output,
                    factors,
                } => {
                    let gradient = gradient.reshaped(&dims);
                    let tensors = [&output, &factors, &gradient];
                    channel_norm::gpu::backward(writer, dims, tensors)
                }
                Saved::Block {
                    shape,
                    input,
                    weight,
                    argmax,
                } => {
                    let gradient = gradient.reshaped(&shape.output_dims());
                    let grad_input = (!is_first).then(|| {
                        let tensors = [&weight, &argmax, &gradient];
                        conv_relu_pool::gpu::grad_input(writer, &shape, tensors)
                    });
                    let tensors = [&input, &argmax, &gradient];
                    let [grad_weight, grad_bias] = match self.sums_at_once {
                        true => conv_relu_pool::gpu::grad_sums(writer, &shape, tensors),
                        false => {
                            let gradients =
                                conv_relu_pool::gpu::grad_weight_bias(writer, &shape, tensors);
                            <[_; 2]>::from(gradients).map(PartialSums::whole)
                        }
                    };
                    self.gradients.extend([grad_bias, grad_weight]);
                    grad_input.unwrap_or(gradient)
                }
            };
        }
        self.gradients.reverse();
    }

    /// The optimizer's step.
    fn update(&mut self, averaging: bool) {
        let len = [self.layout.len];
        let writer = &mut self.writer;
        let moments_1 = writer.input("moments_1", &len);
        let moments_2 = writer.input("moments_2", &len);
        let hyper = writer.input("hyper", &[adamw::STEP_NUMBERS]);
        let averages = averaging.then(|| writer.input("averages", &len));
        let mut places = BTreeMap::new();
        let mut sums = Vec::new();
        let mut bytes = 0;
        for (gradient, segment) in self.gradients.iter().zip(&self.layout.segments) {
            let buffer = gradient.rows.buffer;
            let size = writer.program.buffers[buffer].bytes;
            let place = *places
                .entry(buffer)
                .or_insert_with(|| match self.sums_at_once {
                    true => bytes,
                    false => segment.start * size_of::<f32>(),
                });
            bytes = bytes.max(place + size.next_multiple_of(ALIGNMENT));
            sums.push(gradient.moved(place / size_of::<f32>() + gradient.rows.start));
        }
        let gradients = writer.join("gradients", &places, bytes);
        adamw::joined::update(
            writer,
            &self.layout,
            [&self.buffer, &moments_1, &moments_2, &hyper],
            averages.as_ref(),
            &gradients,
            &match self.sums_at_once {
                true => Gradients::Sums(&sums),
                false => Gradients::LaidOut,
            },
        );
    }
}

#[cfg(test)]
mod tests;
