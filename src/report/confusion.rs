//! A confusion matrix as a PNG picture.

use std::path::Path;

use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::report::canvas::{self, COLORS, Canvas, FRAME, TEXT, fitted, font, px};
use crate::report::evaluation::{Evaluation, ModelEvaluation};
use crate::util::text;

/// Upper left corner of the matrix.
const LEFT: i32 = 160;
const TOP: i32 = 96;
/// Right of the matrix.
const MARGIN: i32 = 30;
/// Below it: names of columns, upright ones longer, and what they are.
const NAMES: (i32, i32) = (44, 120);
const AXIS_NAME: i32 = 36;

/// Size of the matrix up to ten classes, and of the largest.
const MATRIX: (i32, i32) = (890, 740);
const LARGEST_MATRIX: (i32, i32) = (1400, 1200);
/// Cells with less room than this have no frames, and names less wide stand upright.
const FRAMED: i32 = 10;
const LYING: i32 = 80;
/// Side of the smallest cell that is seen: smaller ones reach into their neighbours.
const DOT: i32 = 2;
/// Sizes of text: of counts and names, and the least that can be read.
const COUNT_SIZE: i32 = 20;
const ROW_SIZE: i32 = 18;
const COLUMN_SIZE: i32 = 17;
const LEAST_SIZE: i32 = 11;

/// Where what lies in a matrix of so many classes.
#[derive(Clone, Copy)]
struct Layout {
    classes: i32,
    /// Size of a cell.
    cell: (i32, i32),
}

impl Layout {
    /// Cells shrink from the eleventh class on, and then the matrix stays about as large.
    fn of(classes: usize) -> Self {
        let classes = i32::try_from(classes).unwrap_or(i32::MAX).max(1);
        let side = |all: i32, largest: i32| {
            let cell = (all / 10).min(largest / classes);
            cell.max(all / classes).max(1)
        };
        let cell = (
            side(MATRIX.0, LARGEST_MATRIX.0),
            side(MATRIX.1, LARGEST_MATRIX.1),
        );
        Self { classes, cell }
    }

    /// The upper left corner of a cell.
    fn corner(&self, label: usize, prediction: usize) -> (i32, i32) {
        (
            LEFT + self.cell.0 * prediction as i32,
            TOP + self.cell.1 * label as i32,
        )
    }

    /// Right and lower end of the matrix.
    fn end(&self) -> (i32, i32) {
        (
            LEFT + self.cell.0 * self.classes,
            TOP + self.cell.1 * self.classes,
        )
    }

    /// Whether names of columns are read from left to right.
    fn is_lying(&self) -> bool {
        self.cell.0 >= LYING
    }

    /// Lower end of the columns' names.
    fn names_end(&self) -> i32 {
        let (lying, upright) = NAMES;
        self.end().1 + if self.is_lying() { lying } else { upright }
    }

    /// Width and height of the picture.
    fn size(&self) -> (i32, i32) {
        (self.end().0 + MARGIN, self.names_end() + AXIS_NAME)
    }
}

/// Width and height in pixels of the picture of so many classes: no more than 1,600 for a thousand.
pub fn size(classes: usize) -> (u32, u32) {
    let (width, height) = Layout::of(classes).size();
    (width.unsigned_abs(), height.unsigned_abs())
}

/// Draws what a model took the images of each class for to a PNG file of [`size`]: one row per class,
/// shaded by the square root of the count's share of the row, which lets mistakes of one in a hundred
/// be seen. Of many classes counts are left out, and of the names those that have no room.
///
/// # Errors
///
/// If the file cannot be written.
pub fn draw_confusion(path: &Path, evaluation: &Evaluation, model: &ModelEvaluation) -> Result<()> {
    let classes = evaluation.class_names.len();
    let layout = Layout::of(classes);
    canvas::write(path, size(classes), |canvas| {
        draw_title(canvas, layout, evaluation, model)?;
        draw_names(canvas, layout, evaluation)?;
        draw_cells(canvas, layout, model)
    })
}

fn draw_title(
    canvas: &Canvas,
    layout: Layout,
    evaluation: &Evaluation,
    model: &ModelEvaluation,
) -> Result<()> {
    let title = format!(
        "{} on {}: {} % of {} right",
        model.model,
        evaluation.dataset,
        text::percent(model.accuracy),
        text::count(evaluation.images, "test image")
    );
    let style = font(27, TEXT);
    let title = fitted(canvas, &title, &style, layout.size().0 - LEFT - MARGIN)?;
    canvas.draw_text(&title, &style, (px(LEFT), px(24)))?;
    let hint = font(18, FRAME);
    let text = "Images of each class (row) and what they were taken for (column)";
    Ok(canvas.draw_text(text, &hint, (px(LEFT), px(62)))?)
}

