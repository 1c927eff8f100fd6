//! A convolution and what becomes of its outputs, as the direct and the transformed form take it.

use std::mem::MaybeUninit;

use super::INACTIVE;
use crate::ops::conv_relu_pool::BlockShape;

/// What differs between the images of a convolution, contiguous as [`cpu`](super) says.
pub struct Images<'a> {
    pub input: &'a [f32],
    /// The argmax that belongs to the input, if any: where it is inactive the input counts as 0.
    pub mask: Option<&'a [u8]>,
    pub output: &'a mut [MaybeUninit<f32>],
    /// Asked for or not.
    pub argmax: Option<&'a mut [MaybeUninit<u8>]>,
}

impl<'a> Images<'a> {
    /// The same of `count` images at a time, the last ones perhaps of fewer.
    #[inline(always)]
    pub fn chunks(self, shape: &BlockShape, count: usize) -> impl Iterator<Item = Images<'a>> {
        let (inputs, outputs) = (count * shape.input_image(), count * shape.output_image());
        let mut masks = self.mask.map(|mask| mask.chunks(inputs));
        let mut argmax = self.argmax.map(|argmax| argmax.chunks_mut(outputs));
        let chunks = self.input.chunks(inputs);
        let chunks = chunks.zip(self.output.chunks_mut(outputs));
        chunks.map(move |(input, output)| Images {
            input,
            mask: masks.as_mut().and_then(Iterator::next),
            output,
            argmax: argmax.as_mut().and_then(Iterator::next),
        })
    }
}

/// What all images of a convolution share.
#[derive(Clone, Copy)]
pub struct Filters<'a> {
    /// `[Cout][Cin][k][k]`.
    pub weight: &'a [f32],
    /// Without one there is no ReLU either, nor a pool.
    pub bias: Option<&'a [f32]>,
}

impl Filters<'_> {
    /// The bias, or zeros, with zeros for the channels that only fill up a cache line.
    pub fn filled_bias<'a>(&self, filled: &'a mut [f32]) -> &'a [f32] {
        let bias = self.bias.unwrap_or_default();
        let (channels, rest) = filled.split_at_mut(bias.len());
        channels.copy_from_slice(bias);
        rest.fill(0.0);
        filled
    }
}

/// Writes the values to `masked`, zeros where they are inactive.
#[inline(always)]
pub fn write_masked(values: &[f32], mask: &[u8], masked: &mut [f32]) {
    for ((masked, value), index) in masked.iter_mut().zip(values).zip(mask) {
        // Without a branch, so that vectors do it.
        let all_ones_or_none = u32::from(*index < INACTIVE).wrapping_neg();
        *masked = f32::from_bits(value.to_bits() & all_ones_or_none);
    }
}
