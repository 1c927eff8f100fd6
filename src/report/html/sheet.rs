//! The test images that a page shows, in one picture for each size that they have.

use std::collections::HashMap;

use anyhow::Result;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use png::Compression;

use crate::dataset::ImageShape;
use crate::report::pixels::{Pixels, Reduction};

/// Images in a row of a sheet.
pub const COLUMNS: usize = 40;
/// From one image to the next: a pixel around each keeps its neighbours out when it is scaled.
const GAP: usize = 2;

/// The longer side of images whose pixels are shown as squares.
const PIXELATED: usize = 32;

/// Images that the size of a sheet is estimated from.
const SAMPLE: usize = 100;

/// Images of one size, each of which is kept once however often it is added, and shown reduced.
pub struct Sheet<'a> {
    shape: ImageShape,
    reduction: Reduction,
    images: Vec<&'a [u8]>,
    indices: HashMap<&'a [u8], usize>,
}

impl<'a> Sheet<'a> {
    /// Without images; they are shown with no side longer than `side` pixels.
    fn new(shape: ImageShape, side: usize) -> Self {
        Self {
            shape,
            reduction: Reduction::new(shape, side),
            images: Vec::new(),
            indices: HashMap::new(),
        }
    }

    /// Adds an image of the sheet's shape and returns its index, counted row by row.
    pub fn add(&mut self, image: &'a [u8]) -> usize {
        *self.indices.entry(image).or_insert_with(|| {
            self.images.push(image);
            self.images.len() - 1
        })
    }

    /// The sheet as a PNG, grey images light on dark as the models see them.
    ///
    /// # Errors
    ///
    /// If it is too large for a PNG.
    fn png(&self) -> Result<Vec<u8>> {
        png(self.reduction, &self.images)
    }

    /// About how many bytes [`png`](Self::png) has, from a sample of the images.
    ///
    /// # Errors
    ///
    /// As of [`png`](Self::png).
    fn estimated_bytes(&self) -> Result<usize> {
        let step = self.images.len().div_ceil(SAMPLE).max(1);
        let sample: Vec<&[u8]> = self.images.iter().copied().step_by(step).collect();
        Ok(png(self.reduction, &sample)?.len() * self.images.len() / sample.len().max(1))
    }
}

/// The sheets of a page.
pub struct Sheets<'a> {
    side: usize,
    sheets: Vec<Sheet<'a>>,
}

impl<'a> Sheets<'a> {
    /// None yet; images are shown with no side longer than `side` pixels.
    pub fn new(side: usize) -> Self {
        Self {
            side,
            sheets: Vec::new(),
        }
    }

    /// The sheet for images of this shape, and its number.
    pub fn of(&mut self, shape: ImageShape) -> (usize, &mut Sheet<'a>) {
        let known = self.sheets.iter().position(|sheet| sheet.shape == shape);
        let number = known.unwrap_or_else(|| {
            self.sheets.push(Sheet::new(shape, self.side));
            self.sheets.len() - 1
        });
        (number, &mut self.sheets[number])
    }

    /// About how many bytes the sheets have.
    ///
    /// # Errors
    ///
    /// If one is too large for a PNG.
    pub fn estimated_bytes(&self) -> Result<usize> {
        self.sheets.iter().map(Sheet::estimated_bytes).sum()
    }

    /// A rule of the style sheet for each: a thumbnail of the class `sheet-N` shows images of sheet `N`.
    ///
    /// # Errors
    ///
    /// If one is too large for a PNG.
    pub fn style(&self) -> Result<String> {
        let rules = self.sheets.iter().enumerate().map(|(number, sheet)| {
            let ImageShape {
                channels,
                height,
                width,
            } = sheet.reduction.shape();
            // The style sheet shows grey images dark on light.
            let blend = match channels {
                1 => "",
                _ => " background-blend-mode: normal;",
            };
            let longer = height.max(width);
            // The pixels of a larger image are too small to be seen one by one.
            let smooth = match longer {
                ..=PIXELATED => "",
                _ => " image-rendering: auto;",
            };
            let png = BASE64_STANDARD.encode(sheet.png()?);
            Ok(format!(
                ".sheet-{number} {{ --width: {width}; --height: {height}; --longer: {longer}; --gap: {GAP}; \
                 --columns: {COLUMNS};{blend}{smooth} background-image: url(data:image/png;base64,{png}); }}\n"
            ))
        });
        rules.collect()
    }
}

