//! Random words without a state, the same on every backend.

/// Four random words for four words: the hash pcg4d of "Hash Functions for GPU Rendering" (Jarzynski
/// and Olano, JCGT 9(3), 2020). `shaders/random/pcg4d.wgsl` does the same.
#[inline(always)]
pub fn pcg4d(words: [u32; 4]) -> [u32; 4] {
    let words = words.map(|word| word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
    mix(mix(words).map(|word| word ^ (word >> 16)))
}

#[inline(always)]
fn mix([mut x, mut y, mut z, mut w]: [u32; 4]) -> [u32; 4] {
    x = x.wrapping_add(y.wrapping_mul(w));
    y = y.wrapping_add(z.wrapping_mul(x));
    z = z.wrapping_add(x.wrapping_mul(y));
    w = w.wrapping_add(y.wrapping_mul(z));
    [x, y, z, w]
}
