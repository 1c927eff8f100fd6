//! Augmentation of an image's bytes, on the CPU.

use super::Augment;
use super::random::{ImageRng, Mix, Pose, Span};
use crate::dataset::ImageShape;

/// Mixes another image into `picture`; returns how many parts, of as many as there are pixels, are
/// still its own.
#[inline(always)]
pub fn mix_in(other: &[u8], mix: Mix, shape: ImageShape, picture: &mut [u8]) -> usize {
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

/// A channel of a cropped image, and what it is made with.
pub struct Cropped {
    /// `[height, width]`.
    plane: Vec<u8>,
    /// `[width]`: a row between two rows, in 256ths.
    row: Vec<u32>,
    /// `[width]`: between which two columns each column lies, and how far behind the first, in 256ths.
    columns: Vec<(usize, usize, u32)>,
}

impl Cropped {
    pub fn new(shape: ImageShape) -> Self {
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
pub fn paint(
    image: &[u8],
    rng: ImageRng,
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
    } = rng.pose(augment);
    let ImageShape { height, width, .. } = rng.spec.shape;
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
