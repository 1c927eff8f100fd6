//! Dropout on slices.

use super::Drop;
use crate::pcg4d::pcg4d;
use crate::simd::{Isa, Kernel, Vector};

/// Drops and scales in place. The random words of four neighbours come from one hash.
pub fn drop_out(values: &mut [f32], drop: &Drop) {
    Isa::detect().run(DropOut { values, drop });
}

struct DropOut<'a> {
    values: &'a mut [f32],
    drop: &'a Drop,
}

impl Kernel for DropOut<'_> {
    // A plain loop: the compiler finds the vectors of each instruction set.
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Drop {
            key: [x, y, z],
            threshold,
            scale,
        } = *self.drop;
        for (place, four) in self.values.chunks_mut(4).enumerate() {
            let words = pcg4d([x, y, z, place as u32]);
            for (value, word) in four.iter_mut().zip(words) {
                *value = if word < threshold {
                    0.0
                } else {
                    *value * scale
                };
            }
        }
    }
}
