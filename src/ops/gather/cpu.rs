//! Batches on slices.

use super::random::{Choices, Mix, Pose};
use super::{Augment, Normalization, Selection};
use crate::dataset::{CLASSES, PIXELS, SIDE};
use crate::ops::simd::{Isa, Kernel, Vector};

/// What batches are gathered from.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// `[len, 784]`.
    pub images: &'a [u8],
    /// `[len]`.
    pub labels: &'a [u32],
    /// Indices of images.
    pub order: &'a [u32],
    /// `[785]`: see [`target_values`](super::target_values).
    pub target_values: &'a [f32],
}

/// Images `[batch, 784]` and targets `[batch, 10]`.
///
/// # Panics
///
/// If the selection or an index is out of range.
pub fn gather(isa: Isa, source: Source, selection: &Selection) -> (Vec<f32>, Vec<f32>) {
    let (first, len) = (selection.first as usize, selection.len as usize);
    let mut images = Vec::with_capacity(len * PIXELS);
    let mut targets = Vec::with_capacity(len * CLASSES);
    isa.run(Batch {
        source,
        key: selection.key,
        augment: selection.augment.clamped(),
        normalization: selection.normalization,
        window: &source.order[first..][..len],
        images: &mut images,
        targets: &mut targets,
    });
    (images, targets)
}

/// Appends the images of `window` and their targets.
struct Batch<'a> {
    source: Source<'a>,
    key: [u32; 2],
    augment: Augment,
    normalization: Normalization,
    window: &'a [u32],
    images: &'a mut Vec<f32>,
    targets: &'a mut Vec<f32>,
}

impl Kernel for Batch<'_> {
    // Plain loops: the compiler finds the vectors of each instruction set.
    #[inline(always)]
    unsafe fn run<V: Vector>(mut self) {
        if self.augment == Augment::NONE {
            for &index in self.window {
                normalize(self.source.image(index), self.normalization, self.images);
                self.target(index, index, PIXELS);
            }
        } else {
            self.augmented();
        }
    }
}

impl Batch<'_> {
    #[inline(always)]
    fn augmented(&mut self) {
        let augment = self.augment;
        let len = self.window.len();
        let mut canvas = Canvas::new();
        let (mut picture, mut other) = ([0; PIXELS], [0; PIXELS]);
        for (row, &index) in self.window.iter().enumerate() {
            let choices = Choices {
                key: self.key,
                image: index,
            };
            canvas.paint(self.source.image(index), choices, &augment, &mut picture);
            let partner = self.window[(row + choices.distance(len)) % len];
            let mix = choices.mix(&augment);
            if mix != Mix::No {
                let choices = Choices {
                    image: partner,
                    ..choices
                };
                canvas.paint(self.source.image(partner), choices, &augment, &mut other);
            }
            let parts = mix_in(&other, mix, &mut picture);
            normalize(&picture, self.normalization, self.images);
            self.target(index, partner, parts);
        }
    }

    /// Appends the targets of a mixed image: its own class has `parts` in 784 of it, the class of
    /// its partner the rest.
    #[inline(always)]
    fn target(&mut self, index: u32, partner: u32, parts: usize) {
        let [own, other] = [index, partner].map(|index| self.source.labels[index as usize]);
        self.targets.extend((0..CLASSES as u32).map(|class| {
            let own = if class == own { parts } else { 0 };
            let other = if class == other { PIXELS - parts } else { 0 };
            self.source.target_values[own + other]
        }));
    }
}

impl<'a> Source<'a> {
    #[inline(always)]
    fn image(&self, index: u32) -> &'a [u8] {
        &self.images[index as usize * PIXELS..][..PIXELS]
    }
}

/// Mixes another image into `picture`; returns how many parts in 784 are still its own.
#[inline(always)]
fn mix_in(other: &[u8; PIXELS], mix: Mix, picture: &mut [u8; PIXELS]) -> usize {
    match mix {
        Mix::No => PIXELS,
        Mix::Cut(rectangle) => {
            for row in rectangle.rows() {
                picture[row.clone()].copy_from_slice(&other[row]);
            }
            PIXELS - rectangle.area()
        }
        Mix::Blend(parts) => {
            const ALL: u32 = PIXELS as u32;
            for (pixel, &other) in picture.iter_mut().zip(other) {
                let sum = parts * u32::from(*pixel) + (ALL - parts) * u32::from(other);
                // To the nearest.
                *pixel = ((sum + ALL / 2) / ALL) as u8;
            }
            parts as usize
        }
    }
}

/// Appends bytes as the numbers of the network.
#[inline(always)]
fn normalize(bytes: &[u8], normalization: Normalization, images: &mut Vec<f32>) {
    let (offset, factor) = (i16::from(normalization.offset()), normalization.factor());
    images.extend(
        bytes
            .iter()
            .map(|&byte| f32::from(i16::from(byte) - offset) * factor),
    );
}

/// Room for an image in the middle of background, so that a shifted one is a part of it.
struct Canvas([[u8; Self::WIDTH]; Self::WIDTH]);

impl Canvas {
    const WIDTH: usize = 3 * SIDE;

    fn new() -> Self {
        Self([[0; Self::WIDTH]; Self::WIDTH])
    }

    /// Flips, shifts and erases an image.
    #[inline(always)]
    fn paint(
        &mut self,
        image: &[u8],
        choices: Choices,
        augment: &Augment,
        picture: &mut [u8; PIXELS],
    ) {
        let Pose {
            flip,
            shift,
            erased,
        } = choices.pose(augment);
        let middle = self.0[SIDE..]
            .iter_mut()
            .map(|row| &mut row[SIDE..][..SIDE]);
        for (row, pixels) in middle.zip(image.chunks_exact(SIDE)) {
            row.copy_from_slice(pixels);
            if flip {
                row.reverse();
            }
        }
        let [left, top] = shift.map(|shift| (SIDE as i32 - shift) as usize);
        for (row, pixels) in self.0[top..].iter().zip(picture.chunks_exact_mut(SIDE)) {
            pixels.copy_from_slice(&row[left..][..SIDE]);
        }
        if let Some(rectangle) = erased {
            for row in rectangle.rows() {
                picture[row].fill(0);
            }
        }
    }
}
