//! The test images that a page shows, all in one picture.

use std::collections::HashMap;

use anyhow::Result;

use crate::dataset::{PIXELS, SIDE};

/// Images in a row of the sheet.
pub const COLUMNS: usize = 40;
/// From one image to the next: a pixel around each keeps its neighbours out when it is scaled.
pub const PITCH: usize = SIDE + 2;

/// Images that the size of a sheet is estimated from.
const SAMPLE: usize = 100;

/// Images, each of which is kept once however often it is added.
#[derive(Default)]
pub struct Sheet<'a> {
    images: Vec<&'a [u8]>,
    places: HashMap<&'a [u8], usize>,
}

impl<'a> Sheet<'a> {
    /// Adds an image of 784 bytes and returns its place, counted row by row.
    pub fn add(&mut self, image: &'a [u8]) -> usize {
        *self.places.entry(image).or_insert_with(|| {
            self.images.push(image);
            self.images.len() - 1
        })
    }

    /// The sheet as a greyscale PNG, light on dark as the images are.
    ///
    /// # Errors
    ///
    /// If it is too large for a PNG.
    pub fn png(&self) -> Result<Vec<u8>> {
        png(&self.images)
    }

    /// About how many bytes [`png`](Self::png) has, from a sample of the images.
    ///
    /// # Errors
    ///
    /// As of [`png`](Self::png).
    pub fn estimated_bytes(&self) -> Result<usize> {
        let step = self.images.len().div_ceil(SAMPLE).max(1);
        let sample: Vec<&[u8]> = self.images.iter().copied().step_by(step).collect();
        Ok(png(&sample)?.len() * self.images.len() / sample.len().max(1))
    }
}

/// Images in rows of [`COLUMNS`] as a greyscale PNG.
fn png(images: &[&[u8]]) -> Result<Vec<u8>> {
    let rows = images.len().div_ceil(COLUMNS).max(1);
    let (width, height) = (COLUMNS * PITCH, rows * PITCH);
    let mut pixels = vec![0; width * height];
    for (place, image) in images.iter().enumerate() {
        let corner = (place / COLUMNS * PITCH + 1) * width + place % COLUMNS * PITCH + 1;
        for (y, row) in image[..PIXELS].chunks_exact(SIDE).enumerate() {
            pixels[corner + y * width..][..SIDE].copy_from_slice(row);
        }
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, u32::try_from(width)?, u32::try_from(height)?);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_compression(png::Compression::High);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels)?;
    writer.finish()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_lies_at_its_place_once() {
        let images: Vec<Vec<u8>> = (0..50)
            .map(|n| (0..PIXELS).map(|i| (i * (n + 1) % 251) as u8).collect())
            .collect();
        let mut sheet = Sheet::default();
        for (place, image) in images.iter().enumerate() {
            assert_eq!(sheet.add(image), place);
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
        for (place, image) in images.iter().enumerate() {
            let (left, top) = (place % 40 * 30 + 1, place / 40 * 30 + 1);
            for y in 0..SIDE {
                let row = &pixels[(top + y) * 1200 + left..][..SIDE];
                assert_eq!(row, &image[y * SIDE..][..SIDE], "image {place}, row {y}");
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
        let mut sheet = Sheet::default();
        assert!(sheet.estimated_bytes().unwrap() < 1000);
        for image in &images {
            sheet.add(image);
        }
        let (estimate, bytes) = (sheet.estimated_bytes().unwrap(), sheet.png().unwrap().len());
        assert!(estimate.abs_diff(bytes) < bytes / 5, "{estimate} {bytes}");
    }
}
