//! From a picture to the input of the models.
//!
//! Fashion-MNIST's images were made from photographs of single garments on a plain light ground:
//! trimmed, scaled until the longer side has 28 pixels, sharpened, centred, negated, made grey
//! (Xiao, Rasul and Vollgraf, 2017, section 2). So nearly all of them touch the border on two sides,
//! and every one holds a pixel of 254 or 255. What happens here follows from that:
//!
//! 1. A picture of 28×28 pixels is such an image already and stays as it is, unless its outermost
//!    pixels are light on average: then it is negated.
//! 2. Any other picture is shrunk for a first look, in which noise averages out. The **background**
//!    is the median of the outermost pixels, and the **object** is what differs from it: what is
//!    darker, if the picture is on average darker than its background, otherwise what is lighter.
//! 3. The object's **box** holds every pixel that differs at least a tenth as much as the one that
//!    differs most. An object that is small in the picture is looked at again from nearer by.
//! 4. The box is scaled by area averaging, with its aspect kept, so that the longer side has 28
//!    pixels, centred on black, and stretched so that its lightest pixel is 255.
//!
//! Of several ways to scale (averaging, linear, cubic, Lanczos, leaving pixels out, each with and
//! without sharpening) this one brings test images that were scaled up closest to themselves.

use std::ops::Range;

use super::Picture;
use super::resample::{Area, Plane, resample};
use crate::dataset::{PIXELS, SIDE};

/// Longer side of a look at a picture, in pixels.
const VIEW: usize = 5 * SIDE;
/// The box takes in what differs from the background by this share of the largest difference.
const BOX_SHARE: f64 = 0.1;
/// A picture in which nothing differs from the background by more than this shows nothing.
const FAINTEST: f64 = 8.0;

impl Picture {
    /// The 28×28 pixels that the models are asked about, row by row, light on black.
    ///
    /// None if the picture shows nothing: all of it looks like its background.
    pub fn to_input(&self) -> Option<[u8; PIXELS]> {
        if (self.width, self.height) == (SIDE, SIDE)
            && let Ok(image) = self.luma.as_slice().try_into()
        {
            return Some(light_on_dark(image));
        }
        let (view, (columns, rows)) = self.object()?;
        let scale = SIDE as f64 / columns.len().max(rows.len()) as f64;
        let scaled = |side: usize| ((side as f64 * scale).round() as usize).max(1);
        let (width, height) = (scaled(columns.len()), scaled(rows.len()));
        let object = resample(&view.values, view.width, (columns, rows), width, height);

        let lightest = object.values.iter().copied().fold(0.0, f64::max);
        let mut image = [0; PIXELS];
        // In Fashion-MNIST the odd pixel is at the left and at the top.
        let (left, top) = ((SIDE - width).div_ceil(2), (SIDE - height).div_ceil(2));
        for (row, values) in object.values.chunks_exact(width).enumerate() {
            let start = (top + row) * SIDE + left;
            for (pixel, value) in image[start..][..width].iter_mut().zip(values) {
                *pixel = (value / lightest * 255.0).round() as u8;
            }
        }
        Some(image)
    }

    /// How much each pixel differs from the background, and where in it the object is.
    fn object(&self) -> Option<(Plane, Area)> {
        let mut area = (0..self.width, 0..self.height);
        let mut view = self.view(&area);
        let background = median(outermost(&view));
        let mean = view.values.iter().sum::<f64>() / view.values.len() as f64;
        let sign = if mean < background { -1.0 } else { 1.0 };
        loop {
            for value in &mut view.values {
                *value = (sign * (*value - background)).max(0.0);
            }
            let (columns, rows) = bounding_box(&view)?;
            let large = 2 * columns.len().max(rows.len()) >= view.width.max(view.height);
            let exact = (view.width, view.height) == (area.0.len(), area.1.len());
            if large || exact {
                return Some((view, (columns, rows)));
            }
            area = (
                nearer(&area.0, &columns, view.width),
                nearer(&area.1, &rows, view.height),
            );
            view = self.view(&area);
        }
    }

    /// A part of the picture, shrunk if it is larger than [`VIEW`].
    fn view(&self, area: &Area) -> Plane {
        let (columns, rows) = (area.0.len(), area.1.len());
        let shrink = (columns.max(rows) as f64 / VIEW as f64).max(1.0);
        let shrunk = |side: usize| ((side as f64 / shrink).round() as usize).max(1);
        let (width, height) = (shrunk(columns), shrunk(rows));
        resample(&self.luma, self.width, area.clone(), width, height)
    }
}

/// An image of the right size, negated if its outermost pixels are light.
fn light_on_dark(image: [u8; PIXELS]) -> [u8; PIXELS] {
    let border = outermost(&Plane {
        width: SIDE,
        height: SIDE,
        values: image.map(f64::from).to_vec(),
    });
    let mean = border.iter().sum::<f64>() / border.len() as f64;
    if mean < 128.0 {
        image
    } else {
        image.map(|pixel| 255 - pixel)
    }
}

/// The pixels of the first and the last row and column.
fn outermost(plane: &Plane) -> Vec<f64> {
    let mut values = Vec::new();
    for (y, row) in plane.values.chunks_exact(plane.width).enumerate() {
        if y == 0 || y == plane.height - 1 {
            values.extend(row);
        } else {
            values.push(row[0]);
            values.push(row[plane.width - 1]);
        }
    }
    values
}

/// The middle one of some values; the upper one of two.
fn median(mut values: Vec<f64>) -> f64 {
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// The smallest area around every value that is at least [`BOX_SHARE`] of the largest.
fn bounding_box(plane: &Plane) -> Option<Area> {
    let largest = plane.values.iter().copied().fold(0.0, f64::max);
    if largest <= FAINTEST {
        return None;
    }
    let mut area = (plane.width..0, plane.height..0);
    for (y, row) in plane.values.chunks_exact(plane.width).enumerate() {
        for (x, &value) in row.iter().enumerate() {
            if value >= BOX_SHARE * largest {
                area.0 = area.0.start.min(x)..area.0.end.max(x + 1);
                area.1 = area.1.start.min(y)..area.1.end.max(y + 1);
            }
        }
    }
    Some(area)
}

/// What part of `span` the range `found` is, which was found in a view of it that has `len` pixels:
/// with one of these pixels more at either end.
fn nearer(span: &Range<usize>, found: &Range<usize>, len: usize) -> Range<usize> {
    let start = found.start.saturating_sub(1) * span.len() / len;
    let end = ((found.end + 1).min(len) * span.len()).div_ceil(len);
    span.start + start..span.start + end
}
