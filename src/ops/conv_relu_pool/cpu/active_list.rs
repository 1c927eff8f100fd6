//! Compressed lists of the outputs that a gradient flows through.

use crate::ops::simd::Vector;

/// A list under construction: gradients side by side, and with each the offset of what it scales.
pub struct ActiveList {
    gradients: *mut f32,
    offsets: *mut u32,
    len: usize,
}

impl ActiveList {
    /// An empty list in the two buffers.
    ///
    /// # Safety
    /// The buffers stay valid as long as the list, for one vector more than will be pushed.
    pub unsafe fn new(gradients: *mut f32, offsets: *mut u32) -> Self {
        Self {
            gradients,
            offsets,
            len: 0,
        }
    }

    /// Appends the lanes that the mask holds.
    ///
    /// # Safety
    /// As for [`Vector`].
    #[inline(always)]
    pub unsafe fn push<V: Vector>(&mut self, mask: V::Mask, gradient: V, offset: V::Index) {
        // SAFETY: the caller promises the instruction set; that of `new` promised a vector behind
        // the entries so far.
        unsafe {
            let (gradients, offsets) = (self.gradients.add(self.len), self.offsets.add(self.len));
            self.len += V::compress(mask, gradient, offset, gradients, offsets);
        }
    }

    /// Entries so far.
    pub fn len(&self) -> usize {
        self.len
    }
}
