//! AVX2 and fused multiply-add: 8 lanes, 16 registers.

use super::{Vector, WithSimd};
use std::arch::x86_64::*;

/// Eight `f32`.
#[derive(Clone, Copy)]
pub struct F32x8(__m256);

/// Runs work with AVX2 and FMA switched on.
#[target_feature(enable = "avx2,fma,popcnt")]
pub unsafe fn run<W: WithSimd>(work: W) {
    // SAFETY: the caller, `Isa::run`, found the instruction set that this function switches on.
    unsafe { work.run::<F32x8>() }
}

/// For every mask of eight lanes: the numbers of the lanes that it holds, in order.
static KEPT_LANES: [[u32; 8]; 256] = {
    let mut table = [[0; 8]; 256];
    let mut mask = 0;
    while mask < 256 {
        let (mut lane, mut n) = (0, 0);
        while lane < 8 {
            if mask >> lane & 1 == 1 {
                table[mask][n] = lane as u32;
                n += 1;
            }
            lane += 1;
        }
        mask += 1;
    }
    table
};

impl Vector for F32x8 {
    const LANES: usize = 8;
    const ACCUMULATORS: usize = 12;
    type Mask = __m256;
    type Index = __m256i;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: the caller promises AVX2 and FMA.
        Self(unsafe { _mm256_set1_ps(x) })
    }

    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        // SAFETY: the caller promises AVX2 and FMA and eight values at `p`.
        Self(unsafe { _mm256_loadu_ps(p) })
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        // SAFETY: the caller promises AVX2 and FMA and room for eight values at `p`.
        unsafe { _mm256_storeu_ps(p, self.0) }
    }

    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        // SAFETY: the caller promises AVX2 and FMA.
        Self(unsafe { _mm256_add_ps(self.0, b.0) })
    }

    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        // SAFETY: the caller promises AVX2 and FMA.
        Self(unsafe { _mm256_sub_ps(self.0, b.0) })
    }

    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        // SAFETY: the caller promises AVX2 and FMA.
        Self(unsafe { _mm256_mul_ps(self.0, b.0) })
    }

    #[inline(always)]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        // SAFETY: the caller promises AVX2 and FMA.
        Self(unsafe { _mm256_fmadd_ps(self.0, b.0, c.0) })
    }

    #[inline(always)]
    unsafe fn max(self, b: Self) -> Self {
        // SAFETY: the caller promises AVX2 and FMA.
        Self(unsafe { _mm256_max_ps(self.0, b.0) })
    }

    #[inline(always)]
    unsafe fn greater(self, b: Self) -> Self::Mask {
        // SAFETY: the caller promises AVX2 and FMA.
        unsafe { _mm256_cmp_ps::<_CMP_GT_OQ>(self.0, b.0) }
    }

    #[inline(always)]
    unsafe fn all_finite(a: [Self; 4]) -> bool {
        // SAFETY: the caller promises AVX2 and FMA.
        unsafe {
            let sum = a[0].add(a[1]).add(a[2].add(a[3])).0;
            let zero_or_nan = _mm256_sub_ps(sum, sum);
            _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_UNORD_Q>(zero_or_nan, zero_or_nan)) == 0
        }
    }

    #[inline(always)]
    unsafe fn index_splat(x: u32) -> Self::Index {
        // SAFETY: the caller promises AVX2 and FMA.
        unsafe { _mm256_set1_epi32(x as i32) }
    }

    #[inline(always)]
    unsafe fn index_load(p: *const u32) -> Self::Index {
        // SAFETY: the caller promises AVX2 and FMA and eight values at `p`.
        unsafe { _mm256_loadu_si256(p.cast()) }
    }

    #[inline(always)]
    unsafe fn index_load_u8(p: *const u8) -> Self::Index {
        // SAFETY: the caller promises AVX2 and FMA and eight bytes at `p`.
        unsafe { _mm256_cvtepu8_epi32(_mm_loadl_epi64(p.cast())) }
    }

    #[inline(always)]
    unsafe fn index_store(a: Self::Index, p: *mut u32) {
        // SAFETY: the caller promises AVX2 and FMA and room for eight values at `p`.
        unsafe { _mm256_storeu_si256(p.cast(), a) }
    }

    #[inline(always)]
    unsafe fn index_add(a: Self::Index, b: Self::Index) -> Self::Index {
        // SAFETY: the caller promises AVX2 and FMA.
        unsafe { _mm256_add_epi32(a, b) }
    }

    #[inline(always)]
    unsafe fn index_less(a: Self::Index, b: Self::Index) -> Self::Mask {
        // SAFETY: the caller promises AVX2 and FMA.
        unsafe { _mm256_castsi256_ps(_mm256_cmpgt_epi32(b, a)) }
    }

    #[inline(always)]
    unsafe fn index_equal(a: Self::Index, b: Self::Index) -> Self::Mask {
        // SAFETY: the caller promises AVX2 and FMA.
        unsafe { _mm256_castsi256_ps(_mm256_cmpeq_epi32(a, b)) }
    }

    #[inline(always)]
    unsafe fn index_select(mask: Self::Mask, a: Self::Index, b: Self::Index) -> Self::Index {
        // SAFETY: the caller promises AVX2 and FMA.
        unsafe {
            _mm256_castps_si256(_mm256_blendv_ps(
                _mm256_castsi256_ps(b),
                _mm256_castsi256_ps(a),
                mask,
            ))
        }
    }

    #[inline(always)]
    unsafe fn index_lookup(table: &[u32; 8], a: Self::Index) -> Self::Index {
        // SAFETY: the caller promises AVX2 and FMA; the table has the eight values that are loaded.
        unsafe { _mm256_permutevar8x32_epi32(_mm256_loadu_si256(table.as_ptr().cast()), a) }
    }

    #[inline(always)]
    unsafe fn compress(
        mask: Self::Mask,
        value: Self,
        index: Self::Index,
        values: *mut f32,
        indices: *mut u32,
    ) -> usize {
        // SAFETY: the caller promises AVX2 and FMA and room for eight values at either pointer; a
        // row of `KEPT_LANES` has eight.
        unsafe {
            let bits = _mm256_movemask_ps(mask) as usize;
            let kept = _mm256_loadu_si256(KEPT_LANES[bits].as_ptr().cast());
            _mm256_storeu_ps(values, _mm256_permutevar8x32_ps(value.0, kept));
            _mm256_storeu_si256(indices.cast(), _mm256_permutevar8x32_epi32(index, kept));
            bits.count_ones() as usize
        }
    }

    #[inline(always)]
    unsafe fn transpose(src: *const f32, src_rows: &[u32], dst: *mut f32, dst_rows: &[u32]) {
        assert!(src_rows.len() >= Self::LANES && dst_rows.len() >= Self::LANES);
        // SAFETY: the caller promises AVX2 and FMA and eight values at every row of either matrix.
        unsafe {
            let mut a = [_mm256_setzero_ps(); 8];
            let mut b = a;
            for i in 0..8 {
                a[i] = _mm256_loadu_ps(src.add(src_rows[i] as usize));
            }
            // Within each half: pairs of rows, then pairs of pairs; then between the halves.
            for i in 0..4 {
                b[2 * i] = _mm256_unpacklo_ps(a[2 * i], a[2 * i + 1]);
                b[2 * i + 1] = _mm256_unpackhi_ps(a[2 * i], a[2 * i + 1]);
            }
            for i in 0..2 {
                let [p, q, r, s] = [b[4 * i], b[4 * i + 1], b[4 * i + 2], b[4 * i + 3]];
                a[4 * i] = _mm256_shuffle_ps::<0x44>(p, r);
                a[4 * i + 1] = _mm256_shuffle_ps::<0xee>(p, r);
                a[4 * i + 2] = _mm256_shuffle_ps::<0x44>(q, s);
                a[4 * i + 3] = _mm256_shuffle_ps::<0xee>(q, s);
            }
            for i in 0..4 {
                let row = _mm256_permute2f128_ps::<0x20>(a[i], a[i + 4]);
                _mm256_storeu_ps(dst.add(dst_rows[i] as usize), row);
            }
            for i in 0..4 {
                let row = _mm256_permute2f128_ps::<0x31>(a[i], a[i + 4]);
                _mm256_storeu_ps(dst.add(dst_rows[i + 4] as usize), row);
            }
        }
    }
}
