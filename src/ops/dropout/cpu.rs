//! Dropout on slices.

use rayon::prelude::*;

use super::Mask;
use crate::ops::pcg4d::pcg4d;
use crate::ops::simd::{Isa, Vector, WithSimd};

/// Elements that one thread takes at a time.
const CHUNK: usize = 1 << 12;
/// Hashes that are computed side by side.
const LANES: usize = 16;

/// Drops and scales in place. The tensor is cut into four quarters: the random words of the
/// activations with the same index in each come from one hash.
pub fn apply_mask(isa: Isa, values: &mut [f32], mask: &Mask) {
    let quarter = values.len().div_ceil(4);
    let mut quarters = values.chunks_mut(quarter.max(1));
    // The last ones may be shorter, or missing.
    let quarters = [(); 4].map(|()| quarters.next().unwrap_or_default());
    let mut chunks: Vec<[&mut [f32]; 4]> = Vec::new();
    let mut parts = quarters.map(|quarter| quarter.chunks_mut(CHUNK));
    for _ in 0..quarter.div_ceil(CHUNK) {
        chunks.push(parts.each_mut().map(|part| part.next().unwrap_or_default()));
    }
    chunks
        .into_par_iter()
        .enumerate()
        .for_each(|(chunk, quarters)| {
            isa.run(Chunk {
                first: chunk * CHUNK,
                quarters,
                mask,
            });
        });
}

/// Some elements of each quarter, those from index `first` on.
struct Chunk<'a> {
    first: usize,
    quarters: [&'a mut [f32]; 4],
    mask: &'a Mask,
}

impl WithSimd for Chunk<'_> {
    // Plain loops: the compiler finds the vectors of each instruction set.
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Mask {
            key: [x, y, z],
            threshold,
            scale,
        } = *self.mask;
        let mut quarters = self.quarters.map(|quarter| quarter.chunks_mut(LANES));
        let mut index = self.first as u32;
        loop {
            let mut words = [[0; LANES]; 4];
            for lane in 0..LANES {
                let hash = pcg4d([x, y, z, index + lane as u32]);
                for (words, word) in words.iter_mut().zip(hash) {
                    words[lane] = word;
                }
            }
            index += LANES as u32;
            let mut left = false;
            for (quarter, words) in quarters.iter_mut().zip(&words) {
                for (value, word) in quarter.next().unwrap_or_default().iter_mut().zip(words) {
                    *value = if *word < threshold {
                        0.0
                    } else {
                        *value * scale
                    };
                }
                left |= quarter.len() > 0;
            }
            if !left {
                return;
            }
        }
    }
}
