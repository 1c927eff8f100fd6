//! The one-dimensional transforms of F(2, 3) and F(4, 3), on vectors of channels.
//!
//! F(4, 3) interpolates at 0, ±a, ±b and ∞ ([`POINTS`]); its matrices follow from the polynomials with
//! these roots (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2015, give the case
//! a = 1, b = 2). F(2, 3) interpolates at 0, ±1 and ∞. Elements beyond M + 2 are unused.
//! F(3, 4), for the gradient of the weights, takes those of F(4, 3) transposed.

use crate::ops::simd::Vector;

/// The points a and b of F(4, 3).
///
/// With the usual 1 and 2 the factors range from 1/24 to 8, here from 1/6 to 2.8. The largest error
/// of 50,000 outputs over 32 channels, relative to Σ|w·x|, falls from 1.3e-6 to 5.3e-7, the mean
/// from 2.3e-7 to 1.1e-7 of the largest output (direct summation: 2.1e-7 and 0.7e-7).
const POINTS: [f32; 2] = [std::f32::consts::FRAC_1_SQRT_2, std::f32::consts::SQRT_2];

/// A transform of `FROM` values to `TO`; of the arrays the values beyond are unused.
pub trait Transform {
    const FROM: usize;
    const TO: usize;

    /// # Safety
    /// As for [`Vector`].
    unsafe fn of<V: Vector>(values: [V; 6]) -> [V; 6];
}

/// `G · g`: the weights' transform.
pub struct Weights<const M: usize>;

impl<const M: usize> Transform for Weights<M> {
    const FROM: usize = 3;
    const TO: usize = M + 2;

    #[inline(always)]
    unsafe fn of<V: Vector>(g: [V; 6]) -> [V; 6] {
        // SAFETY: the caller promises the instruction set; nothing here touches memory.
        unsafe {
            let zero = V::splat(0.0);
            if M == 2 {
                let even = g[0].add(g[2]).mul(V::splat(0.5));
                let odd = g[1].mul(V::splat(0.5));
                return [g[0], even.add(odd), even.sub(odd), g[2], zero, zero];
            }
            let [a, b] = POINTS;
            let (aa, bb) = (a * a, b * b);
            let (scale_a, scale_b) = (0.5 / (aa * (aa - bb)), 0.5 / (bb * (bb - aa)));
            let even_a = g[2].mul_add(V::splat(aa * scale_a), g[0].mul(V::splat(scale_a)));
            let even_b = g[2].mul_add(V::splat(bb * scale_b), g[0].mul(V::splat(scale_b)));
            let odd_a = g[1].mul(V::splat(a * scale_a));
            let odd_b = g[1].mul(V::splat(b * scale_b));
            [
                g[0].mul(V::splat(1.0 / (aa * bb))),
                even_a.add(odd_a),
                even_a.sub(odd_a),
                even_b.add(odd_b),
                even_b.sub(odd_b),
                g[2],
            ]
        }
    }
}

/// `Bᵀ · d`: the input's transform.
pub struct Input<const M: usize>;

impl<const M: usize> Transform for Input<M> {
    const FROM: usize = M + 2;
    const TO: usize = M + 2;

    #[inline(always)]
    unsafe fn of<V: Vector>(d: [V; 6]) -> [V; 6] {
        // SAFETY: the caller promises the instruction set; nothing here touches memory.
        unsafe {
            if M == 2 {
                return [
                    d[0].sub(d[2]),
                    d[1].add(d[2]),
                    d[2].sub(d[1]),
                    d[1].sub(d[3]),
                    d[4],
                    d[5],
                ];
            }
            let [a, b] = POINTS;
            let (aa, bb) = (a * a, b * b);
            let even_a = d[2].mul_add(V::splat(-bb), d[4]);
            let even_b = d[2].mul_add(V::splat(-aa), d[4]);
            let odd_a = d[1].mul_add(V::splat(-bb), d[3]);
            let odd_b = d[1].mul_add(V::splat(-aa), d[3]);
            let sum = V::splat(-(aa + bb));
            let product = V::splat(aa * bb);
            [
                d[0].mul_add(product, d[2].mul_add(sum, d[4])),
                odd_a.mul_add(V::splat(a), even_a),
                odd_a.mul_add(V::splat(-a), even_a),
                odd_b.mul_add(V::splat(b), even_b),
                odd_b.mul_add(V::splat(-b), even_b),
                d[1].mul_add(product, d[3].mul_add(sum, d[5])),
            ]
        }
    }
}

