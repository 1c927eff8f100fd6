//! ReLU and max pool of windows, and the rule for ties and NaN.

use super::INACTIVE;
use crate::ops::conv_relu_pool::BlockShape;
use crate::ops::simd::Vector;

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

/// One pooled element and its argmax, directly by the definition.
pub fn pooled_directly(
    shape: &BlockShape,
    image: &[f32],
    filter: &[f32],
    bias: f32,
    window: usize,
) -> (f32, u8) {
    let radius = shape.kernel / 2;
    let (row, column) = (window / shape.pooled_width(), window % shape.pooled_width());
    let mut sums = [bias; 4];
    for (position, sum) in sums.iter_mut().enumerate() {
        let (top, left) = (2 * row + position / 2, 2 * column + position % 2);
        let planes = image.chunks_exact(shape.input_plane());
        for (plane, kernel) in planes.zip(filter.chunks_exact(shape.taps())) {
            for (tap, weight) in kernel.iter().enumerate() {
                let (y, x) = (top + tap / shape.kernel, left + tap % shape.kernel);
                let inside = (radius..shape.height + radius).contains(&y)
                    && (radius..shape.width + radius).contains(&x);
                // The border takes part: an infinite weight makes NaN of its zeros.
                let value = if inside {
                    plane[(y - radius) * shape.width + x - radius]
                } else {
                    0.0
                };
                *sum += weight * value;
            }
        }
    }
    relu_max_pool_scalar(sums)
}
