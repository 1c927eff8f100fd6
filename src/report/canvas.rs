//! The canvas of all drawn pictures, with their colours, font and smooth edges.
//!
//! A picture is drawn at twice its size and averaged down, which smooths lines, areas, markers and
//! glyph positions alike: plotters itself smooths one-pixel lines only. The font comes with the
//! program, so that the pictures look the same on every machine, fonts installed or not.

use std::path::Path;
use std::sync::Once;

use anyhow::{Context, Result};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

use crate::util::text;
use crate::util::whole_file;

/// Pixels drawn per pixel of the picture, along each axis.
pub const SCALE: u32 = 2;

/// Name of the font of all text.
const FONT: &str = "report";

/// Colour of text.
pub const TEXT: RGBColor = RGBColor(50, 50, 50);
/// Colour of axes and of what stands behind the text.
pub const FRAME: RGBColor = RGBColor(120, 120, 120);
/// Colour of the lines behind a chart.
pub const GRID: RGBColor = RGBColor(228, 228, 228);

/// One colour per model: blue, vermilion, green and purple of Okabe and Ito's palette, which
/// people with any colour vision can tell apart.
pub const COLORS: [RGBColor; 4] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
];

/// Where things are drawn, in pixels that are [`SCALE`] times as fine as the picture's.
pub type Canvas<'a> = DrawingArea<BitMapBackend<'a>, Shift>;

/// Writes the picture that `draw` draws on white as a PNG file of `width` × `height` pixels.
///
/// # Errors
///
/// If `draw` fails, or the file cannot be written.
pub fn write(
    path: &Path,
    (width, height): (u32, u32),
    draw: impl FnOnce(&Canvas) -> Result<()>,
) -> Result<()> {
    static REGISTER: Once = Once::new();
    REGISTER.call_once(|| {
        // The bytes are a constant; should they ever be no font, drawing text returns an error.
        drop(register_font(
            FONT,
            FontStyle::Normal,
            epaint_default_fonts::UBUNTU_LIGHT,
        ));
    });
    let size = (width * SCALE, height * SCALE);
    let mut pixels = vec![0; 3 * (size.0 * size.1) as usize];
    {
        let canvas = BitMapBackend::with_buffer(&mut pixels, size).into_drawing_area();
        canvas.fill(&WHITE)?;
        draw(&canvas).with_context(|| format!("cannot draw {}", path.display()))?;
        canvas.present()?;
    }
    let png = encode_png(&downsample(&pixels, width as usize), width, height)?;
    whole_file::write(path, &png)
}

/// A length of the picture in the pixels that are drawn.
pub fn px(length: i32) -> i32 {
    length * SCALE as i32
}

/// Text of a size given in pixels of the picture.
pub fn font(size: i32, color: RGBColor) -> TextStyle<'static> {
    (FONT, px(size)).into_font().color(&color)
}

/// `line` as one printable line, cut so that it fits into `room` pixels of the picture.
pub fn fitted(canvas: &Canvas, line: &str, style: &TextStyle, room: i32) -> Result<String> {
    // More than fit; a longer line need not be measured.
    let mut chars = 200;
    let mut fitted = text::one_line(line, chars);
    while chars > 1 && canvas.estimate_text_size(&fitted, style)?.0 as i32 > px(room) {
        chars = fitted.chars().count() - 1;
        fitted = text::one_line(line, chars);
    }
    Ok(fitted)
}

/// The mean of each square of [`SCALE`] × [`SCALE`] pixels.
fn downsample(pixels: &[u8], width: usize) -> Vec<u8> {
    let scale = SCALE as usize;
    let mut out = Vec::with_capacity(pixels.len() / (scale * scale));
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

fn encode_png(pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}