/// Images in rows of [`COLUMNS`] as a PNG.
fn png(reduction: Reduction, images: &[&[u8]]) -> Result<Vec<u8>> {
    let shape = reduction.shape();
    let rows = images.len().div_ceil(COLUMNS).max(1);
    let [across, down] = [shape.width, shape.height].map(|side| side + GAP);
    let mut pixels = Pixels::new(shape.channels, COLUMNS * across, rows * down, 0);
    for (index, image) in images.iter().enumerate() {
        let corner = [
            index % COLUMNS * across + GAP / 2,
            index / COLUMNS * down + GAP / 2,
        ];
        pixels.put(&reduction.of(image), shape, corner, 1, |value| value);
    }
    pixels.png(Compression::High)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{FASHION_MNIST_SHAPE, PIXELS, SIDE};

    #[test]
    fn every_image_lies_at_its_place_once() {
        let images: Vec<Vec<u8>> = (0..50)
            .map(|n| (0..PIXELS).map(|i| (i * (n + 1) % 251) as u8).collect())
            .collect();
        let mut sheet = Sheet::new(FASHION_MNIST_SHAPE, 64);
        for (index, image) in images.iter().enumerate() {
            assert_eq!(sheet.add(image), index);
        }
        let again = images[3].clone();
        assert_eq!(sheet.add(&again), 3);
        let png = sheet.png().unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&png))
            .read_info()
            .unwrap();
        assert_eq!((reader.info().width, reader.info().height), (1200, 60));
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        for (index, image) in images.iter().enumerate() {
            let (left, top) = (index % 40 * 30 + 1, index / 40 * 30 + 1);
            for y in 0..SIDE {
                let row = &pixels[(top + y) * 1200 + left..][..SIDE];
                assert_eq!(row, &image[y * SIDE..][..SIDE], "image {index}, row {y}");
            }
        }
    }

    #[test]
    fn the_size_is_known_before_the_sheet_is_made() {
        let images: Vec<Vec<u8>> = (0..1000_usize)
            .map(|n| {
                (0..PIXELS)
                    .map(|i| (i * i * (n + 7) % 241 * (n % 5) / 4) as u8)
                    .collect()
            })
            .collect();
        let mut sheet = Sheet::new(FASHION_MNIST_SHAPE, 64);
        assert!(sheet.estimated_bytes().unwrap() < 1000);
        for image in &images {
            sheet.add(image);
        }
        let (estimate, bytes) = (sheet.estimated_bytes().unwrap(), sheet.png().unwrap().len());
        assert!(estimate.abs_diff(bytes) < bytes / 5, "{estimate} {bytes}");
    }

    #[test]
    fn each_size_has_a_sheet_and_its_rule() {
        let shape = ImageShape {
            channels: 3,
            height: 5,
            width: 9,
        };
        let (grey, colour) = (vec![7; PIXELS], (0..135).collect::<Vec<u8>>());
        let mut sheets = Sheets::new(64);
        assert_eq!(sheets.of(FASHION_MNIST_SHAPE).1.add(&grey), 0);
        let (number, sheet) = sheets.of(shape);
        assert_eq!((number, sheet.add(&colour)), (1, 0));
        assert_eq!(sheets.of(FASHION_MNIST_SHAPE).0, 0);
        let style = sheets.style().unwrap();
        assert!(style.contains(".sheet-0 { --width: 28; --height: 28; --longer: 28;"));
        assert!(style.contains(".sheet-1 { --width: 9; --height: 5; --longer: 9;"));
        assert_eq!(style.matches("background-blend-mode: normal").count(), 1);

        let png = sheets.of(shape).1.png().unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&png))
            .read_info()
            .unwrap();
        assert_eq!((reader.info().width, reader.info().height), (440, 7));
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        for (i, value) in colour.iter().enumerate() {
            let (channel, y, x) = (i / 45, i / 9 % 5, i % 9);
            assert_eq!(pixels[((y + 1) * 440 + x + 1) * 3 + channel], *value);
        }

        // No side longer than 4: three pixels become one.
        let mut sheets = Sheets::new(4);
        sheets.of(shape).1.add(&colour);
        assert!(
            sheets
                .style()
                .unwrap()
                .contains("--width: 3; --height: 2; --longer: 3;")
        );
    }
}
