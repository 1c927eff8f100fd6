//! Random choices in integer arithmetic, the same on every backend.
//!
//! The generator has no state: each word is a hash of what it is for, so that images can be drawn
//! in any order and on any number of threads. `shaders/gather/batch.wgsl` does the same.

use std::ops::Range;

use super::Augment;
use crate::dataset::{PIXELS, SIDE};
use crate::pcg4d::pcg4d;

// What a word is for.
const POSE: u32 = 0;
const ERASE: u32 = 1;
const MIX: u32 = 2;
const CUT: u32 = 3;
/// Two for each row of pixels.
const NOISE: u32 = 4;

/// A number below `n`, which is at most 2^16, from the upper half of a random word: each with the
/// same probability but for `n` in 2^16.
#[inline(always)]
fn below(word: u32, n: u32) -> u32 {
    (word >> 16).wrapping_mul(n) >> 16
}

/// What all random choices of an epoch depend on.
pub fn epoch_key(seed: u64, epoch: usize) -> [u32; 2] {
    let [x, y, _, _] = pcg4d([seed as u32, (seed >> 32) as u32, epoch as u32, 0]);
    [x, y]
}

/// Some columns of some rows of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rectangle {
    pub columns: Range<usize>,
    pub rows: Range<usize>,
}

impl Rectangle {
    pub fn area(&self) -> usize {
        self.columns.len() * self.rows.len()
    }
}

/// How an image is changed by itself.
pub struct Pose {
    pub flip: bool,
    /// Pixels that it moves to the right and down.
    pub shift: [i32; 2],
    pub erased: Option<Rectangle>,
}

/// How an image is mixed with another.
pub enum Mix {
    No,
    /// The other image shows in the rectangle.
    Cut(Rectangle),
    /// Pixels are weighted: so many parts in 784 are the image's own.
    Blend(u32),
}

/// The random choices for one image in one epoch.
#[derive(Clone, Copy)]
pub struct Choices {
    pub key: [u32; 2],
    /// Index in the dataset.
    pub image: u32,
}

impl Choices {
    #[inline(always)]
    fn words(self, stream: u32) -> [u32; 4] {
        pcg4d([self.key[0], self.key[1], self.image, stream])
    }

    #[inline(always)]
    pub fn pose(self, augment: &Augment) -> Pose {
        let [flip, x, y, erase] = self.words(POSE);
        let shift = |word| {
            let most = i32::from(augment.shift);
            below(word, 2 * u32::from(augment.shift) + 1) as i32 - most
        };
        let is_erased = below(erase, 100) < u32::from(augment.erase);
        Pose {
            flip: augment.flip && below(flip, 2) == 1,
            shift: [shift(x), shift(y)],
            erased: is_erased.then(|| self.erased(u32::from(augment.erase_side))),
        }
    }

    #[inline(always)]
    fn erased(self, largest: u32) -> Rectangle {
        let [width, height, left, top] = self.words(ERASE);
        let range = |size, place| {
            let size = 1 + below(size, largest);
            let first = below(place, SIDE as u32 - size + 1);
            first as usize..(first + size) as usize
        };
        Rectangle {
            columns: range(width, left),
            rows: range(height, top),
        }
    }

    /// Bytes to erase row `y` of the image with, one for each pixel and four more.
    #[inline(always)]
    pub fn noise(self, y: usize) -> [u8; 32] {
        let stream = NOISE + 2 * y as u32;
        let mut bytes = [0; 32];
        for (i, word) in [self.words(stream), self.words(stream + 1)]
            .iter()
            .flatten()
            .enumerate()
        {
            bytes[4 * i..][..4].copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// How the image is mixed, and in a batch of `batch` images with the one how many rows further
    /// on, where the first follows the last: any but itself.
    #[inline(always)]
    pub fn mix(self, augment: &Augment, batch: u32) -> (Mix, u32) {
        let [kind, partner, a, b] = self.words(MIX);
        let (kind, cutmix) = (below(kind, 100), u32::from(augment.cutmix));
        let mix = if kind < cutmix {
            Mix::Cut(self.cut(a, b))
        } else if kind < cutmix + u32::from(augment.mixup) {
            Mix::Blend(below(a, PIXELS as u32 + 1))
        } else {
            Mix::No
        };
        (mix, 1 + below(partner, batch - 1))
    }

    #[inline(always)]
    fn cut(self, a: u32, b: u32) -> Rectangle {
        // The greater of two uniform sides: its square is uniform.
        let size = 1 + below(a, SIDE as u32).max(below(b, SIDE as u32));
        let [x, y, _, _] = self.words(CUT);
        let range = |word| {
            let (center, before) = (below(word, SIDE as u32), size / 2);
            let end = (center + size - before).min(SIDE as u32);
            center.saturating_sub(before) as usize..end as usize
        };
        Rectangle {
            columns: range(x),
            rows: range(y),
        }
    }
}
