//! Learning curves as PNG pictures.
//!
//! The chart is drawn at twice its size and averaged down, which smooths lines, markers and
//! glyph positions alike: plotters itself smooths one-pixel lines only. The font comes with the
//! program, so that the pictures look the same on every machine, fonts installed or not.

use std::fs;
use std::path::Path;
use std::sync::Once;

use anyhow::{Context, Result};
use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::{FontStyle, register_font};

use crate::report::axis::Axis;
use crate::text;
use crate::train::history::{EpochRecord, History};

/// Size of the picture in pixels.
pub const WIDTH: u32 = 1280;
/// See [`WIDTH`].
pub const HEIGHT: u32 = 800;

/// Pixels drawn per pixel of the picture, along each axis.
const SCALE: u32 = 2;

const FONT: &str = "curves";
const TEXT: RGBColor = RGBColor(50, 50, 50);
const FRAME: RGBColor = RGBColor(120, 120, 120);
const GRID: RGBColor = RGBColor(228, 228, 228);

/// One colour per model: blue, vermilion, green and purple of Okabe and Ito's palette, which
/// people with any colour vision can tell apart.
const COLORS: [RGBColor; 4] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
];

/// Curves of more points than this go without markers.
const MAX_MARKED: usize = 40;

/// Distance of the plot from the picture's left and right edge.
const LEFT: i32 = 104;
const RIGHT: i32 = 36;
/// Room for the upper half of the vertical axis' name, which plotters would cut off.
const Y_DESC: i32 = 16;

/// What the curves show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Fractions of images classified correctly, as percentages.
    Accuracy,
    /// Mean cross-entropies in nats.
    Loss,
}

impl Metric {
    fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "Accuracy",
            Self::Loss => "Loss",
        }
    }

    /// The axis' value of a record: accuracy in percent.
    fn of(self, record: &EpochRecord, part: Part) -> f64 {
        match (self, part) {
            (Self::Accuracy, Part::Training) => 100.0 * record.train_accuracy,
            (Self::Accuracy, Part::Validation) => 100.0 * record.validation_accuracy,
            (Self::Loss, Part::Training) => record.train_loss,
            (Self::Loss, Part::Validation) => record.validation_loss,
        }
    }
}

/// The images a curve is measured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Training,
    Validation,
}

/// A line in the chart. Values that cannot be drawn split it into several `segments`.
struct Curve {
    label: String,
    part: Part,
    color: RGBColor,
    /// Points (epoch, value).
    segments: Vec<Vec<(f64, f64)>>,
}

/// Draws every model's training curve (dashed, pale) and validation curve (solid) over the
/// epochs to a PNG file of [`WIDTH`] × [`HEIGHT`] pixels.
///
/// `subject` follows the metric in the title and names dataset, backend and device; it is
/// shortened if it does not fit. NaN and infinite values leave gaps.
///
/// # Errors
/// When the file cannot be written.
pub fn draw_curves(path: &Path, metric: Metric, subject: &str, history: &History) -> Result<()> {
    let pixels = render(metric, subject, history).context("cannot draw the curves")?;
    fs::write(path, encode_png(&pixels)?)
        .with_context(|| format!("cannot write the curves to {}", path.display()))
}

/// The picture's pixels: RGB, row by row.
fn render(metric: Metric, subject: &str, history: &History) -> Result<Vec<u8>> {
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
        let root = BitMapBackend::with_buffer(&mut pixels, size).into_drawing_area();
        root.fill(&WHITE)?;
        let curves = curves(metric, history);
        draw_title(&root, &format!("{}: {subject}", metric.name()))?;
        draw_legend(&root, &curves)?;
        let epochs = range(history.records.iter().map(|r| r.epoch as f64));
        let area = root.margin(px(92), px(12), px(Y_DESC), px(RIGHT));
        draw_chart(&area, metric, &curves, epochs)?;
        root.present()?;
    }
    Ok(downsample(&pixels))
}

/// Two curves per model, those of training first so that validation lies on top.
fn curves(metric: Metric, history: &History) -> Vec<Curve> {
    let mut curves = Vec::new();
    for part in [Part::Training, Part::Validation] {
        for (model, color) in history.models().into_iter().zip(COLORS.iter().cycle()) {
            let mut segments = vec![Vec::new()];
            for record in history.of(model) {
                let value = metric.of(record, part);
                // Beyond f32 a value is no result of training, and an axis could overflow.
                if (value as f32).is_finite() {
                    let last = segments.len() - 1;
                    segments[last].push((record.epoch as f64, value));
                } else {
                    segments.push(Vec::new());
                }
            }
            segments.retain(|segment| !segment.is_empty());
            let (name, color) = match part {
                Part::Training => ("training", pale(*color)),
                Part::Validation => ("validation", *color),
            };
            curves.push(Curve {
                label: format!("{}, {name}", text::one_line(model, 16)),
                part,
                color,
                segments,
            });
        }
    }
    curves
}

type Canvas<'a> = DrawingArea<BitMapBackend<'a>, Shift>;

