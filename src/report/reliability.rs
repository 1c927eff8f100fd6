//! Reliability diagrams as a PNG picture.

use std::path::Path;

use anyhow::Result;
use plotters::element::DashedPathElement;
use plotters::prelude::*;

use crate::report::axis::Axis;
use crate::report::canvas::{self, COLORS, Canvas, FRAME, GRID, TEXT, fitted, font, px};
use crate::report::evaluation::{BINS, Evaluation, ModelEvaluation};
use crate::util::text;

/// Width of the picture in pixels for each model.
pub const PANEL_WIDTH: u32 = 640;
/// Height of the picture in pixels.
pub const HEIGHT: u32 = 720;

/// Draws, for each model side by side, how often it is right (bars) against how sure it is, and how
/// many images it is so sure of, to a PNG file of [`PANEL_WIDTH`] pixels for each model ×
/// [`HEIGHT`] pixels. A perfectly calibrated model's bars end at the diagonal.
///
/// # Errors
///
/// If the file cannot be written.
pub fn draw_reliability(path: &Path, evaluation: &Evaluation) -> Result<()> {
    let panels = evaluation.models.len().max(1);
    let size = (PANEL_WIDTH * panels as u32, HEIGHT);
    canvas::write(path, size, |canvas| {
        let areas = canvas.split_evenly((1, panels));
        let models = evaluation.models.iter().zip(COLORS.iter().cycle());
        for (area, (model, color)) in areas.iter().zip(models) {
            draw_panel(area, &evaluation.dataset, model, *color)?;
        }
        Ok(())
    })
}

fn draw_panel(
    area: &Canvas,
    dataset: &str,
    model: &ModelEvaluation,
    color: RGBColor,
) -> Result<()> {
    let (left, room) = (88, PANEL_WIDTH as i32 - 88 - 32);
    let title = font(26, TEXT);
    let line = fitted(area, &format!("{} on {dataset}", model.model), &title, room)?;
    area.draw_text(&line, &title, (px(left), px(24)))?;
    let line = format!(
        "{} % right, {} % sure on average; expected calibration error {} %",
        text::percent(model.accuracy),
        text::percent(model.calibration.mean_confidence),
        text::percent(model.calibration.expected_error)
    );
    let style = font(17, FRAME);
    let line = fitted(area, &line, &style, room)?;
    area.draw_text(&line, &style, (px(left), px(60)))?;

    let charts = area.margin(px(88), px(8), px(8), px(32));
    let (reliability, histogram) = charts.split_vertically(px(430));
    draw_reliability_chart(&reliability, model, color)?;
    draw_histogram(&histogram, model, color)
}

fn draw_reliability_chart(area: &Canvas, model: &ModelEvaluation, color: RGBColor) -> Result<()> {
    let percent = || Axis::of_values((0.0, 100.0), 10.0, " %");
    let mut chart = ChartBuilder::on(area)
        .set_label_area_size(LabelAreaPosition::Left, px(80))
        .set_label_area_size(LabelAreaPosition::Bottom, px(10))
        .margin_top(px(10))
        .build_cartesian_2d(percent(), percent())?;
    chart
        .configure_mesh()
        .axis_style(FRAME.stroke_width(canvas::SCALE))
        .bold_line_style(GRID.stroke_width(canvas::SCALE))
        .light_line_style(TRANSPARENT)
        .label_style(font(17, TEXT))
        .axis_desc_style(font(19, TEXT))
        .x_label_formatter(&|_| String::new())
        .y_desc("Images classified correctly")
        .draw()?;
    for (bin, (low, high)) in model.calibration.bins.iter().zip(borders()) {
        if bin.images > 0 {
            let bar = [
                (low + GAP, 0.0),
                (high - GAP, 100.0 * bin.accuracy.clamp(0.0, 1.0)),
            ];
            let fill = match bin.images < FEW {
                true => color.mix(0.25),
                false => color.mix(1.0),
            };
            chart.draw_series([Rectangle::new(bar, fill.filled())])?;
            // Where the bar would end if the model were right as often as it is sure.
            let level = 100.0 * bin.mean_confidence.clamp(0.0, 1.0);
            let line = [(low + GAP, level), (high - GAP, level)];
            chart.draw_series([PathElement::new(line, TEXT.stroke_width(2 * canvas::SCALE))])?;
        }
    }
    let diagonal = [(0.0, 0.0), (100.0, 100.0)].into_iter();
    let dashes = FRAME.stroke_width(canvas::SCALE);
    chart.draw_series([DashedPathElement::new(diagonal, px(7), px(6), dashes)])?;
    Ok(())
}

/// How many percent of the images fall into each bin.
fn draw_histogram(area: &Canvas, model: &ModelEvaluation, color: RGBColor) -> Result<()> {
    let bins = &model.calibration.bins;
    let images = bins
        .iter()
        .map(|bin| f64::from(bin.images))
        .sum::<f64>()
        .max(1.0);
    let shares = bins.map(|bin| 100.0 * f64::from(bin.images) / images);
    let largest = shares.into_iter().fold(1.0, f64::max);
    let mut chart = ChartBuilder::on(area)
        .set_label_area_size(LabelAreaPosition::Left, px(80))
        .set_label_area_size(LabelAreaPosition::Bottom, px(60))
        .margin_top(px(10))
        .build_cartesian_2d(
            Axis::of_values((0.0, 100.0), 10.0, " %"),
            Axis::of_values((0.0, largest), largest / 3.0, " %"),
        )?;
    chart
        .configure_mesh()
        .axis_style(FRAME.stroke_width(canvas::SCALE))
        .bold_line_style(GRID.stroke_width(canvas::SCALE))
        .light_line_style(TRANSPARENT)
        .label_style(font(17, TEXT))
        .axis_desc_style(font(19, TEXT))
        .x_desc("Confidence (dark line: its mean; pale: fewer than 10 images)")
        .y_desc("Images")
        .draw()?;
    for (share, (low, high)) in shares.into_iter().zip(borders()) {
        let bar = [(low + GAP, 0.0), (high - GAP, share)];
        chart.draw_series([Rectangle::new(bar, color.filled())])?;
    }
    Ok(())
}

/// The accuracy over fewer images says little.
const FEW: u32 = 10;

/// Half of the space between bars, in percent.
const GAP: f64 = 0.4;

/// Each bin's least and greatest confidence in percent.
fn borders() -> impl Iterator<Item = (f64, f64)> {
    let border = |bin: usize| 100.0 * bin as f64 / BINS as f64;
    (0..BINS).map(move |bin| (border(bin), border(bin + 1)))
}
