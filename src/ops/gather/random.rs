//! Random choices in integer arithmetic, the same on every backend.
//!
//! The generator has no state. Four random words are the hash of the epoch's key, the image's index
//! and the purpose, so the order of the images and the number of threads change nothing.
//! `shaders/gather/batch.wgsl` does the same.

use std::ops::Range;

use super::Augment;
use crate::dataset::{ImageShape, MAX_CHANNELS, Spec};
use crate::ops::pcg4d::pcg4d;

// The purposes of a hash's words.
pub const POSE: u32 = 0;
pub const ERASE: u32 = 1;
pub const MIX: u32 = 2;
pub const CUT: u32 = 3;
pub const COLOR: u32 = 4;
pub const CROP: u32 = 5;

/// A number below `n` from the upper half of a random word, with `n` at most 2^16 + 1. The probabilities
/// of two numbers differ by at most 2^-16.
#[inline(always)]
fn below(word: u32, n: u32) -> u32 {
    (word >> 16).wrapping_mul(n) >> 16
}

/// The key of an epoch's random choices.
pub fn epoch_key(seed: u64, epoch: usize) -> [u32; 2] {
    let [x, y, _, _] = pcg4d([seed as u32, (seed >> 32) as u32, epoch as u32, 0]);
    [x, y]
}

/// A part of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rectangle {
    /// First column and row.
    low: [usize; 2],
    /// The column and row behind the last.
    high: [usize; 2],
}

impl Rectangle {
    /// The indices of its pixels in a channel with rows of `width`, row by row.
    #[inline(always)]
    pub fn rows(self, width: usize) -> impl Iterator<Item = Range<usize>> {
        let Self { low, high } = self;
        (low[1]..high[1]).map(move |y| y * width + low[0]..y * width + high[0])
    }

    /// Number of pixels.
    pub fn area(self) -> usize {
        (self.high[0] - self.low[0]) * (self.high[1] - self.low[1])
    }
}

/// How an image is augmented by itself, before it is mixed with another.
pub struct Pose {
    /// The columns and rows that a crop leaves, if there is one.
    pub crop: Option<[Span; 2]>,
    pub flip: bool,
    /// Pixels that it moves to the right and down.
    pub shift: [i32; 2],
    /// How the bytes of each channel change.
    pub color: Option<[Line; MAX_CHANNELS]>,
    pub erased: Option<Rectangle>,
}

/// A part of a side of an image, enlarged to the whole side.
#[derive(Clone, Copy)]
pub struct Span {
    /// Where it begins, and its length, in 256ths of a pixel.
    start: u32,
    len: u32,
    /// Pixels of the side.
    side: u32,
}

impl Span {
    /// Where the centre of pixel `index` of the enlarged side lies in the image: the two pixels around it, and its
    /// distance from the first in 256ths.
    #[inline(always)]
    pub fn at(self, index: usize) -> (usize, usize, u32) {
        let Self { start, len, side } = self;
        let middle = start + (2 * index as u32 + 1) * len / (2 * side);
        let last = side - 1;
        let place = middle.saturating_sub(128).min(256 * last);
        let first = place >> 8;
        (first as usize, (first + 1).min(last) as usize, place & 255)
    }
}

/// A linear map of bytes: `factor * byte + offset`, in 65536ths, rounded down and clamped to a byte.
#[derive(Clone, Copy)]
pub struct Line {
    factor: i32,
    offset: i32,
}

impl Line {
    /// Scales differences from `mean` by `contrast`, then everything by `gain`, both in 256ths; rounds to nearest.
    #[inline(always)]
    fn new(mean: u8, contrast: u32, gain: u32) -> Self {
        // At most 512 and 768: no number here or in `at` reaches 2^27.
        let [contrast, gain] = [contrast, gain].map(|number| number as i32);
        Self {
            factor: gain * contrast,
            offset: gain * (256 - contrast) * i32::from(mean) + (1 << 15),
        }
    }

    #[inline(always)]
    pub fn at(self, byte: u8) -> u8 {
        ((self.factor * i32::from(byte) + self.offset) >> 16).clamp(0, 255) as u8
    }
}

/// How an image is mixed with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mix {
    No,
    /// The other image shows in the rectangle.
    Cut(Rectangle),
    /// Pixels are weighted: of `n` parts for images of `n` pixels, so many are the image's own.
    Blend(u32),
}

