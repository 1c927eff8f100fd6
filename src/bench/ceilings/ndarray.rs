//! The ceilings on `burn-ndarray`, on all threads.

#![expect(
    clippy::needless_range_loop,
    reason = "registers are indexed by constants"
)]

use burn::backend::tensor::FloatTensor;
use burn::backend::{NdArray, TensorMetadata};
use rayon::prelude::*;

use super::{ADDEND, CeilingKernels, FACTOR, GRANULE, ROUNDS};
use crate::ops::ndarray_tensor::{floats, into_vec, tensor};
use crate::ops::simd::{Isa, Vector, WithSimd};

/// Values that a thread works on at a time.
const CHUNK: usize = 32 * GRANULE;

impl CeilingKernels for NdArray {
    fn multiply_add(values: FloatTensor<Self>) -> FloatTensor<Self> {
        let dims = values.shape().to_vec();
        let mut values = into_vec(values);
        assert!(values.len().is_multiple_of(GRANULE));
        let isa = Isa::detect();
        values
            .par_chunks_mut(CHUNK)
            .for_each(|values| isa.run(MultiplyAdd(values)));
        tensor(values, &dims)
    }

    fn copy(source: FloatTensor<Self>, destination: FloatTensor<Self>) -> FloatTensor<Self> {
        let dims = source.shape().to_vec();
        let (source, mut destination) = (floats(source), into_vec(destination));
        assert_eq!(destination.len(), source.len(), "lengths");
        assert!(source.len().is_multiple_of(GRANULE));
        let isa = Isa::detect();
        destination
            .par_chunks_mut(CHUNK)
            .zip(source.par_chunks(CHUNK))
            .for_each(|(destination, source)| {
                isa.run(Copy {
                    source,
                    destination,
                })
            });
        tensor(destination, &dims)
    }
}

struct MultiplyAdd<'a>(&'a mut [f32]);

impl WithSimd for MultiplyAdd<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        // SAFETY: the caller promises the instruction set.
        unsafe {
            // Two units with a latency of four cycles need eight chains, if there are registers.
            if V::ACCUMULATORS < 8 {
                multiply_add::<V, 4>(self.0);
            } else {
                multiply_add::<V, 8>(self.0);
            }
        }
    }
}

/// # Safety
/// As for [`Vector`].
#[inline(always)]
unsafe fn multiply_add<V: Vector, const CHAINS: usize>(values: &mut [f32]) {
    const { assert!(GRANULE.is_multiple_of(CHAINS * V::LANES)) };
    // SAFETY: the caller promises the instruction set; a group has CHAINS vectors.
    unsafe {
        let (factor, addend) = (V::splat(FACTOR), V::splat(ADDEND));
        for group in values.chunks_exact_mut(CHAINS * V::LANES) {
            let group = group.as_mut_ptr();
            let mut chains = [addend; CHAINS];
            for i in 0..CHAINS {
                chains[i] = V::load(group.add(i * V::LANES));
            }
            for _ in 0..ROUNDS {
                for i in 0..CHAINS {
                    chains[i] = chains[i].mul_add(factor, addend);
                }
            }
            for i in 0..CHAINS {
                chains[i].store(group.add(i * V::LANES));
            }
        }
    }
}

struct Copy<'a> {
    source: &'a [f32],
    destination: &'a mut [f32],
}

impl WithSimd for Copy<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        const { assert!(GRANULE.is_multiple_of(V::LANES)) };
        let vectors = self.source.chunks_exact(V::LANES);
        for (from, to) in vectors.zip(self.destination.chunks_exact_mut(V::LANES)) {
            // SAFETY: the caller promises the instruction set; both chunks have a vector's length.
            unsafe { V::load(from.as_ptr()).store(to.as_mut_ptr()) };
        }
    }
}
