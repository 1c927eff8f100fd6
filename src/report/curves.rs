//! Learning curves as PNG pictures.

use std::iter::Cloned;
use std::path::Path;
use std::slice;

use anyhow::Result;
use plotters::element::DashedPathElement;
use plotters::prelude::*;

use crate::report::axis::Axis;
use crate::report::canvas::{self, COLORS, Canvas, FRAME, GRID, SCALE, TEXT, fitted, font, px};
pub use crate::report::series::Metric;
use crate::report::series::{Curve, Part, curves, range};
use crate::train::history::History;

/// Size of the picture in pixels.
pub const WIDTH: u32 = 1280;
/// See [`WIDTH`].
pub const HEIGHT: u32 = 800;

/// How much of a band's colour covers what is under it.
const BAND_OPACITY: f64 = 0.25;

/// Curves of more points than this go without markers.
const MAX_MARKED: usize = 40;

/// Distance of the plot from the picture's left and right edge.
const LEFT: i32 = 104;
const RIGHT: i32 = 36;
/// Room for the upper half of the vertical axis' name, which plotters would cut off.
const Y_DESC: i32 = 16;

/// Draws every model's training curve (dashed, pale) and validation curve (solid) over the
/// epochs to a PNG file of [`WIDTH`] × [`HEIGHT`] pixels.
///
/// Several histories are those of the same models, trained with several seeds. The curves are
/// then means over the runs that reached an epoch, and around that of validation lies a band of
/// one standard deviation (over n − 1) to either side, where there are two such runs or more.
///
/// `subject` follows the metric in the title and names dataset, backend and device; it is
/// shortened if it does not fit. NaN and infinite values leave gaps, also where only one of the
/// runs has them.
///
/// # Errors
///
/// When the file cannot be written.
pub fn draw_curves(
    path: &Path,
    metric: Metric,
    subject: &str,
    histories: &[History],
) -> Result<()> {
    let curves = curves(metric, histories);
    let runs = match histories.len() {
        0 | 1 => String::new(),
        runs => format!(", mean of {runs} runs ± std"),
    };
    let title = format!("{}{runs}: {subject}", metric.name());
    let records = histories.iter().flat_map(|history| &history.records);
    let epochs = range(records.map(|record| record.epoch as f64));
    canvas::write(path, (WIDTH, HEIGHT), |root| {
        draw_title(root, &title)?;
        draw_legend(root, &curves)?;
        let area = root.margin(px(92), px(12), px(Y_DESC), px(RIGHT));
        draw_chart(&area, metric, &curves, epochs)
    })
}

fn draw_title(root: &Canvas, title: &str) -> Result<()> {
    let style = font(27, TEXT);
    let line = fitted(root, title, &style, WIDTH as i32 - LEFT - RIGHT)?;
    Ok(root.draw_text(&line, &style, (px(LEFT), px(26)))?)
}

/// One row under the title, where it can cover no curve; a model's two curves side by side.
fn draw_legend(root: &Canvas, curves: &[Curve]) -> Result<()> {
    let style = font(19, TEXT);
    let (training, validation) = curves.split_at(curves.len() / 2);
    let mut x = px(LEFT);
    for curve in training
        .iter()
        .zip(validation)
        .flat_map(<[&Curve; 2]>::from)
    {
        let middle = px(75);
        let sample = [(x, middle), (x + px(46), middle)];
        if !curve.bands().is_empty() {
            let corners = [(x, middle - px(9)), (x + px(46), middle + px(9))];
            root.draw(&Rectangle::new(corners, band(curve)))?;
        }
        match curve.part {
            Part::Training => root.draw(&dashed(&sample, curve))?,
            Part::Validation => root.draw(&PathElement::new(sample, line(curve)))?,
        }
        root.draw(&Circle::new(
            (x + px(23), middle),
            marker_radius(curve),
            color(curve).filled(),
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
    let points = curves.iter().flat_map(Curve::points);
    let values = range(points.flat_map(|point| {
        let (low, high) = point.band.unwrap_or((point.value, point.value));
        [low, point.value, high]
    }));
    let (Some(epochs), Some(values)) = (epochs, values) else {
        let style = font(24, TEXT);
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
    let y_axis = metric.axis(values);
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
        .label_style(font(18, TEXT))
        .axis_desc_style(font(21, TEXT))
        .set_all_tick_mark_size(px(5))
        .y_label_offset(px(3))
        .x_labels(x_count)
        .y_labels(y_count)
        .x_desc("Epoch")
        .y_desc(metric.name())
        .draw()?;

    draw_bands(&mut chart, curves)?;
    draw_lines(&mut chart, curves)
}

type Chart<'a, 'b> = ChartContext<'a, BitMapBackend<'b>, Cartesian2d<Axis, Axis>>;

fn draw_bands(chart: &mut Chart, curves: &[Curve]) -> Result<()> {
    for curve in curves {
        for stretch in curve.bands() {
            // A single epoch's has no area: it becomes a bar as wide as the marker.
            if let [(epoch, low, high)] = stretch[..] {
                let style = band(curve).stroke_width(2 * marker_radius(curve) as u32);
                chart.draw_series([PathElement::new([(epoch, low), (epoch, high)], style)])?;
            } else {
                let below = stretch.iter().map(|&(epoch, low, _)| (epoch, low));
                let above = stretch.iter().map(|&(epoch, _, high)| (epoch, high));
                let outline: Vec<_> = below.chain(above.rev()).collect();
                chart.draw_series([Polygon::new(outline, band(curve))])?;
            }
        }
    }
    Ok(())
}

fn draw_lines(chart: &mut Chart, curves: &[Curve]) -> Result<()> {
    for curve in curves {
        let marked = curve.points().count() <= MAX_MARKED;
        for segment in &curve.segments {
            let points: Vec<_> = segment.iter().map(|p| (p.epoch, p.value)).collect();
            match curve.part {
                Part::Training => {
                    chart.draw_series([dashed(&points, curve)])?;
                }
                Part::Validation => {
                    chart.draw_series([PathElement::new(points.clone(), line(curve))])?;
                }
            }
            if marked || points.len() == 1 {
                let (radius, style) = (marker_radius(curve), color(curve).filled());
                chart.draw_series(points.iter().map(|&p| Circle::new(p, radius, style)))?;
            }
        }
    }
    Ok(())
}

/// The model's colour, for its training half way to white.
fn color(curve: &Curve) -> RGBColor {
    let color = COLORS[curve.model % COLORS.len()];
    let half = |channel: u8| channel / 2 + 128;
    match curve.part {
        Part::Training => RGBColor(half(color.0), half(color.1), half(color.2)),
        Part::Validation => color,
    }
}

fn line(curve: &Curve) -> ShapeStyle {
    color(curve).stroke_width(3 * SCALE)
}

fn band(curve: &Curve) -> ShapeStyle {
    color(curve).mix(BAND_OPACITY).filled()
}

fn dashed<'a, P: Clone>(
    points: &'a [P],
    curve: &Curve,
) -> DashedPathElement<Cloned<slice::Iter<'a, P>>, i32> {
    let style = color(curve).stroke_width(2 * SCALE);
    DashedPathElement::new(points.iter().cloned(), px(9), px(6), style)
}

fn marker_radius(curve: &Curve) -> i32 {
    match curve.part {
        Part::Training => px(4),
        Part::Validation => px(5),
    }
}
