//! The few vector operations that the kernels are written in, for AVX-512, AVX2 + FMA and plain Rust.
//!
//! A kernel is one generic body over `Vector`. `Isa::run` enters it through a function that has
//! the instruction set switched on; everything below is `#[inline(always)]`, so the body is compiled
//! once per instruction set, with its registers. Kernels must therefore not call closures or
//! functions that might not be inlined while vectors are alive.

#![expect(
    clippy::needless_range_loop,
    reason = "arrays of registers are indexed by constants, several at once"
)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;

use crate::ops::scratch::LINE;

// Kernels pad their buffers to whole cache lines and spill a vector to an array of one.
const _: () = {
    #[cfg(target_arch = "x86_64")]
    assert!(LINE.is_multiple_of(avx512::F32x16::LANES) && LINE.is_multiple_of(avx2::F32x8::LANES));
    assert!(LINE.is_multiple_of(portable::F32x8::LANES));
};

/// An instruction set the kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// 16 lanes, 32 registers.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// 8 lanes, 16 registers, fused multiply-add.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Arrays of 8 lanes that the compiler maps to what the target always has (SSE2, NEON).
    Portable,
}

impl Isa {
    /// The fastest instruction set of this machine.
    pub fn detect() -> Self {
        Self::available()[0]
    }

    /// All instruction sets of this machine that the kernels know, the fastest first.
    pub fn available() -> &'static [Self] {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("popcnt");
            if avx2 && is_x86_feature_detected!("avx512f") {
                return &[Self::Avx512, Self::Avx2, Self::Portable];
            }
            if avx2 {
                return &[Self::Avx2, Self::Portable];
            }
        }
        &[Self::Portable]
    }

    /// `f32` values per vector.
    pub(crate) fn lanes(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => avx512::F32x16::LANES,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => avx2::F32x8::LANES,
            Self::Portable => portable::F32x8::LANES,
        }
    }

    /// See [`Vector::ACCUMULATORS`].
    pub(crate) fn accumulators(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => avx512::F32x16::ACCUMULATORS,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => avx2::F32x8::ACCUMULATORS,
            Self::Portable => portable::F32x8::ACCUMULATORS,
        }
    }

    /// Runs work compiled for this instruction set.
    pub(crate) fn run<W: WithSimd>(self, work: W) {
        // An `Isa` can be named without asking `available`, so the machine is asked here once more
        // (a cached flag).
        assert!(
            Self::available().contains(&self),
            "this machine has no {self:?}"
        );
        match self {
            // SAFETY: the machine has the instruction set.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { avx512::run(work) },
            // SAFETY: the machine has the instruction set.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { avx2::run(work) },
            // SAFETY: plain Rust, available everywhere.
            Self::Portable => unsafe { work.run::<portable::F32x8>() },
        }
    }
}

/// Work that is written once and compiled for every instruction set.
pub(crate) trait WithSimd {
    /// Does the work. Implementations are `#[inline(always)]`.
    ///
    /// # Safety
    /// The machine has the instruction set of `V`.
    unsafe fn run<V: Vector>(self);
}

/// A vector of `LANES` values of `f32`.
///
/// # Safety
/// Every method requires the instruction set of the implementing type. Pointers must be valid for
/// the `LANES` elements that are read or written; they need no alignment.
pub(crate) trait Vector: Copy {
    /// Values per vector.
    const LANES: usize;
    /// How many accumulators a kernel may keep in registers next to two or three operands.
    const ACCUMULATORS: usize;
    /// One truth value per lane.
    type Mask: Copy;
    /// One `u32` per lane.
    type Index: Copy;

    unsafe fn splat(x: f32) -> Self;
    unsafe fn load(p: *const f32) -> Self;
    unsafe fn store(self, p: *mut f32);
    unsafe fn add(self, b: Self) -> Self;
    unsafe fn sub(self, b: Self) -> Self;
    unsafe fn mul(self, b: Self) -> Self;
    /// `self · b + c`.
    unsafe fn mul_add(self, b: Self, c: Self) -> Self;
    /// The greater value, either one where they are equal; `b` where either is NaN.
    unsafe fn max(self, b: Self) -> Self;
    /// `self > b`.
    unsafe fn greater(self, b: Self) -> Self::Mask;
    /// Whether all values of the four vectors are finite; may be false for sums beyond `f32`'s range.
    unsafe fn all_finite(a: [Self; 4]) -> bool;
    unsafe fn index_splat(x: u32) -> Self::Index;
    unsafe fn index_load(p: *const u32) -> Self::Index;
    /// Loads `LANES` bytes and widens them.
    unsafe fn index_load_u8(p: *const u8) -> Self::Index;
    unsafe fn index_store(a: Self::Index, p: *mut u32);
    unsafe fn index_add(a: Self::Index, b: Self::Index) -> Self::Index;
    unsafe fn index_less(a: Self::Index, b: Self::Index) -> Self::Mask;
    unsafe fn index_equal(a: Self::Index, b: Self::Index) -> Self::Mask;
    /// `a` where the mask holds, else `b`.
    unsafe fn index_select(mask: Self::Mask, a: Self::Index, b: Self::Index) -> Self::Index;
    /// `table[a]` per lane, for `a < 8`.
    unsafe fn index_lookup(table: &[u32; 8], a: Self::Index) -> Self::Index;

    /// Writes the lanes where the mask holds, side by side, and returns their number. May write
    /// arbitrary values up to `LANES` elements past `values` and `indices`.
    unsafe fn compress(
        mask: Self::Mask,
        value: Self,
        index: Self::Index,
        values: *mut f32,
        indices: *mut u32,
    ) -> usize;

    /// Transposes a block of `LANES` × `LANES`. Row `i` of the source begins at `src_rows[i]`, row `i`
    /// of the result at `dst_rows[i]`; they are written in this order, so that
    /// what one row writes too much may be overwritten by the next.
    unsafe fn transpose(src: *const f32, src_rows: &[u32], dst: *mut f32, dst_rows: &[u32]);
}
