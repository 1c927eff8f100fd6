//! What pictures are drawn on.
//!
//! A picture is drawn at twice its size and averaged down, which smooths lines, markers and glyph
//! positions alike: plotters itself smooths one-pixel lines only. The font comes with the program,
//! so that the pictures look the same on every machine, fonts installed or not.

use std::sync::Once;

use anyhow::Result;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

/// Size of the picture in pixels.
pub const WIDTH: u32 = 1280;
/// See [`WIDTH`].
pub const HEIGHT: u32 = 800;

/// Pixels drawn per pixel of the picture, along each axis.
pub const SCALE: u32 = 2;

/// Name of the font of all text.
pub const FONT: &str = "curves";

/// Where things are drawn, in pixels that are [`SCALE`] times as fine as the picture's.
pub type Canvas<'a> = DrawingArea<BitMapBackend<'a>, Shift>;

/// A length of the picture in the pixels that are drawn.
pub fn px(length: i32) -> i32 {
    length * SCALE as i32
}

/// The picture that `draw` draws on white: RGB, row by row.
///
/// # Errors
/// When `draw` fails.
pub fn render(draw: impl FnOnce(&Canvas) -> Result<()>) -> Result<Vec<u8>> {
    static REGISTER: Once = Once::new();
    REGISTER.call_once(|| {
        // The bytes are a constant; should they ever be no font, drawing text returns an error.
        drop(register_font(
            FONT,
            FontStyle::Normal,
            epaint_default_fonts::UBUNTU_LIGHT,
        ));
    });

    let size = (WIDTH * SCALE, HEIGHT * SCALE);
    let mut pixels = vec![0; 3 * (size.0 * size.1) as usize];
    {
        let canvas = BitMapBackend::with_buffer(&mut pixels, size).into_drawing_area();
        canvas.fill(&WHITE)?;
        draw(&canvas)?;
        canvas.present()?;
    }
    Ok(downsample(&pixels))
}

/// The mean of each square of [`SCALE`] × [`SCALE`] pixels.
fn downsample(pixels: &[u8]) -> Vec<u8> {
    let (width, scale) = (WIDTH as usize, SCALE as usize);
    let mut out = Vec::with_capacity(3 * width * HEIGHT as usize);
    for rows in pixels.chunks_exact(3 * width * scale * scale) {
        for x in 0..width {
            for channel in 0..3 {
                let sum: usize = (0..scale * scale)
                    .map(|i| (i / scale) * width * scale + x * scale + i % scale)
                    .map(|pixel| usize::from(rows[3 * pixel + channel]))
                    .sum();
                out.push((sum / (scale * scale)) as u8);
            }
        }
    }
    out
}

/// A picture of [`render`] as the bytes of a PNG file.
///
/// # Errors
/// When the encoder refuses the pixels.
pub fn encode_png(pixels: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, WIDTH, HEIGHT);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}
