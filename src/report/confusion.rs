//! A confusion matrix as a PNG picture.

use std::path::Path;

use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::report::canvas::{self, COLORS, Canvas, FRAME, TEXT, fitted, font, px};
use crate::report::evaluation::{Evaluation, ModelEvaluation};
use crate::util::text;

/// Size of the picture in pixels.
pub const WIDTH: u32 = 1080;
/// See [`WIDTH`].
pub const HEIGHT: u32 = 916;

/// Size of a cell.
const CELL: (i32, i32) = (89, 74);
/// Upper left corner of the matrix.
const LEFT: i32 = 160;
const TOP: i32 = 96;

/// Draws what a model took the images of each class for to a PNG file of [`WIDTH`] × [`HEIGHT`]
/// pixels: one row per class, shaded by the square root of the count's share of the row, which
/// lets mistakes of one in a hundred be seen.
///
/// # Errors
///
/// If the file cannot be written.
pub fn draw_confusion(path: &Path, evaluation: &Evaluation, model: &ModelEvaluation) -> Result<()> {
    canvas::write(path, (WIDTH, HEIGHT), |canvas| {
        draw_title(canvas, evaluation, model)?;
        draw_names(canvas, evaluation)?;
        draw_cells(canvas, model)
    })
}

fn draw_title(canvas: &Canvas, evaluation: &Evaluation, model: &ModelEvaluation) -> Result<()> {
    let title = format!(
        "{} on {}: {} % of {} right",
        model.model,
        evaluation.dataset,
        text::percent(model.accuracy),
        text::count(evaluation.images, "test image")
    );
    let style = font(27, TEXT);
    let title = fitted(canvas, &title, &style, WIDTH as i32 - LEFT - 30)?;
    canvas.draw_text(&title, &style, (px(LEFT), px(24)))?;
    let hint = font(18, FRAME);
    let text = "Images of each class (row) and what they were taken for (column)";
    Ok(canvas.draw_text(text, &hint, (px(LEFT), px(62)))?)
}

/// The classes' names, before the rows and under the columns.
fn draw_names(canvas: &Canvas, evaluation: &Evaluation) -> Result<()> {
    let row_style = font(18, TEXT).pos(Pos::new(HPos::Right, VPos::Center));
    let column_style = font(17, TEXT).pos(Pos::new(HPos::Center, VPos::Top));
    let classes = evaluation.class_names.len();
    let (_, bottom) = corner(classes, classes);
    for (class, name) in evaluation.class_names.iter().enumerate() {
        let (x, y) = corner(class, class);
        let row_name = fitted(canvas, name, &row_style, LEFT - 24)?;
        let place = (px(LEFT - 12), px(y + CELL.1 / 2 + 3));
        canvas.draw_text(&row_name, &row_style, place)?;
        let column_name = fitted(canvas, name, &column_style, CELL.0 - 6)?;
        let place = (px(x + CELL.0 / 2), px(bottom + 10));
        canvas.draw_text(&column_name, &column_style, place)?;
    }
    let style = font(18, FRAME).pos(Pos::new(HPos::Center, VPos::Top));
    let middle = LEFT + CELL.0 * classes as i32 / 2;
    canvas.draw_text("taken for", &style, (px(middle), px(bottom + 44)))?;
    let style = font(18, FRAME).pos(Pos::new(HPos::Right, VPos::Center));
    Ok(canvas.draw_text("class", &style, (px(LEFT - 12), px(TOP - 18)))?)
}

fn draw_cells(canvas: &Canvas, model: &ModelEvaluation) -> Result<()> {
    for (label, counts) in model.confusion.counts.iter().enumerate() {
        for (prediction, count) in counts.iter().enumerate() {
            let (x, y) = corner(label, prediction);
            let shade = model.confusion.share(label, prediction).sqrt();
            let place = [(px(x), px(y)), (px(x + CELL.0), px(y + CELL.1))];
            canvas.draw(&Rectangle::new(place, tint(COLORS[0], shade).filled()))?;
            let frame = match label == prediction {
                true => FRAME,
                false => canvas::GRID,
            };
            canvas.draw(&Rectangle::new(place, frame.stroke_width(canvas::SCALE)))?;
            if *count > 0 {
                let color = if shade > 0.5 { WHITE } else { TEXT };
                let style = font(20, color).pos(Pos::new(HPos::Center, VPos::Center));
                let middle = (px(x + CELL.0 / 2), px(y + CELL.1 / 2 + 4));
                canvas.draw_text(&text::thousands(u64::from(*count)), &style, middle)?;
            }
        }
    }
    Ok(())
}

/// The upper left corner of a cell.
fn corner(label: usize, prediction: usize) -> (i32, i32) {
    (
        LEFT + CELL.0 * prediction as i32,
        TOP + CELL.1 * label as i32,
    )
}

/// White for 0, `color` for 1.
fn tint(color: RGBColor, share: f64) -> RGBColor {
    let mix = |channel: u8| (255.0 - share * (255.0 - f64::from(channel))).round() as u8;
    RGBColor(mix(color.0), mix(color.1), mix(color.2))
}
