//! AdamW on slices, in one pass over memory.

use rayon::prelude::*;

use super::AdamStep;
use crate::ops::simd::{Isa, Vector, WithSimd};

/// Elements that one thread updates at a time.
const CHUNK: usize = 1 << 14;
/// Up to so many elements one thread is faster.
const SERIAL: usize = 1 << 16;

/// Updates a parameter, the two moments of its gradient and, if there is one, its average, element
/// by element:
///
/// ```text
/// m ← β₁·m + (1 − β₁)·g
/// v ← β₂·v + (1 − β₂)·g²
/// p ← keep·p − rate·(m / bc₁) / (√(v / bc₂) + ε)
/// a ← a + averaging·(p − a)
/// ```
///
/// An element depends on no other, so the number of threads does not show.
///
/// # Panics
///
/// If the slices' lengths differ.
pub fn update(
    isa: Isa,
    step: &AdamStep,
    parameter: &mut [f32],
    gradient: &[f32],
    moment_1: &mut [f32],
    moment_2: &mut [f32],
    average: Option<&mut [f32]>,
) {
    let len = parameter.len();
    assert_eq!(gradient.len(), len, "length of the gradient");
    assert_eq!(moment_1.len(), len, "length of the first moment");
    assert_eq!(moment_2.len(), len, "length of the second moment");
    let averages: Vec<Option<&mut [f32]>> = match average {
        None => (0..len.div_ceil(CHUNK)).map(|_| None).collect(),
        Some(average) => {
            assert_eq!(average.len(), len, "length of the average");
            average.chunks_mut(CHUNK).map(Some).collect()
        }
    };
    let chunks = parameter
        .par_chunks_mut(CHUNK)
        .zip(gradient.par_chunks(CHUNK))
        .zip(moment_1.par_chunks_mut(CHUNK))
        .zip(moment_2.par_chunks_mut(CHUNK))
        .zip(averages);
    let chunks = chunks.with_min_len(if len <= SERIAL { len } else { 1 });
    chunks.for_each(|((((parameter, gradient), moment_1), moment_2), average)| {
        isa.run(Update {
            step,
            parameter,
            gradient,
            moment_1,
            moment_2,
        });
        if let Some(average) = average {
            isa.run(Average {
                averaging: step.averaging,
                average,
                parameter,
            });
        }
    });
}

struct Update<'a> {
    step: &'a AdamStep,
    parameter: &'a mut [f32],
    gradient: &'a [f32],
    moment_1: &'a mut [f32],
    moment_2: &'a mut [f32],
}

impl WithSimd for Update<'_> {
    // A plain loop: the compiler finds the vectors of each instruction set.
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let step = *self.step;
        let rate = step.learning_rate / step.bias_correction_1;
        let root_scale = 1.0 / step.bias_correction_2.sqrt();
        let elements = (self.parameter.iter_mut())
            .zip(self.gradient)
            .zip(self.moment_1)
            .zip(self.moment_2);
        for (((p, g), m), v) in elements {
            *m += (1.0 - step.beta_1) * (g - *m);
            *v = step.beta_2 * *v + (1.0 - step.beta_2) * g * g;
            *p = step.keep * *p - rate * *m / (v.sqrt() * root_scale + step.epsilon);
        }
    }
}

/// Moves the average towards the parameter; both are in the cache from the update.
struct Average<'a> {
    averaging: f32,
    average: &'a mut [f32],
    parameter: &'a [f32],
}

impl WithSimd for Average<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        for (a, p) in self.average.iter_mut().zip(self.parameter) {
            *a += self.averaging * (p - *a);
        }
    }
}
