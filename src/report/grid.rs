//! A picture of many small images side by side.

use std::path::Path;

use anyhow::Result;

use super::pixels::{Pixels, in_print};
use crate::dataset::ImageShape;
use crate::util::whole_file;

/// Pixels between images and around them.
const MARGIN: usize = 4;
const BACKGROUND: u8 = 255;

/// Writes `rows` of images as a PNG, each pixel `scale × scale`, grey ones dark on white as in print.
///
/// # Errors
///
/// If a file of this name exists, or if it cannot be written.
pub fn draw_grid(path: &Path, shape: ImageShape, rows: &[Vec<&[u8]>], scale: usize) -> Result<()> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let [across, down] = [shape.width, shape.height].map(|side| side * scale + MARGIN);
    let (width, height) = (columns * across + MARGIN, rows.len() * down + MARGIN);
    let mut picture = Pixels::new(shape.channels, width, height, BACKGROUND);
    for (row, images) in rows.iter().enumerate() {
        for (column, image) in images.iter().enumerate() {
            let corner = [column * across + MARGIN, row * down + MARGIN];
            picture.put(image, shape, corner, scale, in_print(shape));
        }
    }
    whole_file::write_new(path, &picture.png(png::Compression::default())?)
}
