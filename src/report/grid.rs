//! A picture of many small images side by side.

use std::path::Path;

use anyhow::Result;

use crate::dataset::SIDE;
use crate::util::whole_file;

/// Pixels between images and around them.
const MARGIN: usize = 4;
const BACKGROUND: u8 = 255;

/// Writes `rows` of 28×28 images as a greyscale PNG, each pixel `scale × scale`, dark on white as
/// in print.
///
/// # Errors
///
/// If a file of this name exists, or if it cannot be written.
pub fn draw_grid(path: &Path, rows: &[Vec<&[u8]>], scale: usize) -> Result<()> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cell = SIDE * scale + MARGIN;
    let (width, height) = (columns * cell + MARGIN, rows.len() * cell + MARGIN);
    let mut picture = vec![BACKGROUND; width * height];
    for (row, images) in rows.iter().enumerate() {
        for (column, image) in images.iter().enumerate() {
            let corner = (row * cell + MARGIN) * width + column * cell + MARGIN;
            for y in 0..SIDE * scale {
                let line = &mut picture[corner + y * width..][..SIDE * scale];
                for (x, pixel) in line.iter_mut().enumerate() {
                    *pixel = 255 - image[y / scale * SIDE + x / scale];
                }
            }
        }
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, u32::try_from(width)?, u32::try_from(height)?);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&picture)?;
    writer.finish()?;
    whole_file::write_new(path, &bytes)
}