/// The random numbers of one image in one epoch: functions of the key, the image and the purpose.
#[derive(Clone, Copy)]
pub struct ImageRng {
    pub key: [u32; 2],
    /// Shape and channels of the images.
    pub spec: Spec,
    /// Index in the dataset.
    pub image: u32,
}

impl ImageRng {
    #[inline(always)]
    fn words(self, purpose: u32) -> [u32; 4] {
        pcg4d([self.key[0], self.key[1], self.image, purpose])
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
            crop: (augment.crop > 0).then(|| self.crop(u32::from(augment.crop))),
            flip: augment.flip && below(flip, 2) == 1,
            shift: [shift(x), shift(y)],
            color: (augment.color > 0).then(|| self.color(u32::from(augment.color))),
            erased: is_erased.then(|| self.erased(u32::from(augment.erase_side))),
        }
    }

    #[inline(always)]
    fn crop(self, percent: u32) -> [Span; 2] {
        let [width, height, left, top] = self.words(CROP);
        let shape = self.spec.shape;
        [(shape.width, width, left), (shape.height, height, top)].map(|(side, len, start)| {
            let side = side as u32;
            // At most 2^16.
            let whole = 256 * side;
            let len = whole - below(len, whole * percent / 100 + 1);
            Span {
                start: below(start, whole - len + 1),
                len,
                side,
            }
        })
    }

    #[inline(always)]
    fn color(self, percent: u32) -> [Line; MAX_CHANNELS] {
        let [contrast, brightness, red, blue] = self.words(COLOR);
        // Uniform around 1, in 256ths.
        let factor = |word, most: u32| 256 - most + below(word, 2 * most + 1);
        let most = 256 * percent / 100;
        let [contrast, brightness] = [contrast, brightness].map(|word| factor(word, most));
        let tints = match self.spec.shape.channels {
            3 => [factor(red, most / 2), 256, factor(blue, most / 2)],
            _ => [256; MAX_CHANNELS],
        };
        std::array::from_fn(|channel| {
            let gain = (brightness * tints[channel] + 128) >> 8;
            Line::new(self.spec.channels[channel].mean, contrast, gain)
        })
    }

    #[inline(always)]
    fn erased(self, largest: u32) -> Rectangle {
        let [width, height, left, top] = self.words(ERASE);
        let size = [width, height].map(|word| 1 + below(word, largest) as usize);
        let ImageShape { height, width, .. } = self.spec.shape;
        let low = [(left, width - size[0]), (top, height - size[1])]
            .map(|(word, most)| below(word, most as u32 + 1) as usize);
        Rectangle {
            low,
            high: [low[0] + size[0], low[1] + size[1]],
        }
    }

    #[inline(always)]
    pub fn mix(self, augment: &Augment) -> Mix {
        let [kind, _, a, b] = self.words(MIX);
        let (kind, cutmix) = (below(kind, 100), u32::from(augment.cutmix));
        if kind < cutmix {
            Mix::Cut(self.cut(a, b))
        } else if kind < cutmix + u32::from(augment.mixup) {
            Mix::Blend(below(a, self.spec.shape.pixels() as u32 + 1))
        } else {
            Mix::No
        }
    }

    /// Rows from the image to the one that is mixed into it, in a batch of `batch` that wraps around: never itself,
    /// unless it is alone.
    #[inline(always)]
    pub fn distance(self, batch: usize) -> usize {
        let [_, distance, _, _] = self.words(MIX);
        1 + below(distance, batch as u32 - 1) as usize
    }

    #[inline(always)]
    fn cut(self, a: u32, b: u32) -> Rectangle {
        let [x, y, _, _] = self.words(CUT);
        let ImageShape { height, width, .. } = self.spec.shape;
        let [columns, rows] = [(width, x), (height, y)].map(|(side, center)| {
            let below_side = |word| below(word, side as u32) as usize;
            // The greater of two uniform sides: their product's share of the image is uniform.
            let size = 1 + below_side(a).max(below_side(b));
            let center = below_side(center);
            let low = center.saturating_sub(size / 2);
            low..(center + size - size / 2).min(side)
        });
        Rectangle {
            low: [columns.start, rows.start],
            high: [columns.end, rows.end],
        }
    }
}
