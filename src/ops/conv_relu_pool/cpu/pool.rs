//! ReLU and 2×2 max pooling, with the rules for ties and NaN.

use super::INACTIVE;
use crate::ops::simd::Vector;

/// `max(x, 0)`, where 0 is never -0. NaN goes through.
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
unsafe fn relu<V: Vector>(x: V) -> V {
    // SAFETY: the caller promises the instruction set; nothing here touches memory.
    unsafe {
        let zero = V::splat(0.0);
        zero.max(x).add(zero)
    }
}

/// Where the four outputs of a block without a pool go.
#[derive(Clone, Copy)]
pub struct Destination {
    pub first: *mut f32,
    pub column_stride: usize,
    pub row_stride: usize,
}

impl Destination {
    /// Offset of the output at a position of the block, row-major.
    #[inline(always)]
    pub fn offset(&self, position: usize) -> usize {
        position / 2 * self.row_stride + position % 2 * self.column_stride
    }
}

/// Writes the four outputs of a vector of blocks without a pool, through the ReLU if there is one.
///
/// # Safety
/// As for [`Vector`], at all four destinations.
#[inline(always)]
pub unsafe fn store_block<V: Vector>(block: [V; 4], has_relu: bool, to: Destination) {
    for position in 0..4 {
        let sum = block[position];
        // SAFETY: the caller promises the instruction set and the destinations.
        unsafe {
            let value = if has_relu { relu(sum) } else { sum };
            value.store(to.first.add(to.offset(position)));
        }
    }
}

/// The pooled values of a vector of windows and their argmax, from the four convolution values in
/// row-major order, none of which may be NaN.
///
/// The argmax is the first position whose value is at least `tie` times the maximum: 1 for exact
/// sums, a little less where sums that should be equal differ by rounding.
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
pub unsafe fn relu_max_pool<V: Vector>(window: [V; 4], tie: f32) -> (V, V::Index) {
    // SAFETY: the caller promises the instruction set; nothing here touches memory.
    unsafe {
        // Maxima of the first two, three and all four positions.
        let two = window[0].max(window[1]);
        let three = two.max(window[2]);
        let all = three.max(window[3]);
        let least = all.mul(V::splat(tie));
        let mut index = V::index_splat(0);
        index = V::index_select(least.greater(window[0]), V::index_splat(1), index);
        index = V::index_select(least.greater(two), V::index_splat(2), index);
        index = V::index_select(least.greater(three), V::index_splat(3), index);

        let zero = V::splat(0.0);
        let active = all.greater(zero);
        (
            all.max(zero),
            V::index_select(active, index, V::index_splat(INACTIVE.into())),
        )
    }
}

/// The same for one window in scalar arithmetic, with the first NaN as the maximum if there is one.
pub fn relu_max_pool_scalar(window: [f32; 4]) -> (f32, u8) {
    let mut best = 0;
    for position in 1..4 {
        let exceeds = window[position] > window[best];
        if exceeds || (window[position].is_nan() && !window[best].is_nan()) {
            best = position;
        }
    }
    if window[best] <= 0.0 {
        (0.0, INACTIVE)
    } else {
        (window[best], best as u8)
    }
}
