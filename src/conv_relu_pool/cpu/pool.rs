//! ReLU and max pool of one vector of windows, and the rule for ties and NaN.

use super::CLOSED;
use super::simd::Vector;

/// The pooled values and their codes from the four convolution values of each window, given in
/// row-major order.
///
/// # Safety
/// As for [`Vector`].
#[inline(always)]
pub unsafe fn relu_max_pool<V: Vector>(window: [V; 4]) -> (V, V::Index) {
    unsafe {
        let [a, b, c, d] = window;
        // Upper row, lower row, then both. The earlier one stays unless it is exceeded.
        let upper = b.exceeds(a);
        let lower = d.exceeds(c);
        let upper_max = V::select(upper, b, a);
        let lower_max = V::select(lower, d, c);
        let upper_code = V::index_select(upper, V::index_splat(1), V::index_splat(0));
        let lower_code = V::index_select(lower, V::index_splat(3), V::index_splat(2));
        let is_lower = lower_max.exceeds(upper_max);
        let max = V::select(is_lower, lower_max, upper_max);
        let code = V::index_select(is_lower, lower_code, upper_code);

        let closed = max.not_positive();
        (
            V::select(closed, V::splat(0.0), max),
            V::index_select(closed, V::index_splat(CLOSED.into()), code),
        )
    }
}
