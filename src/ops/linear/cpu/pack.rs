//! Operands brought into the form that the product reads fastest.

use crate::ops::scratch::LINE;
use crate::ops::simd::{Vector, WithSimd};

/// Copies the gradient of a layer's output, as it is before the ReLU, into rows of `stride`
/// elements, the rest of which are zero, and adds up the rows.
pub struct GradBeforeRelu<'a> {
    /// Columns of the gradient.
    pub outputs: usize,
    pub grad_output: &'a [f32],
    /// The layer's output, if it ends in a ReLU.
    pub relu_output: Option<&'a [f32]>,
    pub stride: usize,
    /// The result: one row per sample.
    pub rows: &'a mut [f32],
    /// The sum of the result's rows, if wanted.
    pub sum: Option<&'a mut [f32]>,
}

impl WithSimd for GradBeforeRelu<'_> {
    // Plain loops: the compiler finds the vectors.
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let n = self.outputs;
        let mut sum = self.sum;
        if let Some(sum) = &mut sum {
            sum.fill(0.0);
        }
        let rows = self.rows.chunks_exact_mut(self.stride);
        for (sample, row) in rows.enumerate() {
            let (row, rest) = row.split_at_mut(n);
            rest.fill(0.0);
            let grad = &self.grad_output[sample * n..][..n];
            match self.relu_output {
                Some(output) => {
                    let output = &output[sample * n..][..n];
                    for ((x, grad), output) in row.iter_mut().zip(grad).zip(output) {
                        *x = if *output <= 0.0 { 0.0 } else { *grad };
                    }
                }
                None => row.copy_from_slice(grad),
            }
            if let Some(sum) = &mut sum {
                for (sum, x) in sum.iter_mut().zip(row) {
                    *sum += *x;
                }
            }
        }
    }
}

/// Writes the transpose of a matrix into rows of `stride` elements.
pub struct Transpose<'a> {
    pub columns: usize,
    /// The matrix, row by row: at most `stride` rows.
    pub matrix: &'a [f32],
    pub stride: usize,
    /// The result: one row per column of the matrix.
    pub transposed: &'a mut [f32],
}

impl WithSimd for Transpose<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self {
            columns, stride, ..
        } = self;
        let rows = self.matrix.len() / columns;
        assert!(rows <= stride && columns * stride <= self.transposed.len());
        assert!(u32::try_from(LINE * columns.max(stride)).is_ok());
        let matrix_rows: [u32; LINE] = std::array::from_fn(|i| (i * columns) as u32);
        let transposed_rows: [u32; LINE] = std::array::from_fn(|i| (i * stride) as u32);
        for row in (0..rows).step_by(V::LANES) {
            for column in (0..columns).step_by(V::LANES) {
                let (row_end, column_end) = (row + V::LANES, column + V::LANES);
                if row_end <= rows && column_end <= columns {
                    // SAFETY: the caller promises the instruction set; the block lies within both
                    // matrices, as just checked.
                    unsafe {
                        let from = self.matrix.as_ptr().add(row * columns + column);
                        let to = self.transposed.as_mut_ptr().add(column * stride + row);
                        V::transpose(from, &matrix_rows, to, &transposed_rows);
                    }
                } else {
                    for i in row..row_end.min(rows) {
                        for j in column..column_end.min(columns) {
                            self.transposed[j * stride + i] = self.matrix[i * columns + j];
                        }
                    }
                }
            }
        }
    }
}
