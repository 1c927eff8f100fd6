//! Batches on slices.

use super::random::{Choices, Mix, Pose, Span};
use super::{Augment, Scale, Selection};
use crate::dataset::{ImageShape, MAX_CHANNELS, Spec};
use crate::ops::simd::{Isa, Kernel, Vector};

/// What batches are gathered from.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// `[len, channels, height, width]`, or those of a [part](Selection::part); there may be more bytes
    /// behind them.
    pub images: &'a [u8],
    /// What they look like.
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
/// If the selection or an index is out of range.
pub fn gather(isa: Isa, source: Source, selection: &Selection) -> (Vec<f32>, Vec<f32>) {
    let (first, len) = (selection.first as usize, selection.len as usize);
    let mut images = Vec::with_capacity(len * source.spec.shape.values());
    let mut targets = Vec::with_capacity(len * source.spec.classes);
    isa.run(Batch {
        source,
        key: selection.key,
        augment: selection.augment.clamped(source.spec.shape),
        scales: source
            .spec
            .channels
            .map(|channel| selection.normalization.scale(channel)),
        window: &source.order[first..][..len],
        skipped: selection.part.map(|part| first - part as usize),
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
    scales: [Scale; MAX_CHANNELS],
    window: &'a [u32],
    /// How many images of the part come before the window's, if only a part is there.
    skipped: Option<usize>,
    images: &'a mut Vec<f32>,
    targets: &'a mut Vec<f32>,
}

impl Kernel for Batch<'_> {
    // Plain loops: the compiler finds the vectors of each instruction set.
    #[inline(always)]
    unsafe fn run<V: Vector>(mut self) {
        if self.augment == Augment::NONE {
            let pixels = self.source.spec.shape.pixels();
            for (row, &index) in self.window.iter().enumerate() {
                normalize(self.image(row), pixels, &self.scales, self.images);
                self.target(index, index, pixels);
            }
        } else {
            self.augmented();
        }
    }
}

impl<'a> Batch<'a> {
    #[inline(always)]
    fn augmented(&mut self) {
        let (augment, spec) = (self.augment, self.source.spec);
        let shape = spec.shape;
        let len = self.window.len();
        let mut picture = vec![0; shape.values()];
        let mut other = picture.clone();
        let mut cropped = Cropped::new(shape);
        for (row, &index) in self.window.iter().enumerate() {
            let choices = Choices {
                key: self.key,
                spec,
                image: index,
            };
            paint(
                self.image(row),
                choices,
                &augment,
                &mut cropped,
                &mut picture,
            );
            let partner_row = (row + choices.distance(len)) % len;
            let partner = self.window[partner_row];
            let mix = choices.mix(&augment);
            if mix != Mix::No {
                let choices = Choices {
                    image: partner,
                    ..choices
                };
                let partner = self.image(partner_row);
                paint(partner, choices, &augment, &mut cropped, &mut other);
            }
            let parts = mix_in(&other, mix, shape, &mut picture);
            normalize(&picture, shape.pixels(), &self.scales, self.images);
            self.target(index, partner, parts);
        }
    }

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

    /// Appends the targets of a mixed image: its own class has `parts` of it, of as many as it has
    /// pixels, the class of its partner the rest.
    #[inline(always)]
    fn target(&mut self, index: u32, partner: u32, parts: usize) {
        let rest = self.source.spec.shape.pixels() - parts;
        let [own, other] = [index, partner].map(|index| self.source.labels[index as usize]);
        self.targets
            .extend((0..self.source.spec.classes as u32).map(|class| {
                let own = if class == own { parts } else { 0 };
                let other = if class == other { rest } else { 0 };
                self.source.target_values[own + other]
            }));
    }
}

/// Mixes another image into `picture`; returns how many parts, of as many as there are pixels, are
/// still its own.
#[inline(always)]
fn mix_in(other: &[u8], mix: Mix, shape: ImageShape, picture: &mut [u8]) -> usize {
    let pixels = shape.pixels();
    match mix {
        Mix::No => pixels,
        Mix::Cut(rectangle) => {
            let planes = picture.chunks_exact_mut(pixels);
            for (plane, other) in planes.zip(other.chunks_exact(pixels)) {
                for row in rectangle.rows(shape.width) {
                    plane[row.clone()].copy_from_slice(&other[row]);
                }
            }
            pixels - rectangle.area()
        }
        Mix::Blend(parts) => {
            let all = pixels as u32;
            for (pixel, &other) in picture.iter_mut().zip(other) {
                let sum = parts * u32::from(*pixel) + (all - parts) * u32::from(other);
                // To the nearest.
                *pixel = ((sum + all / 2) / all) as u8;
            }
            parts as usize
        }
    }
}

/// Appends an image, channels of so many pixels, as the numbers of the network.
#[inline(always)]
fn normalize(image: &[u8], pixels: usize, scales: &[Scale], images: &mut Vec<f32>) {
    for (plane, scale) in image.chunks_exact(pixels).zip(scales) {
        let (offset, factor) = (i16::from(scale.offset), scale.factor());
        images.extend(
            plane
                .iter()
                .map(|&byte| f32::from(i16::from(byte) - offset) * factor),
        );
    }
}

/// A channel of a cropped image, and what it is made with.
struct Cropped {
    /// `[height, width]`.
    plane: Vec<u8>,
    /// `[width]`: a row between two rows, in 256ths.
    row: Vec<u32>,
    /// `[width]`: between which two columns each column lies, and how far behind the first, in 256ths.
    columns: Vec<(usize, usize, u32)>,
}

impl Cropped {
    fn new(shape: ImageShape) -> Self {
        Self {
            plane: vec![0; shape.pixels()],
            row: vec![0; shape.width],
            columns: vec![(0, 0, 0); shape.width],
        }
    }

    /// Enlarges what the spans show of `image`, a channel.
    #[inline(always)]
    fn fill(&mut self, image: &[u8], [across, down]: [Span; 2]) {
        let width = self.row.len();
        for (x, column) in self.columns.iter_mut().enumerate() {
            *column = across.at(x);
        }
        for (y, cropped) in self.plane.chunks_exact_mut(width).enumerate() {
            let (above, below, down) = down.at(y);
            let [above, below] = [above, below].map(|y| &image[y * width..][..width]);
            for ((between, &above), &below) in self.row.iter_mut().zip(above).zip(below) {
                *between = (256 - down) * u32::from(above) + down * u32::from(below);
            }
            for (pixel, &(left, right, across)) in cropped.iter_mut().zip(&self.columns) {
                let sum = (256 - across) * self.row[left] + across * self.row[right];
                // To the nearest.
                *pixel = ((sum + (1 << 15)) >> 16) as u8;
            }
        }
    }
}

/// Crops an image, flips it, shifts it, changes its colours and erases a part.
#[inline(always)]
fn paint(
    image: &[u8],
    choices: Choices,
    augment: &Augment,
    cropped: &mut Cropped,
    picture: &mut [u8],
) {
    let Pose {
        crop,
        flip,
        shift: [right, down],
        color,
        erased,
    } = choices.pose(augment);
    let ImageShape { height, width, .. } = choices.spec.shape;
    let plane = height * width;
    // Columns that stay in the picture: of the image, and where they come to lie.
    let columns = width - right.unsigned_abs() as usize;
    let (from, to) = ((-right).max(0) as usize, right.max(0) as usize);
    let planes = image
        .chunks_exact(plane)
        .zip(picture.chunks_exact_mut(plane));
    for (channel, (mut image, picture)) in planes.enumerate() {
        if let Some(spans) = crop {
            cropped.fill(image, spans);
            image = &cropped.plane;
        }
        picture.fill(0);
        for (y, row) in image.chunks_exact(width).enumerate() {
            let y = y as i32 + down;
            if !(0..height as i32).contains(&y) {
                continue;
            }
            let shifted = &mut picture[y as usize * width + to..][..columns];
            if flip {
                let mirrored = row.iter().rev().skip(from);
                for (pixel, &byte) in shifted.iter_mut().zip(mirrored) {
                    *pixel = byte;
                }
            } else {
                shifted.copy_from_slice(&row[from..][..columns]);
            }
            if let Some(lines) = color {
                let line = lines[channel];
                shifted
                    .iter_mut()
                    .for_each(|pixel| *pixel = line.at(*pixel));
            }
        }
        for row in erased.iter().flat_map(|erased| erased.rows(width)) {
            picture[row].fill(0);
        }
    }
}
