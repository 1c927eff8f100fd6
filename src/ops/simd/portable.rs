//! Plain Rust: loops over arrays of eight, which the compiler turns into the target's own vectors.

use super::Vector;

/// Eight `f32`.
#[derive(Clone, Copy)]
#[repr(align(32))]
pub struct F32x8([f32; LANES]);

const LANES: usize = 8;

impl F32x8 {
    #[inline(always)]
    fn zip(self, b: Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let mut out = self;
        for i in 0..LANES {
            out.0[i] = f(self.0[i], b.0[i]);
        }
        out
    }

    #[inline(always)]
    fn compare(self, b: Self, f: impl Fn(f32, f32) -> bool) -> [u32; LANES] {
        let mut mask = [0; LANES];
        for i in 0..LANES {
            mask[i] = if f(self.0[i], b.0[i]) { u32::MAX } else { 0 };
        }
        mask
    }
}

impl Vector for F32x8 {
    const LANES: usize = LANES;
    const ACCUMULATORS: usize = if cfg!(target_arch = "aarch64") { 12 } else { 6 };
    type Mask = [u32; LANES];
    type Index = [u32; LANES];

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self {
        Self([x; LANES])
    }

    #[inline(always)]
    unsafe fn load(p: *const f32) -> Self {
        // SAFETY: the caller promises eight values at `p`.
        Self(unsafe { p.cast::<[f32; LANES]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn store(self, p: *mut f32) {
        // SAFETY: the caller promises room for eight values at `p`.
        unsafe { p.cast::<[f32; LANES]>().write_unaligned(self.0) }
    }

    #[inline(always)]
    unsafe fn add(self, b: Self) -> Self {
        self.zip(b, |a, b| a + b)
    }

    #[inline(always)]
    unsafe fn sub(self, b: Self) -> Self {
        self.zip(b, |a, b| a - b)
    }

    #[inline(always)]
    unsafe fn mul(self, b: Self) -> Self {
        self.zip(b, |a, b| a * b)
    }

    #[inline(always)]
    unsafe fn mul_add(self, b: Self, c: Self) -> Self {
        let mut out = c;
        for i in 0..LANES {
            // Without the instruction, `f32::mul_add` is a slow library call.
            out.0[i] = if cfg!(any(target_arch = "aarch64", target_feature = "fma")) {
                self.0[i].mul_add(b.0[i], c.0[i])
            } else {
                self.0[i] * b.0[i] + c.0[i]
            };
        }
        out
    }

    #[inline(always)]
    unsafe fn max(self, b: Self) -> Self {
        self.zip(b, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    unsafe fn greater(self, b: Self) -> Self::Mask {
        self.compare(b, |a, b| a > b)
    }

    #[inline(always)]
    unsafe fn all_finite(a: [Self; 4]) -> bool {
        let mut nan = false;
        for i in 0..LANES {
            let sum = (a[0].0[i] + a[1].0[i]) + (a[2].0[i] + a[3].0[i]);
            nan |= !sum.is_finite();
        }
        !nan
    }

    #[inline(always)]
    unsafe fn index_splat(x: u32) -> Self::Index {
        [x; LANES]
    }

    #[inline(always)]
    unsafe fn index_load(p: *const u32) -> Self::Index {
        // SAFETY: the caller promises eight values at `p`.
        unsafe { p.cast::<[u32; LANES]>().read_unaligned() }
    }

    #[inline(always)]
    unsafe fn index_load_u8(p: *const u8) -> Self::Index {
        // SAFETY: the caller promises eight bytes at `p`.
        let bytes = unsafe { p.cast::<[u8; LANES]>().read() };
        bytes.map(u32::from)
    }

    #[inline(always)]
    unsafe fn index_store(a: Self::Index, p: *mut u32) {
        // SAFETY: the caller promises room for eight values at `p`.
        unsafe { p.cast::<[u32; LANES]>().write_unaligned(a) }
    }

    #[inline(always)]
    unsafe fn index_add(a: Self::Index, b: Self::Index) -> Self::Index {
        let mut out = a;
        for i in 0..LANES {
            out[i] = a[i].wrapping_add(b[i]);
        }
        out
    }

    #[inline(always)]
    unsafe fn index_less(a: Self::Index, b: Self::Index) -> Self::Mask {
        let mut mask = [0; LANES];
        for i in 0..LANES {
            mask[i] = if a[i] < b[i] { u32::MAX } else { 0 };
        }
        mask
    }

    #[inline(always)]
    unsafe fn index_equal(a: Self::Index, b: Self::Index) -> Self::Mask {
        let mut mask = [0; LANES];
        for i in 0..LANES {
            mask[i] = if a[i] == b[i] { u32::MAX } else { 0 };
        }
        mask
    }

    #[inline(always)]
    unsafe fn index_select(mask: Self::Mask, a: Self::Index, b: Self::Index) -> Self::Index {
        let mut out = a;
        for i in 0..LANES {
            out[i] = (a[i] & mask[i]) | (b[i] & !mask[i]);
        }
        out
    }

    #[inline(always)]
    unsafe fn index_lookup(table: &[u32; 8], a: Self::Index) -> Self::Index {
        a.map(|i| table[i as usize % 8])
    }

    #[inline(always)]
    unsafe fn compress(
        mask: Self::Mask,
        value: Self,
        index: Self::Index,
        values: *mut f32,
        indices: *mut u32,
    ) -> usize {
        let mut n = 0;
        for i in 0..LANES {
            // SAFETY: the caller promises room for eight values at either pointer, and `n` ≤ `i` <
            // 8.
            unsafe {
                values.add(n).write(value.0[i]);
                indices.add(n).write(index[i]);
            }
            n += (mask[i] & 1) as usize;
        }
        n
    }

    #[inline(always)]
    unsafe fn transpose(src: *const f32, src_rows: &[u32], dst: *mut f32, dst_rows: &[u32]) {
        assert!(src_rows.len() >= Self::LANES && dst_rows.len() >= Self::LANES);
        for i in 0..LANES {
            for j in 0..LANES {
                // SAFETY: the caller promises eight values at every row of either matrix; `i` and
                // `j` are below 8.
                unsafe {
                    *dst.add(dst_rows[i] as usize + j) = *src.add(src_rows[j] as usize + i);
                }
            }
        }
    }
}