/// The classes' names, before the rows and under the columns; of many every so many.
fn draw_names(canvas: &Canvas, layout: Layout, evaluation: &Evaluation) -> Result<()> {
    let Layout { cell, .. } = layout;
    let (right, bottom) = layout.end();
    let row_size = ROW_SIZE.min(cell.1).max(LEAST_SIZE);
    let row_style = font(row_size, TEXT).pos(Pos::new(HPos::Right, VPos::Center));
    let column_size = COLUMN_SIZE.min(cell.0).max(LEAST_SIZE);
    let column_style = match layout.is_lying() {
        true => font(column_size, TEXT).pos(Pos::new(HPos::Center, VPos::Top)),
        false => font(column_size, TEXT)
            .transform(FontTransform::Rotate270)
            .pos(Pos::new(HPos::Right, VPos::Center)),
    };
    let every = |size: i32, room: i32| ((size + room - 1) / room) as usize;
    for (class, name) in evaluation.class_names.iter().enumerate() {
        let (x, y) = layout.corner(class, class);
        if class % every(row_size, cell.1) == 0 {
            let name = fitted(canvas, name, &row_style, LEFT - 24)?;
            let place = (px(LEFT - 12), px(y + cell.1 / 2 + 3));
            canvas.draw_text(&name, &row_style, place)?;
        }
        if layout.is_lying() {
            let name = fitted(canvas, name, &column_style, cell.0 - 6)?;
            let place = (px(x + cell.0 / 2), px(bottom + 10));
            canvas.draw_text(&name, &column_style, place)?;
        } else if class % every(column_size, cell.0) == 0 {
            let name = fitted(canvas, name, &column_style, NAMES.1 - 16)?;
            let place = (px(x + cell.0 / 2), px(bottom + 8));
            canvas.draw_text(&name, &column_style, place)?;
        }
    }
    let style = font(18, FRAME).pos(Pos::new(HPos::Center, VPos::Top));
    let place = (px((LEFT + right) / 2), px(layout.names_end()));
    canvas.draw_text("taken for", &style, place)?;
    let style = font(18, FRAME).pos(Pos::new(HPos::Right, VPos::Center));
    Ok(canvas.draw_text("class", &style, (px(LEFT - 12), px(TOP - 18)))?)
}

fn draw_cells(canvas: &Canvas, layout: Layout, model: &ModelEvaluation) -> Result<()> {
    let Layout { cell, .. } = layout;
    let is_framed = cell.0.min(cell.1) >= FRAMED;
    let count_size = count_size(canvas, cell, model)?;
    for (label, counts) in model.confusion.counts.iter().enumerate() {
        for (prediction, count) in counts.iter().enumerate() {
            if *count == 0 && !is_framed {
                continue;
            }
            let (x, y) = layout.corner(label, prediction);
            let shade = model.confusion.share(label, prediction).sqrt();
            let end = (px(x + cell.0.max(DOT)), px(y + cell.1.max(DOT)));
            let place = [(px(x), px(y)), end];
            canvas.draw(&Rectangle::new(place, tint(COLORS[0], shade).filled()))?;
            if is_framed {
                let frame = match label == prediction {
                    true => FRAME,
                    false => canvas::GRID,
                };
                canvas.draw(&Rectangle::new(place, frame.stroke_width(canvas::SCALE)))?;
            }
            if let Some(size) = count_size.filter(|_| *count > 0) {
                let color = if shade > 0.5 { WHITE } else { TEXT };
                let style = font(size, color).pos(Pos::new(HPos::Center, VPos::Center));
                let middle = (
                    px(x + cell.0 / 2),
                    px(y + cell.1 / 2 + 4 * size / COUNT_SIZE),
                );
                canvas.draw_text(&text::thousands(u64::from(*count)), &style, middle)?;
            }
        }
    }
    if !is_framed {
        let (right, bottom) = layout.end();
        let matrix = [(px(LEFT), px(TOP)), (px(right), px(bottom))];
        canvas.draw(&Rectangle::new(matrix, FRAME.stroke_width(canvas::SCALE)))?;
    }
    Ok(())
}

/// The size of text in which the largest count fits into a cell; none if that cannot be read.
fn count_size(canvas: &Canvas, cell: (i32, i32), model: &ModelEvaluation) -> Result<Option<i32>> {
    let largest = model.confusion.counts.iter().flatten().max();
    let largest = text::thousands(largest.copied().unwrap_or(0).into());
    let fits = |size: i32| -> Result<bool> {
        let (width, height) = canvas.estimate_text_size(&largest, &font(size, TEXT))?;
        Ok(width as i32 <= px(cell.0 - 4) && height as i32 <= px(cell.1 - 2))
    };
    for size in (LEAST_SIZE..=COUNT_SIZE).rev() {
        if fits(size)? {
            return Ok(Some(size));
        }
    }
    Ok(None)
}

/// White for 0, `color` for 1.
fn tint(color: RGBColor, share: f64) -> RGBColor {
    let mix = |channel: u8| (255.0 - share * (255.0 - f64::from(channel))).round() as u8;
    RGBColor(mix(color.0), mix(color.1), mix(color.2))
}
