//! A matrix product in register tiles, with an optional bias and ReLU.
//!
//! Every element of the result is one chain of multiply-adds over the depth, in ascending order,
//! however rows and columns are divided into parts and tiles: the division never changes a bit.

use super::parts;
use crate::ops::scratch::LINE;
use crate::ops::simd::{Isa, Vector, WithSimd};

/// Rows of a tile that is several vectors wide; with [`Vector::ACCUMULATORS`] / 6 vectors it fills
/// the registers.
const WIDE_ROWS: usize = 6;
/// Rows of a tile that is one vector wide.
const NARROW_ROWS: usize = 12;
/// Terms of the sums that are added tile by tile before the next ones: a column of tiles finds its
/// part of `b` in the L1 cache.
const DEPTH_BLOCK: usize = 128;

/// `c[i][j] = relu(Σₖ a[i][k] · b[k][j] + bias[j])` for `i < rows`, `j < columns`, `k < depth`.
#[derive(Clone, Copy)]
pub struct Product {
    pub rows: usize,
    pub columns: usize,
    pub depth: usize,
    pub a: *const f32,
    /// From `a[i][k]` to `a[i + 1][k]`.
    pub a_row_stride: usize,
    /// From `a[i][k]` to `a[i][k + 1]`.
    pub a_depth_stride: usize,
    /// Readable up to whole vectors of columns.
    pub b: *const f32,
    /// From `b[k][j]` to `b[k + 1][j]`.
    pub b_stride: usize,
    pub c: *mut f32,
    /// From `c[i][j]` to `c[i + 1][j]`.
    pub c_stride: usize,
    /// Null for none.
    pub bias: *const f32,
    pub relu: bool,
}

// SAFETY: the pointers are only followed by `run` and `run_in_parts`, whose callers promise that
// nobody else writes what they point to.
unsafe impl Send for Product {}
// SAFETY: as above.
unsafe impl Sync for Product {}

impl Product {
    /// Runs on the threads of the current rayon pool, or on this one if the product is small.
    ///
    /// # Safety
    /// The pointers are valid for the elements that the strides lead to, and nobody else uses those
    /// of `c` meanwhile.
    pub unsafe fn run_in_parts(self, isa: Isa) {
        let tiles = self.rows.div_ceil(WIDE_ROWS);
        let work = self.rows * self.columns * self.depth;
        parts::for_each(tiles, work, |tiles| {
            let first = tiles.start * WIDE_ROWS;
            let rows = self.rows.min(tiles.end * WIDE_ROWS) - first;
            // SAFETY: these rows exist: `first` < `self.rows`, as parts are never empty.
            isa.run(unsafe { self.part_of_rows(first, rows) });
        });
    }

    /// # Safety
    /// The rows `first..first + rows` exist.
    unsafe fn part_of_rows(&self, first: usize, rows: usize) -> Self {
        Self {
            rows,
            a: self.a.wrapping_add(first * self.a_row_stride),
            // SAFETY: the caller promises that row `first` of `c` exists.
            c: unsafe { self.c.add(first * self.c_stride) },
            ..*self
        }
    }

    /// The columns `first..first + columns`, for which `b` is given apart.
    ///
    /// # Safety
    /// The columns exist, and the part is as [`Product::run_in_parts`] wants it until it has run.
    pub unsafe fn part_of_columns(&self, first: usize, columns: usize, b: *const f32) -> Self {
        Self {
            columns,
            b,
            c: self.c.wrapping_add(first),
            ..*self
        }
    }

    #[inline(always)]
    unsafe fn tiles<V: Vector, const VECTORS: usize>(&self) {
        let mut depth = 0;
        loop {
            let terms = DEPTH_BLOCK.min(self.depth - depth);
            let mut column = 0;
            while column + VECTORS * V::LANES <= self.columns {
                // SAFETY: `run` promises the instruction set and the pointers; these columns and
                // terms exist.
                unsafe { self.tile_column::<V, WIDE_ROWS, VECTORS>(column, depth, terms) };
                column += VECTORS * V::LANES;
            }
            while column < self.columns {
                // SAFETY: as above; `column` exists, and what of its vector does not is neither
                // stored nor, but from `b`, loaded.
                unsafe { self.tile_column::<V, NARROW_ROWS, 1>(column, depth, terms) };
                column += V::LANES;
            }
            depth += terms;
            if depth == self.depth {
                break;
            }
        }
    }

    /// All tiles of `VECTORS` vectors from the given column on.
    #[inline(always)]
    unsafe fn tile_column<V: Vector, const ROWS: usize, const VECTORS: usize>(
        &self,
        column: usize,
        depth: usize,
        terms: usize,
    ) {
        let mut row = 0;
        while row < self.rows {
            // SAFETY: the caller promises the instruction set, the pointers, columns and terms;
            // `row` exists.
            unsafe { self.tile::<V, ROWS, VECTORS>(row, column, depth, terms) };
            row += ROWS;
        }
    }