/// `A · g` of F(4, 3): from four outputs' gradients to those of the elements.
pub struct OutputTransposed;

impl Transform for OutputTransposed {
    const FROM: usize = 4;
    const TO: usize = 6;

    #[inline(always)]
    unsafe fn of<V: Vector>(g: [V; 6]) -> [V; 6] {
        // SAFETY: the caller promises the instruction set; nothing here touches memory.
        unsafe {
            let [a, b] = POINTS;
            let even_a = g[2].mul_add(V::splat(a * a), g[0]);
            let even_b = g[2].mul_add(V::splat(b * b), g[0]);
            let odd_a = g[3].mul_add(V::splat(a * a * a), g[1].mul(V::splat(a)));
            let odd_b = g[3].mul_add(V::splat(b * b * b), g[1].mul(V::splat(b)));
            [
                g[0],
                even_a.add(odd_a),
                even_a.sub(odd_a),
                even_b.add(odd_b),
                even_b.sub(odd_b),
                g[3],
            ]
        }
    }
}

/// `Gᵀ · m` of F(4, 3): from the elements' gradients to those of three weights.
pub struct WeightsTransposed;

impl Transform for WeightsTransposed {
    const FROM: usize = 6;
    const TO: usize = 3;

    #[inline(always)]
    unsafe fn of<V: Vector>(m: [V; 6]) -> [V; 6] {
        // SAFETY: the caller promises the instruction set; nothing here touches memory.
        unsafe {
            let zero = V::splat(0.0);
            let [a, b] = POINTS;
            let (aa, bb) = (a * a, b * b);
            let (scale_a, scale_b) = (0.5 / (aa * (aa - bb)), 0.5 / (bb * (bb - aa)));
            let sum_a = m[1].add(m[2]).mul(V::splat(scale_a));
            let sum_b = m[3].add(m[4]).mul(V::splat(scale_b));
            let odd_a = m[1].sub(m[2]).mul(V::splat(a * scale_a));
            [
                m[0].mul_add(V::splat(1.0 / (aa * bb)), sum_a.add(sum_b)),
                m[3].sub(m[4]).mul_add(V::splat(b * scale_b), odd_a),
                sum_a.mul_add(V::splat(aa), sum_b.mul_add(V::splat(bb), m[5])),
                zero,
                zero,
                zero,
            ]
        }
    }
}

/// Transforms the columns and then the rows of a matrix of vectors, whose neighbours below and beside each other are
/// `steps` apart; the results, by rows, are `stride` apart.
///
/// # Safety
/// As for [`Vector`], at all `FROM` rows and columns and all results.
#[inline(always)]
pub unsafe fn nested<V: Vector, Down: Transform, Across: Transform>(
    from: *const f32,
    steps: [usize; 2],
    to: *mut f32,
    stride: usize,
) {
    // SAFETY: as the caller promises.
    unsafe {
        let mut rows = [[V::splat(0.0); 6]; 6];
        for x in 0..Across::FROM {
            let mut column = [V::splat(0.0); 6];
            for y in 0..Down::FROM {
                column[y] = V::load(from.add(y * steps[0] + x * steps[1]));
            }
            let column = Down::of(column);
            for y in 0..Down::TO {
                rows[y][x] = column[y];
            }
        }
        for y in 0..Down::TO {
            let row = Across::of(rows[y]);
            for x in 0..Across::TO {
                row[x].store(to.add((y * Across::TO + x) * stride));
            }
        }
    }
}

/// `Aᵀ · m`: the way back to M outputs.
#[inline(always)]
pub unsafe fn output<V: Vector, const M: usize>(m: [V; 6]) -> [V; 4] {
    // SAFETY: the caller promises the instruction set; nothing here touches memory.
    unsafe {
        let (sum_a, odd_a) = (m[1].add(m[2]), m[1].sub(m[2]));
        if M == 2 {
            return [m[0].add(sum_a), odd_a.sub(m[3]), m[4], m[5]];
        }
        let [a, b] = POINTS;
        let (sum_b, odd_b) = (m[3].add(m[4]), m[3].sub(m[4]));
        [
            m[0].add(sum_a).add(sum_b),
            odd_a.mul_add(V::splat(a), odd_b.mul(V::splat(b))),
            sum_a.mul_add(V::splat(a * a), sum_b.mul(V::splat(b * b))),
            odd_a.mul_add(
                V::splat(a * a * a),
                odd_b.mul_add(V::splat(b * b * b), m[5]),
            ),
        ]
    }
}
