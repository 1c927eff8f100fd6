//! From the loss to the changed parameters.

use std::collections::BTreeMap;

use super::{Saved, Step};
use crate::ops::adamw::joined::Gradients;
use crate::ops::partial_sums::PartialSums;
use crate::ops::{adamw, channel_norm, conv_relu_pool, dropout, linear};
use crate::program::ALIGNMENT;

impl Step<'_> {
    /// From the gradient that the loss left to those of all parameters.
    pub(super) fn backward(&mut self) {
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
    pub(super) fn update(&mut self, averaging: bool) {
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