fn draw_title(root: &Canvas, title: &str) -> Result<()> {
    let style = (FONT, px(27)).into_font().color(&TEXT);
    let room = (WIDTH as i32 - LEFT - RIGHT) * SCALE as i32;
    // More than fit; a longer title need not be measured.
    let mut chars = 200;
    let mut line = text::one_line(title, chars);
    while root.estimate_text_size(&line, &style)?.0 as i32 > room {
        chars -= 1;
        line = text::one_line(title, chars);
    }
    root.draw_text(&line, &style, (px(LEFT), px(26)))?;
    Ok(())
}

/// One row under the title, where it can cover no curve; a model's two curves side by side.
fn draw_legend(root: &Canvas, curves: &[Curve]) -> Result<()> {
    let style = (FONT, px(19)).into_font().color(&TEXT);
    let (training, validation) = curves.split_at(curves.len() / 2);
    let mut x = px(LEFT);
    for curve in training
        .iter()
        .zip(validation)
        .flat_map(<[&Curve; 2]>::from)
    {
        let middle = px(75);
        let sample = [(x, middle), (x + px(46), middle)];
        match curve.part {
            Part::Training => root.draw(&dashed(&sample, curve.color))?,
            Part::Validation => root.draw(&PathElement::new(sample, line(curve)))?,
        }
        root.draw(&Circle::new(
            (x + px(23), middle),
            marker_radius(curve),
            curve.color.filled(),
        ))?;
        x += px(56);
        root.draw_text(&curve.label, &style, (x, middle - px(6)))?;
        x += root.estimate_text_size(&curve.label, &style)?.0 as i32 + px(30);
    }
    Ok(())
}

fn draw_chart(
    area: &Canvas,
    metric: Metric,
    curves: &[Curve],
    epochs: Option<(f64, f64)>,
) -> Result<()> {
    let points = curves.iter().flat_map(|c| c.segments.iter().flatten());
    let values = range(points.map(|(_, value)| *value));
    let (Some(epochs), Some(values)) = (epochs, values) else {
        let style = (FONT, px(24)).into_font().color(&TEXT);
        let message = "No finite values to show";
        let (width, height) = area.estimate_text_size(message, &style)?;
        let (area_width, area_height) = area.dim_in_pixel();
        let position = (
            (area_width as i32 - width as i32) / 2,
            (area_height as i32 - height as i32) / 2,
        );
        return Ok(area.draw_text(message, &style, position)?);
    };

    let x_axis = Axis::of_epochs(epochs);
    let y_axis = match metric {
        Metric::Accuracy => Axis::of_values(values, 0.1, " %"),
        Metric::Loss => Axis::of_values(values, 0.0001, ""),
    };
    let (x_count, y_count) = (x_axis.labels(), y_axis.labels());
    let mut chart = ChartBuilder::on(area)
        .set_label_area_size(LabelAreaPosition::Left, px(LEFT - Y_DESC))
        .set_label_area_size(LabelAreaPosition::Bottom, px(60))
        .margin_top(px(10))
        .build_cartesian_2d(x_axis, y_axis)?;
    chart
        .configure_mesh()
        .axis_style(FRAME.stroke_width(SCALE))
        .bold_line_style(GRID.stroke_width(SCALE))
        .light_line_style(TRANSPARENT)
        .label_style((FONT, px(18)).into_font().color(&TEXT))
        .axis_desc_style((FONT, px(21)).into_font().color(&TEXT))
        .set_all_tick_mark_size(px(5))
        .y_label_offset(px(3))
        .x_labels(x_count)
        .y_labels(y_count)
        .x_desc("Epoch")
        .y_desc(metric.name())
        .draw()?;

    for curve in curves {
        let marked = curve.segments.iter().map(Vec::len).sum::<usize>() <= MAX_MARKED;
        for segment in &curve.segments {
            match curve.part {
                Part::Training => {
                    chart.draw_series([dashed(segment, curve.color)])?;
                }
                Part::Validation => {
                    chart.draw_series([PathElement::new(segment.clone(), line(curve))])?;
                }
            }
            if marked || segment.len() == 1 {
                let (radius, style) = (marker_radius(curve), curve.color.filled());
                chart.draw_series(segment.iter().map(|&p| Circle::new(p, radius, style)))?;
            }
        }
    }
    Ok(())
}

fn line(curve: &Curve) -> ShapeStyle {
    curve.color.stroke_width(3 * SCALE)
}

fn dashed<P: Clone>(
    points: &[P],
    color: RGBColor,
) -> DashedPathElement<std::iter::Cloned<std::slice::Iter<'_, P>>, i32> {
    DashedPathElement::new(
        points.iter().cloned(),
        px(9),
        px(6),
        color.stroke_width(2 * SCALE),
    )
}

fn marker_radius(curve: &Curve) -> i32 {
    match curve.part {
        Part::Training => px(4),
        Part::Validation => px(5),
    }
}

/// Half way from `color` to white.
fn pale(color: RGBColor) -> RGBColor {
    let half = |channel: u8| channel / 2 + 128;
    RGBColor(half(color.0), half(color.1), half(color.2))
}

/// Smallest and largest value, if there is any.
fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |range, value| match range {
        None => Some((value, value)),
        Some((low, high)) => Some((value.min(low), value.max(high))),
    })
}

/// A length of the picture in the pixels that are drawn.
fn px(length: i32) -> i32 {
    length * SCALE as i32
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

fn encode_png(pixels: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, WIDTH, HEIGHT);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}
