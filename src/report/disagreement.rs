//! The images that of two models only one gets right, as a PNG picture.

use std::path::Path;

use anyhow::Result;
use plotters::prelude::*;

use crate::dataset::ImageShape;
use crate::report::canvas::{self, Canvas, FRAME, TEXT, fitted, font, px};
use crate::report::evaluation::{Comparison, Evaluation, argmax};
use crate::report::pixels::{Reduction, in_print};
use crate::report::test_set::TestSet;
use crate::util::text;

/// Width of the picture in pixels.
pub const WIDTH: u32 = 1280;
/// Height of the picture in pixels.
pub const HEIGHT: u32 = 740;

/// Images in a row, and rows of each model.
const COLUMNS: usize = 12;
const ROWS: usize = 2;
/// Distance from one image to the next.
const CELL: (i32, i32) = (102, 136);
/// The longer side of an image.
const EDGE: i32 = 84;
/// Left and right margin.
const MARGIN: i32 = 30;
/// Upper end of the first model's part, and height of each.
const TOP: i32 = 84;
const PART: i32 = 322;

/// Draws the most striking images that only one of the two models gets right, and what the other
/// takes them for, to a PNG file of [`WIDTH`] × [`HEIGHT`] pixels. `test` is what the evaluation was
/// made from.
///
/// # Errors
///
/// If the file cannot be written.
pub fn draw_disagreement(
    path: &Path,
    evaluation: &Evaluation,
    comparison: &Comparison,
    test: &TestSet,
) -> Result<()> {
    canvas::write(path, (WIDTH, HEIGHT), |canvas| {
        let [first, second] = &comparison.models;
        let title = format!(
            "Where {first} and {second} disagree on {}",
            evaluation.dataset
        );
        draw_line(canvas, &title, 27, TEXT, 24)?;
        let hint = "Above each image its class, below it what the other model takes it for; most \
                    certain mistakes first";
        draw_line(canvas, hint, 18, FRAME, 58)?;
        for (model, name) in comparison.models.iter().enumerate() {
            let top = TOP + PART * model as i32;
            let images = test.only_right(model, 1 - model);
            let count = text::count(images.len(), "image");
            let line = format!("Only {name} is right: {count}");
            draw_line(canvas, &line, 21, TEXT, top + 12)?;
            for (index, image) in images.into_iter().take(COLUMNS * ROWS).enumerate() {
                let x = MARGIN + CELL.0 * (index % COLUMNS) as i32;
                let y = top + 44 + CELL.1 * (index / COLUMNS) as i32;
                let prediction = argmax(test.probabilities[1 - model].row(image));
                let label = usize::from(test.split.labels[image]);
                draw_name(canvas, &evaluation.class_names[label], TEXT, (x, y))?;
                draw_image(
                    canvas,
                    test.split.image(image),
                    test.split.spec.shape,
                    (x, y + 19),
                )?;
                let below = (x, y + 19 + EDGE + 5);
                draw_name(canvas, &evaluation.class_names[prediction], FRAME, below)?;
            }
        }
        Ok(())
    })
}

fn draw_line(canvas: &Canvas, line: &str, size: i32, color: RGBColor, y: i32) -> Result<()> {
    let style = font(size, color);
    let line = fitted(canvas, line, &style, WIDTH as i32 - 2 * MARGIN)?;
    Ok(canvas.draw_text(&line, &style, (px(MARGIN), px(y)))?)
}

fn draw_name(canvas: &Canvas, name: &str, color: RGBColor, (x, y): (i32, i32)) -> Result<()> {
    let style = font(15, color);
    let name = fitted(canvas, name, &style, CELL.0 - 6)?;
    Ok(canvas.draw_text(&name, &style, (px(x), px(y)))?)
}

/// In the upper left of a square of [`EDGE`].
fn draw_image(canvas: &Canvas, image: &[u8], shape: ImageShape, (x, y): (i32, i32)) -> Result<()> {
    let reduction = Reduction::new(shape, EDGE as usize);
    let (image, shape) = (reduction.of(image), reduction.shape());
    let longer = shape.height.max(shape.width) as i32;
    let at = |corner: i32, pixel: usize| px(corner) + px(EDGE) * pixel as i32 / longer;
    let tone = in_print(shape);
    let plane = shape.pixels();
    for pixel in 0..plane {
        let (row, column) = (pixel / shape.width, pixel % shape.width);
        let square = [
            (at(x, column), at(y, row)),
            (at(x, column + 1), at(y, row + 1)),
        ];
        let [red, green, blue] =
            [0, 1, 2].map(|channel| tone(image[channel % shape.channels * plane + pixel]));
        let color = RGBColor(red, green, blue);
        // The paper is white.
        if color != WHITE {
            canvas.draw(&Rectangle::new(square, color.filled()))?;
        }
    }
    Ok(())
}