    /// Adds the terms `depth..depth + terms` to one tile. Where fewer than `ROWS` rows are left, the
    /// last one is computed several times.
    #[inline(always)]
    unsafe fn tile<V: Vector, const ROWS: usize, const VECTORS: usize>(
        &self,
        row: usize,
        column: usize,
        depth: usize,
        terms: usize,
    ) {
        // SAFETY: the caller promises the instruction set and pointers: `row` is kept below
        // `self.rows`, `load` and `store` stop at `valid`, and `b` has whole vectors.
        unsafe {
            let mut a = [self.a; ROWS];
            let mut c = [self.c; ROWS];
            for r in 0..ROWS {
                let row = (row + r).min(self.rows - 1);
                a[r] = (self.a).wrapping_add(row * self.a_row_stride + depth * self.a_depth_stride);
                c[r] = self.c.add(row * self.c_stride + column);
            }
            let valid = self.columns - column;
            let mut sums = [[V::splat(0.0); VECTORS]; ROWS];
            if depth > 0 {
                for r in 0..ROWS {
                    sums[r] = load(c[r], valid);
                }
            }
            let mut b = self.b.wrapping_add(depth * self.b_stride + column);
            for k in 0..terms {
                let mut factors = [V::splat(0.0); VECTORS];
                for v in 0..VECTORS {
                    factors[v] = V::load(b.add(v * V::LANES));
                }
                for r in 0..ROWS {
                    let x = V::splat(*a[r].add(k * self.a_depth_stride));
                    for v in 0..VECTORS {
                        sums[r][v] = x.mul_add(factors[v], sums[r][v]);
                    }
                }
                // At last it points past the matrix.
                b = b.wrapping_add(self.b_stride);
            }
            if depth + terms == self.depth {
                if !self.bias.is_null() {
                    let bias: [V; VECTORS] = load(self.bias.add(column), valid);
                    for r in 0..ROWS {
                        for v in 0..VECTORS {
                            sums[r][v] = sums[r][v].add(bias[v]);
                        }
                    }
                }
                if self.relu {
                    for r in 0..ROWS {
                        for v in 0..VECTORS {
                            // In this order, a NaN stays one.
                            sums[r][v] = V::splat(0.0).max(sums[r][v]);
                        }
                    }
                }
            }
            for r in 0..ROWS {
                store(sums[r], c[r], valid);
            }
        }
    }
}

impl WithSimd for Product {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        // SAFETY: the caller promises the instruction set; `run_in_parts` and `part_of_columns`, by
        // which alone products come here, had the promise that the pointers are valid.
        unsafe {
            match V::ACCUMULATORS / WIDE_ROWS {
                4.. => self.tiles::<V, 4>(),
                2..4 => self.tiles::<V, 2>(),
                _ => self.tiles::<V, 1>(),
            }
        }
    }
}

/// Loads vectors of which only the first `valid` elements exist; the others are zero.
///
/// # Safety
/// As for [`Vector`], with `valid` values; more than one vector exists as a whole.
#[inline(always)]
unsafe fn load<V: Vector, const VECTORS: usize>(p: *const f32, valid: usize) -> [V; VECTORS] {
    // SAFETY: the caller promises the instruction set and `valid` values at `p`; `buffer` holds any
    // vector.
    unsafe {
        let mut vectors = [V::splat(0.0); VECTORS];
        if valid >= VECTORS * V::LANES {
            for v in 0..VECTORS {
                vectors[v] = V::load(p.add(v * V::LANES));
            }
        } else {
            let mut buffer = [0.0; LINE];
            buffer[..valid].copy_from_slice(std::slice::from_raw_parts(p, valid));
            vectors[0] = V::load(buffer.as_ptr());
        }
        vectors
    }
}

/// Stores the first `valid` elements of vectors.
///
/// # Safety
/// As for [`load`].
#[inline(always)]
unsafe fn store<V: Vector, const VECTORS: usize>(vectors: [V; VECTORS], p: *mut f32, valid: usize) {
    // SAFETY: the caller promises the instruction set and room for `valid` values at `p`, which
    // nobody else uses meanwhile; `buffer` holds any vector.
    unsafe {
        if valid >= VECTORS * V::LANES {
            for v in 0..VECTORS {
                vectors[v].store(p.add(v * V::LANES));
            }
        } else {
            let mut buffer = [0.0; LINE];
            vectors[0].store(buffer.as_mut_ptr());
            buffer.as_ptr().copy_to_nonoverlapping(p, valid);
        }
    }
}
