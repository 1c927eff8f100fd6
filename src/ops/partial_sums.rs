//! Gradients that are still to be summed.

/// A parameter's gradient as a kernel leaves it that shares out its sums: in rows, of which it is the sum.
#[derive(Clone, Debug)]
pub struct PartialSums<T> {
    /// Where the rows are.
    pub rows: T,
    /// How many there are.
    pub count: usize,
    /// Elements of a row, which may have more than this parameter's.
    pub pitch: usize,
    /// The parameter's first one in a row.
    pub first: usize,
    /// Invocations that share out the rows of an element: each sums every `stride`-th.
    pub stride: usize,
}

impl<T> PartialSums<T> {
    /// A gradient that is whole.
    pub fn whole(gradient: T) -> Self {
        Self {
            rows: gradient,
            count: 1,
            pitch: 0,
            first: 0,
            stride: 1,
        }
    }

    /// The same rows elsewhere.
    pub fn moved<U>(&self, rows: U) -> PartialSums<U> {
        PartialSums {
            rows,
            count: self.count,
            pitch: self.pitch,
            first: self.first,
            stride: self.stride,
        }
    }
}
