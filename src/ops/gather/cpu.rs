//! Batches on slices.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::paint::{Cropped, mix_in, paint};
use super::random::{ImageRng, Mix};
use super::{Augment, Scale, Selection};
use crate::dataset::{MAX_CHANNELS, Spec};
use crate::ops::simd::{Isa, Vector, WithSimd};
use crate::ops::uninit::written;

/// Images per unit of parallel work.
const CHUNK: usize = 16;

/// The dataset that batches are gathered from.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// `[len, channels, height, width]`: all images, or those of a [part](Selection::part). More bytes may
    /// follow.
    pub images: &'a [u8],
    /// Shape and channels of the images, and the number of classes.
    pub spec: Spec,
    /// `[len]`, below the number of classes.
    pub labels: &'a [u32],
    /// Indices of images.
    pub order: &'a [u32],
    /// `[height · width + 1]`: see [`target_values`](super::target_values).
    pub target_values: &'a [f32],
}

/// Images `[batch, channels, height, width]` and targets `[batch, classes]`.
///
/// # Panics
///
/// If the selection or an index is out of range, or images have more channels than [`MAX_CHANNELS`].
pub fn gather(isa: Isa, source: Source, selection: &Selection) -> (Vec<f32>, Vec<f32>) {
    let Spec {
        shape, channels, ..
    } = source.spec;
    assert!(shape.channels <= MAX_CHANNELS, "{shape:?}");
    let (first, len) = (selection.first as usize, selection.len as usize);
    let batch = Batch {
        source,
        key: selection.key,
        augment: selection.augment.clamped(shape),
        scales: channels.map(|channel| selection.normalization.scale(channel)),
        window: &source.order[first..][..len],
        skipped: selection.part.map(|part| first - part as usize),
    };
    let (values, classes) = (shape.values(), source.spec.classes);
    // SAFETY: each chunk writes all of its rows, and the chunks cover all rows.
    let (images, (targets, ())) = unsafe {
        written(len * values, |images| {
            written(len * classes, |targets| {
                images
                    .par_chunks_mut(CHUNK * values)
                    .zip(targets.par_chunks_mut(CHUNK * classes))
                    .enumerate()
                    .for_each(|(part, (images, targets))| {
                        isa.run(Rows {
                            batch: &batch,
                            first: part * CHUNK,
                            images,
                            targets,
                        });
                    });
            })
        })
    };
    (images, targets)
}

/// The images of a batch, and how they are augmented and scaled.
struct Batch<'a> {
    source: Source<'a>,
    key: [u32; 2],
    augment: Augment,
    scales: [Scale; MAX_CHANNELS],
    window: &'a [u32],
    /// Where the source holds only a part of the images: the index of the window's first image in it. The
    /// part holds images in the order of the epoch.
    skipped: Option<usize>,
}

/// Consecutive rows of a batch, from `first` on; the slices tell how many.
struct Rows<'a> {
    batch: &'a Batch<'a>,
    first: usize,
    images: &'a mut [MaybeUninit<f32>],
    targets: &'a mut [MaybeUninit<f32>],
}

impl WithSimd for Rows<'_> {
    // Plain loops, which the compiler vectorises for each instruction set.
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { batch, first, .. } = self;
        let Spec { shape, classes, .. } = batch.source.spec;
        let images = self.images.chunks_exact_mut(shape.values());
        let rows = images
            .zip(self.targets.chunks_exact_mut(classes))
            .zip(first..);
        if batch.augment == Augment::NONE {
            for ((image, targets), row) in rows {
                let index = batch.window[row];
                batch.write_image(batch.image(row), image);
                batch.write_targets([index, index], shape.pixels(), targets);
            }
        } else {
            let mut painter = Painter::new(batch);
            for ((image, targets), row) in rows {
                let (partner, parts) = painter.augmented(row);
                batch.write_image(&painter.picture, image);
                batch.write_targets([batch.window[row], partner], parts, targets);
            }
        }
    }
}

impl<'a> Batch<'a> {
    /// The bytes of an image of the window.
    #[inline(always)]
    fn image(&self, row: usize) -> &'a [u8] {
        let place = match self.skipped {
            None => self.window[row] as usize,
            Some(skipped) => skipped + row,
        };
        let values = self.source.spec.shape.values();
        &self.source.images[place * values..][..values]
    }

    /// Writes an image as the network's input: offset and scaled by channel.
    #[inline(always)]
    fn write_image(&self, image: &[u8], values: &mut [MaybeUninit<f32>]) {
        let pixels = self.source.spec.shape.pixels();
        let planes = image.chunks_exact(pixels);
        let planes = planes.zip(values.chunks_exact_mut(pixels));
        for ((plane, values), scale) in planes.zip(&self.scales) {
            let (offset, factor) = (i16::from(scale.offset), scale.factor());
            for (value, &byte) in values.iter_mut().zip(plane) {
                value.write(f32::from(i16::from(byte) - offset) * factor);
            }
        }
    }

    /// Writes the targets of a mixed image of `n` pixels: `parts / n` for its own class, the rest for its
    /// partner's.
    #[inline(always)]
    fn write_targets(&self, images: [u32; 2], parts: usize, targets: &mut [MaybeUninit<f32>]) {
        let rest = self.source.spec.shape.pixels() - parts;
        let [own, other] = images.map(|index| self.source.labels[index as usize]);
        for (target, class) in targets.iter_mut().zip(0..) {
            let own = if class == own { parts } else { 0 };
            let other = if class == other { rest } else { 0 };
            target.write(self.source.target_values[own + other]);
        }
    }
}

/// Augments one image after the other.
struct Painter<'a> {
    batch: &'a Batch<'a>,
    /// The augmented image.
    picture: Vec<u8>,
    /// The augmented partner, which is mixed into it.
    other: Vec<u8>,
    cropped: Cropped,
}

impl<'a> Painter<'a> {
    fn new(batch: &'a Batch<'a>) -> Self {
        let shape = batch.source.spec.shape;
        let picture = vec![0; shape.values()];
        Self {
            batch,
            other: picture.clone(),
            picture,
            cropped: Cropped::new(shape),
        }
    }

    /// Makes the picture of a row. Returns the index of the image that was mixed into it, and the number of parts
    /// that are still its own, of as many as there are pixels.
    #[inline(always)]
    fn augmented(&mut self, row: usize) -> (u32, usize) {
        let Batch {
            source: Source { spec, .. },
            augment,
            key,
            window,
            ..
        } = *self.batch;
        let rng = ImageRng {
            key,
            spec,
            image: window[row],
        };
        let image = self.batch.image(row);
        paint(image, rng, &augment, &mut self.cropped, &mut self.picture);
        let partner_row = (row + rng.distance(window.len())) % window.len();
        let partner = window[partner_row];
        let mix = rng.mix(&augment);
        if mix != Mix::No {
            let rng = ImageRng {
                image: partner,
                ..rng
            };
            let image = self.batch.image(partner_row);
            paint(image, rng, &augment, &mut self.cropped, &mut self.other);
        }
        let parts = mix_in(&self.other, mix, spec.shape, &mut self.picture);
        (partner, parts)
    }
}
