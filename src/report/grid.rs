//! A picture of many small images side by side.

use std::path::Path;

use anyhow::Result;

use super::pixels::{Pixels, Reduction, in_print};
use crate::dataset::ImageShape;
use crate::util::whole_file;

/// Pixels between images and around them.
const MARGIN: usize = 4;
/// Between blocks of rows.
const BLOCK_MARGIN: usize = 24;
const BACKGROUND: u8 = 255;
/// The longer side of an image, about.
const EDGE: usize = 84;
/// Pixels of all images together: the more they are, the smaller they become.
const ALL_PIXELS: usize = 16_000_000;
/// More rows than these are laid out in blocks side by side.
const BLOCK_ROWS: usize = 20;

/// Writes `rows` of images of any size as a PNG, grey ones dark on white as in print. Small images are
/// magnified, large ones reduced; many rows make blocks side by side, so that the picture is about as
/// wide as it is high.
///
/// # Errors
///
/// If a file of this name exists, or if it cannot be written.
pub fn draw_grid(path: &Path, shape: ImageShape, rows: &[Vec<&[u8]>]) -> Result<()> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0).max(1);
    let blocks = match rows.len() {
        ..=BLOCK_ROWS => 1,
        many => (many / columns).isqrt().max(1),
    };
    let block_rows = rows.len().div_ceil(blocks);
    let edge = EDGE.min((ALL_PIXELS / (rows.len() * columns).max(1)).isqrt());
    let reduction = Reduction::new(shape, edge);
    let shape = reduction.shape();
    let scale = (edge / shape.height.max(shape.width)).max(1);

    let [across, down] = [shape.width, shape.height].map(|side| side * scale + MARGIN);
    let block_width = columns * across + BLOCK_MARGIN;
    let width = blocks * block_width - BLOCK_MARGIN + MARGIN;
    let height = block_rows * down + MARGIN;
    let mut picture = Pixels::new(shape.channels, width, height, BACKGROUND);
    for (row, images) in rows.iter().enumerate() {
        let (block, row) = (row / block_rows, row % block_rows);
        for (column, image) in images.iter().enumerate() {
            let corner = [
                block * block_width + column * across + MARGIN,
                row * down + MARGIN,
            ];
            picture.put(&reduction.of(image), shape, corner, scale, in_print(shape));
        }
    }
    whole_file::write_new(path, &picture.png(png::Compression::default())?)
}
