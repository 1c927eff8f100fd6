//! The weights' transform, done once per call.

use super::transforms::{Weights, nested};
use super::{KINDS, Plan};
use crate::ops::conv_relu_pool::cpu::layout::{self, transpose_weights};
use crate::ops::scratch::{LINE, cut};
use crate::ops::simd::{Vector, WithSimd};

/// Transforms the weights of one block of output channels for every kind of tile that occurs, to
/// `[kind][element][Cin][channel of the block]`.
pub struct TransformWeights<'a> {
    pub plan: &'a Plan<'a>,
    /// Those of the block, `[channel of the block][Cin][3][3]`; the last ones may be missing.
    pub weight: &'a [f32],
    /// The result.
    pub transformed: &'a mut [f32],
    /// [`TransformWeights::scratch`] values.
    pub buffer: &'a mut [f32],
}

impl TransformWeights<'_> {
    /// Length of the buffer.
    pub fn scratch(plan: &Plan) -> usize {
        let taps = plan.shape.in_channels * 9;
        layout::stage(plan.block, taps) + plan.block * taps.max(LINE)
    }
}

impl WithSimd for TransformWeights<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self {
            plan,
            weight,
            transformed,
            mut buffer,
        } = self;
        let taps = plan.shape.in_channels * 9;
        let rows = cut(&mut buffer, layout::stage(plan.block, taps));
        let mut rest = transformed;
        // SAFETY: the caller promises the instruction set; `transpose_weights` asserted the length
        // of `buffer`, and `part` has the one that `Plan::kind_weights` gives this kind.
        unsafe {
            transpose_weights::<V>(weight, [plan.block, taps], rows, buffer);
            for kind in KINDS {
                let part = rest
                    .split_off_mut(..plan.kind_weights(kind))
                    .expect("a part for each kind");
                match kind {
                    _ if part.is_empty() => {}
                    [4, 4] => transform::<V, 4, 4>(plan, buffer, part),
                    [4, _] => transform::<V, 4, 2>(plan, buffer, part),
                    [_, 4] => transform::<V, 2, 4>(plan, buffer, part),
                    _ => transform::<V, 2, 2>(plan, buffer, part),
                }
            }
        }
    }
}

/// `G · g · Gᵀ` for every pair of channels; `taps` are `[Cin][3][3][channel of the block]`.
#[inline(always)]
unsafe fn transform<V: Vector, const ROWS: usize, const COLUMNS: usize>(
    plan: &Plan,
    taps: &[f32],
    out: &mut [f32],
) {
    for channel in 0..plan.shape.in_channels {
        for o in (0..plan.block).step_by(V::LANES) {
            // SAFETY: the caller promises the instruction set, all `taps` and `Plan::kind_weights`
            // values in `out`; vectors divide a block.
            unsafe {
                let taps = taps.as_ptr().add(channel * 9 * plan.block + o);
                let steps = [3 * plan.block, plan.block];
                let out = out.as_mut_ptr().add(channel * plan.block + o);
                let stride = plan.weight_stride();
                nested::<V, Weights<ROWS>, Weights<COLUMNS>>(taps, steps, out, stride);
            }
        }
    }
}
