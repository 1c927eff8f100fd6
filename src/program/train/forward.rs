//! From images to the loss.

use burn::backend::DType;

use super::{Saved, Step};
use crate::model::KERNEL;
use crate::ops::conv_relu_pool::{self, BlockShape};
use crate::ops::linear::{self, LinearShape};
use crate::ops::linear_cross_entropy::gpu as head;
use crate::ops::linear_cross_entropy::plan::takes_sums;
use crate::ops::partial_sums::PartialSums;
use crate::ops::wgsl::Queue;
use crate::ops::{channel_norm, cross_entropy, dropout};
use crate::program::Tensor;

impl Step<'_> {
    /// From images to what the last layer takes.
    pub(super) fn forward_features(&mut self, mut x: Tensor, weighted: bool) -> Tensor {
        let parameters = self.parameters.clone();
        let (pairs, _) = parameters.as_chunks::<2>();
        let blocks = self.architecture.convolutions();
        for (number, [weight, bias]) in pairs.iter().enumerate() {
            if let Some(block) = blocks.get(number) {
                x = self.block(x, weight, bias, block.pool);
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
    pub(super) fn loss(
        &mut self,
        input: Tensor,
        targets: &Tensor,
        class_weights: Option<&Tensor>,
    ) -> Tensor {
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

    fn block(&mut self, input: Tensor, weight: &Tensor, bias: &Tensor, pool: usize) -> Tensor {
        let shape = BlockShape {
            batch: self.batch,
            in_channels: input.dims[1],
            out_channels: bias.dims[0],
            height: input.dims[2],
            width: input.dims[3],
            kernel: KERNEL,
            pool,
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
}

/// The sizes of a layer with such a weight.
fn linear_shape_of(input: &Tensor, weight: &Tensor) -> LinearShape {
    LinearShape {
        batch: input.dims[0],
        inputs: weight.dims[0],
        outputs: weight.dims[1],
    }
}
