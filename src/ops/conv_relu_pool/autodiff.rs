//! The block in Burn's autodiff graph.

use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::tensor::{FloatTensor, IntTensor};
use burn::backend::{Autodiff, TensorMetadata};

use super::{BlockKernels, BlockShape, ConvReluPool};
use crate::ops::layer_node::{self, Saved};

/// The codes tell where each gradient goes.
#[derive(Clone, Debug)]
struct SavedBlock<Codes> {
    shape: BlockShape,
    codes: Codes,
}

impl<B: BlockKernels> Saved<B> for SavedBlock<IntTensor<B>> {
    fn grad_input(self, weight: FloatTensor<B>, grad_output: FloatTensor<B>) -> FloatTensor<B> {
        B::grad_input(self.shape, weight, self.codes, grad_output)
    }

    fn grad_weight_bias(
        self,
        input: FloatTensor<B>,
        grad_output: FloatTensor<B>,
    ) -> (FloatTensor<B>, FloatTensor<B>) {
        B::grad_weight_bias(self.shape, input, self.codes, grad_output)
    }
}

impl<B: BlockKernels, C: CheckpointStrategy> ConvReluPool for Autodiff<B, C> {
    fn conv_relu_pool(
        input: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
    ) -> FloatTensor<Self> {
        let shape = block_shape(&input, &weight, &bias);
        layer_node::connect::<B, C, _>([input, weight, bias], |[input, weight, bias]| {
            let (output, codes) = B::forward(input, weight, bias);
            (output, SavedBlock { shape, codes })
        })
    }
}

/// The checked shape of a call with these tensors.
pub(super) fn block_shape<T: TensorMetadata>(input: &T, weight: &T, bias: &T) -> BlockShape {
    BlockShape::of(
        input.shape().dims(),
        weight.shape().dims(),
        bias.shape().num_elements(),
    )
}
