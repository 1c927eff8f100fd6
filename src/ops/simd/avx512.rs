//! AVX-512: 16 lanes, 32 registers.

use super::{Vector, WithSimd};
use std::arch::x86_64::*;

/// Sixteen `f32`.
#[derive(Clone, Copy)]
pub struct F32x16(__m512);

/// Runs work with AVX-512 switched on.
#[target_feature(enable = "avx512f,avx2,fma,popcnt")]
pub unsafe fn run<W: WithSimd>(work: W) {
    // SAFETY: the caller, `Isa::run`, found the instruction set that this function switches on.
    unsafe { work.run::<F32x16>() }
}

impl Vector for F32x16 {
    const LANES: usize = 16;
    const ACCUMULATORS: usize = 24;
    type Mask = __mmask16;
    type Index = __m512i;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        // SAFETY: the caller promises AVX-512F.
        Self(unsafe { _mm512_set1_ps(x) })
    }

    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        // SAFETY: the caller promises AVX-512F and sixteen values at `p`.
        Self(unsafe { _mm512_loadu_ps(p) })
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        // SAFETY: the caller promises AVX-512F and room for sixteen values at `p`.
        unsafe { _mm512_storeu_ps(p, self.0) }
    }

    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        // SAFETY: the caller promises AVX-512F.
        Self(unsafe { _mm512_add_ps(self.0, b.0) })
    }

    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        // SAFETY: the caller promises AVX-512F.
        Self(unsafe { _mm512_sub_ps(self.0, b.0) })
    }

    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        // SAFETY: the caller promises AVX-512F.
        Self(unsafe { _mm512_mul_ps(self.0, b.0) })
    }

    #[inline(always)]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        // SAFETY: the caller promises AVX-512F.
        Self(unsafe { _mm512_fmadd_ps(self.0, b.0, c.0) })
    }

    #[inline(always)]
    unsafe fn max(self, b: Self) -> Self {
        // SAFETY: the caller promises AVX-512F.
        Self(unsafe { _mm512_max_ps(self.0, b.0) })
    }

    #[inline(always)]
    unsafe fn greater(self, b: Self) -> Self::Mask {
        // SAFETY: the caller promises AVX-512F.
        unsafe { _mm512_cmp_ps_mask::<_CMP_GT_OQ>(self.0, b.0) }
    }

    #[inline(always)]
    unsafe fn all_finite(a: [Self; 4]) -> bool {
        // SAFETY: the caller promises AVX-512F.
        unsafe {
            let sum = a[0].add(a[1]).add(a[2].add(a[3])).0;
            let zero_or_nan = _mm512_sub_ps(sum, sum);
            _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(zero_or_nan, zero_or_nan) == 0
        }
    }

    #[inline(always)]
    unsafe fn index_splat(x: u32) -> Self::Index {
        // SAFETY: the caller promises AVX-512F.
        unsafe { _mm512_set1_epi32(x as i32) }
    }

    #[inline(always)]
    unsafe fn index_load(p: *const u32) -> Self::Index {
        // SAFETY: the caller promises AVX-512F and sixteen values at `p`.
        unsafe { _mm512_loadu_si512(p.cast()) }
    }

    #[inline(always)]
    unsafe fn index_load_u8(p: *const u8) -> Self::Index {
        // SAFETY: the caller promises AVX-512F and sixteen bytes at `p`.
        unsafe { _mm512_cvtepu8_epi32(_mm_loadu_si128(p.cast())) }
    }

    #[inline(always)]
    unsafe fn index_store(a: Self::Index, p: *mut u32) {
        // SAFETY: the caller promises AVX-512F and room for sixteen values at `p`.
        unsafe { _mm512_storeu_si512(p.cast(), a) }
    }

    #[inline(always)]
    unsafe fn index_add(a: Self::Index, b: Self::Index) -> Self::Index {
        // SAFETY: the caller promises AVX-512F.
        unsafe { _mm512_add_epi32(a, b) }
    }

    #[inline(always)]
    unsafe fn index_less(a: Self::Index, b: Self::Index) -> Self::Mask {
        // SAFETY: the caller promises AVX-512F.
        unsafe { _mm512_cmplt_epu32_mask(a, b) }
    }

    #[inline(always)]
    unsafe fn index_equal(a: Self::Index, b: Self::Index) -> Self::Mask {
        // SAFETY: the caller promises AVX-512F.
        unsafe { _mm512_cmpeq_epi32_mask(a, b) }
    }

    #[inline(always)]
    unsafe fn index_select(mask: Self::Mask, a: Self::Index, b: Self::Index) -> Self::Index {
        // SAFETY: the caller promises AVX-512F.
        unsafe { _mm512_mask_blend_epi32(mask, b, a) }
    }

    #[inline(always)]
    unsafe fn index_lookup(table: &[u32; 8], a: Self::Index) -> Self::Index {
        // SAFETY: the caller promises AVX-512F; the table has the eight values that are loaded.
        unsafe {
            let table = _mm512_castsi256_si512(_mm256_loadu_si256(table.as_ptr().cast()));
            _mm512_permutexvar_epi32(a, table)
        }
    }

    #[inline(always)]
    unsafe fn compress(
        mask: Self::Mask,
        value: Self,
        index: Self::Index,
        values: *mut f32,
        indices: *mut u32,
    ) -> usize {
        // Compressing in the register and storing all lanes is far faster than a compressing store.
        // SAFETY: the caller promises AVX-512F and room for sixteen values at either pointer.
        unsafe {
            _mm512_storeu_ps(values, _mm512_maskz_compress_ps(mask, value.0));
            _mm512_storeu_si512(indices.cast(), _mm512_maskz_compress_epi32(mask, index));
        }
        mask.count_ones() as usize
    }

    #[inline(always)]
    unsafe fn transpose(src: *const f32, src_rows: &[u32], dst: *mut f32, dst_rows: &[u32]) {
        assert!(src_rows.len() >= Self::LANES && dst_rows.len() >= Self::LANES);
        // SAFETY: the caller promises AVX-512F and sixteen values at every row of either matrix.
        unsafe {
            let mut a = [_mm512_setzero_ps(); 16];
            let mut b = a;
            for i in 0..16 {
                a[i] = _mm512_loadu_ps(src.add(src_rows[i] as usize));
            }
            // Within each quarter: pairs of rows, then pairs of pairs.
            for i in 0..8 {
                b[2 * i] = _mm512_unpacklo_ps(a[2 * i], a[2 * i + 1]);
                b[2 * i + 1] = _mm512_unpackhi_ps(a[2 * i], a[2 * i + 1]);
            }
            for i in 0..4 {
                let [p, q, r, s] = [b[4 * i], b[4 * i + 1], b[4 * i + 2], b[4 * i + 3]];
                a[4 * i] = _mm512_shuffle_ps::<0x44>(p, r);
                a[4 * i + 1] = _mm512_shuffle_ps::<0xee>(p, r);
                a[4 * i + 2] = _mm512_shuffle_ps::<0x44>(q, s);
                a[4 * i + 3] = _mm512_shuffle_ps::<0xee>(q, s);
            }
            // Between quarters: rows 0–3 with 4–7 and 8–11 with 12–15, then the two halves.
            for i in 0..4 {
                b[i] = _mm512_shuffle_f32x4::<0x88>(a[i], a[i + 4]);
                b[i + 4] = _mm512_shuffle_f32x4::<0xdd>(a[i], a[i + 4]);
                b[i + 8] = _mm512_shuffle_f32x4::<0x88>(a[i + 8], a[i + 12]);
                b[i + 12] = _mm512_shuffle_f32x4::<0xdd>(a[i + 8], a[i + 12]);
            }
            for i in 0..8 {
                let row = _mm512_shuffle_f32x4::<0x88>(b[i], b[i + 8]);
                _mm512_storeu_ps(dst.add(dst_rows[i] as usize), row);
            }
            for i in 0..8 {
                let row = _mm512_shuffle_f32x4::<0xdd>(b[i], b[i + 8]);
                _mm512_storeu_ps(dst.add(dst_rows[i + 8] as usize), row);
            }
        }
    }
}
