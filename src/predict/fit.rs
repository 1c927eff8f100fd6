//! From a picture to the input of the models.
//!
//! Fashion-MNIST's images were made from photographs of single garments on a plain light background:
//! trimmed, scaled until the longer side has 28 pixels, sharpened, centred, negated, made grey
//! (Xiao, Rasul and Vollgraf, 2017, section 2). So nearly all of them touch the border on two sides,
//! and every one holds a pixel of 254 or 255. What happens here follows from that:
//!
//! 1. A picture of 28×28 pixels is such an image already and stays as it is, unless its outermost
//!    pixels are light on average: then it is negated.
//! 2. Of any other picture **frames** are taken off: lines, bars, margins (`frame.rs`). What is left
//!    is shrunk for a first look, in which noise averages out.
//! 3. The **background** is the smooth surface that fits the outermost pixels best (`background.rs`): level
//!    if that does, else inclined or curved, as light falls off. It is fitted so that objects which
//!    touch the border do not count. The **object** is what differs from the background: what is
//!    darker, if the picture is on average darker than its background, otherwise what is lighter.
//! 4. The object's **box** holds every pixel that differs at least a tenth as much as the one that
//!    differs most, and more than the background itself does. An object that is small in the picture is
//!    looked at again from nearer by.
//! 5. The box is scaled by area averaging, with its aspect kept, so that the longer side has 28
//!    pixels, centred on black, and stretched so that its lightest pixel is 255.
//!
//! Of several ways to scale (averaging, linear, cubic, Lanczos, leaving pixels out, each with and
//! without sharpening) this one brings test images that were scaled up closest to themselves.

use std::ops::Range;

use super::background::{Background, Sample, plainness};
use super::frame;
use super::plane::{Area, Luma, Plane};
use crate::dataset::{PIXELS, SIDE};
use crate::picture::{Picture, resample::resample};

/// Longer side of a look at a picture, in pixels.
const VIEW: usize = 5 * SIDE;
/// The box takes in what differs from the background by this share of the largest difference.
const BOX_SHARE: f64 = 0.1;
/// … and by so many standard deviations of the background, but not if that were more than a third of
/// the largest difference.
const SPREADS: f64 = 4.0;
/// A picture in which nothing differs from the background by more than this shows nothing.
const FAINTEST: f64 = 8.0;
/// Pixels of a look that a card's edge takes.
const CARD_EDGE: usize = 2;
/// A card's edge is of one shade if nothing along it is farther than this from the median, nor
/// than a quarter of the median.
const CARD_SHADE: f64 = 16.0;
/// Shares of the sides that are cut off inside of a frame, to see whether that leaves more background:
/// a frame's inner corners may be round.
const INSETS: [f64; 4] = [0.0, 0.01, 0.02, 0.04];

/// What the models are asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fitted {
    /// 28×28 pixels, row by row, light on black.
    pub image: [u8; PIXELS],
    /// Whether the object lies on a plain background. If not, `image` may show something else.
    pub is_sure: bool,
}

impl Picture {
    /// The [image](Fitted::image) that the models are asked about.
    ///
    /// None if the picture shows nothing: all of it looks like its background.
    pub fn to_input(&self) -> Option<[u8; PIXELS]> {
        self.fit().map(|fitted| fitted.image)
    }

    /// The same, and whether it can be trusted.
    pub fn fit(&self) -> Option<Fitted> {
        let luma = Luma {
            width: self.width,
            height: self.height,
            values: self.luma(),
        };
        if (self.width, self.height) == (SIDE, SIDE)
            && let Ok(image) = luma.values.as_ref().try_into()
        {
            let image = light_on_dark(image);
            return Some(Fitted {
                image,
                is_sure: true,
            });
        }
        let look = luma.look()?;
        Some(Fitted {
            image: look.image(),
            is_sure: look.is_plain,
        })
    }
}

impl Luma<'_> {
    /// Finds the object inside of all frames; in the whole picture, if the background there is not
    /// plain.
    fn look(&self) -> Option<Look> {
        let whole = (0..self.width, 0..self.height);
        let inside = frame::inside(self);
        if inside == whole {
            return self.object_or_on_card(whole);
        }
        let mut best: Option<Look> = None;
        for inset in INSETS {
            let area = (narrowed(&inside.0, inset), narrowed(&inside.1, inset));
            if let Some(look) = self.object_or_on_card(area).filter(|look| look.is_plain)
                && best
                    .as_ref()
                    .is_none_or(|best| look.clear > best.clear + 0.02)
            {
                best = Some(look);
            }
        }
        best.or_else(|| {
            let look = self.object(whole)?;
            Some(Look {
                is_plain: false,
                ..look
            })
        })
    }

    /// Finds the object in an area; if that is a card, as in a screenshot, what is on it.
    fn object_or_on_card(&self, area: Area) -> Option<Look> {
        let look = self.object(area)?;
        match look.card().map(|card| self.object(card)) {
            Some(Some(on_card)) => Some(match on_card.is_plain {
                true => on_card,
                false => Look {
                    is_plain: false,
                    ..look
                },
            }),
            Some(None) | None => Some(look),
        }
    }

    /// Finds the object in an area.
    fn object(&self, mut area: Area) -> Option<Look> {
        let mut view = self.view(&area);
        let border = border(view.width, view.height);
        let samples = self.samples(&view, &area);
        let outermost: Vec<Sample> = border.iter().map(|&at| samples[at]).collect();
        let background = Background::of(&outermost);
        let lighter: f64 = samples
            .iter()
            .map(|sample| background.lighter(sample))
            .sum();
        let sign = if lighter < 0.0 { -1.0 } else { 1.0 };
        let differ = |view: &mut Plane, area: &Area| {
            let samples = self.samples(view, area);
            for (value, sample) in view.values.iter_mut().zip(&samples) {
                *value = sign * background.lighter(sample);
            }
        };
        differ(&mut view, &area);
        let least = least_difference(&view, background.spread)?;
        let (clear, is_plain) = plainness(&view, &border, least);
        loop {
            let least = least_difference(&view, background.spread)?;
            let (columns, rows) = bounding_box(&view, least);
            let large = 2 * columns.len().max(rows.len()) >= view.width.max(view.height);
            let exact = (view.width, view.height) == (area.0.len(), area.1.len());
            if large || exact {
                return Some(Look {
                    area,
                    view,
                    columns,
                    rows,
                    clear,
                    is_plain,
                });
            }
            area = (
                nearer(&area.0, &columns, view.width),
                nearer(&area.1, &rows, view.height),
            );
            view = self.view(&area);
            differ(&mut view, &area);
        }
    }

    /// The pixels of a view of an area, and where they are in the picture.
    fn samples(&self, view: &Plane, area: &Area) -> Vec<Sample> {
        let place = |at: usize, len: usize, span: &Range<usize>, whole: usize| {
            let middle = (at as f64 + 0.5) / len as f64 * span.len() as f64;
            2.0 * (span.start as f64 + middle) / whole as f64 - 1.0
        };
        let sample = |(index, &luma): (usize, &f64)| Sample {
            x: place(index % view.width, view.width, &area.0, self.width),
            y: place(index / view.width, view.height, &area.1, self.height),
            luma,
        };
        view.values.iter().enumerate().map(sample).collect()
    }

    /// A part of the picture, shrunk if it is larger than [`VIEW`].
    fn view(&self, area: &Area) -> Plane {
        let (columns, rows) = (area.0.len(), area.1.len());
        let shrink = (columns.max(rows) as f64 / VIEW as f64).max(1.0);
        let shrunk = |side: usize| ((side as f64 / shrink).round() as usize).max(1);
        let (width, height) = (shrunk(columns), shrunk(rows));
        scaled(&self.values, self.width, area, width, height)
    }
}

/// What is seen of an object.
struct Look {
    /// The part of the picture that is seen.
    area: Area,
    /// How much each pixel differs from the background; less than 0 if not as the object does.
    view: Plane,
    /// The object's box.
    columns: Range<usize>,
    rows: Range<usize>,
    /// Share of the border that shows the background.
    clear: f64,
    is_plain: bool,
}

impl Look {
    /// The inside of the object's box, in the picture, if the box is all of one shade along its
    /// edges: no garment is, but a card with something on it.
    fn card(&self) -> Option<Area> {
        let inner =
            |span: &Range<usize>| span.start + CARD_EDGE..span.end.saturating_sub(CARD_EDGE);
        let (columns, rows) = (inner(&self.columns), inner(&self.rows));
        if columns.len() < SIDE || rows.len() < SIDE {
            return None;
        }
        let width = columns.len();
        let edge: Vec<f64> = border(width, rows.len())
            .into_iter()
            .map(|at| {
                let (x, y) = (columns.start + at % width, rows.start + at / width);
                self.view.values[y * self.view.width + x]
            })
            .collect();
        let mut sorted = edge.clone();
        let middle = sorted.len() / 2;
        let shade = *sorted.select_nth_unstable_by(middle, f64::total_cmp).1;
        let alike = |value: &&f64| (**value - shade).abs() <= (shade / 4.0).min(CARD_SHADE);
        let is_card = 100 * edge.iter().filter(alike).count() >= 98 * edge.len();
        let placed = |span: &Range<usize>, whole: &Range<usize>, len: usize| {
            let start = (span.start * whole.len()).div_ceil(len);
            whole.start + start..whole.start + span.end * whole.len() / len
        };
        is_card.then(|| {
            let columns = placed(&columns, &self.area.0, self.view.width);
            let rows = placed(&rows, &self.area.1, self.view.height);
            (columns, rows)
        })
    }

    /// The box, scaled and centred.
    fn image(&self) -> [u8; PIXELS] {
        let (columns, rows) = (self.columns.clone(), self.rows.clone());
        let scale = SIDE as f64 / columns.len().max(rows.len()) as f64;
        let fitted = |side: usize| ((side as f64 * scale).round() as usize).max(1);
        let (width, height) = (fitted(columns.len()), fitted(rows.len()));
        let differences = self.view.values.iter().map(|value| value.max(0.0) as f32);
        let differences: Vec<f32> = differences.collect();
        let area = (columns, rows);
        let object = scaled(&differences, self.view.width, &area, width, height);

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
        image
    }
}

/// Scales an area of rows of values by the mean over areas.
fn scaled<T: Copy + Into<f32>>(
    values: &[T],
    row: usize,
    (columns, rows): &Area,
    width: usize,
    height: usize,
) -> Plane {
    let (values, _) = values.as_chunks::<1>();
    let area = [columns, rows].map(|span| span.start as f64..span.end as f64);
    let values = resample(values, row, &area, width, height);
    Plane {
        width,
        height,
        values: values.into_iter().map(|[value]| value.into()).collect(),
    }
}

/// An image of the right size, negated if its outermost pixels are light.
fn light_on_dark(image: [u8; PIXELS]) -> [u8; PIXELS] {
    let border = border(SIDE, SIDE);
    let sum: f64 = border.iter().map(|&at| f64::from(image[at])).sum();
    if sum < 128.0 * border.len() as f64 {
        image
    } else {
        image.map(|pixel| 255 - pixel)
    }
}

/// Where the outermost of `width × height` pixels are, in their order round the others.
fn border(width: usize, height: usize) -> Vec<usize> {
    let mut places: Vec<usize> = (0..width).collect();
    places.extend((1..height).map(|y| y * width + width - 1));
    places.extend((0..width - 1).rev().map(|x| (height - 1) * width + x));
    places.extend((1..height - 1).rev().map(|y| y * width));
    places
}

/// The least difference from the background that makes a pixel one of the object, if there is one.
fn least_difference(view: &Plane, spread: f64) -> Option<f64> {
    let largest = view.values.iter().copied().fold(0.0, f64::max);
    let least = (SPREADS * spread).clamp(BOX_SHARE * largest, largest / 3.0);
    (largest > FAINTEST).then_some(least)
}

/// The smallest area around every value that is at least `least`.
fn bounding_box(view: &Plane, least: f64) -> Area {
    let mut area = (view.width..0, view.height..0);
    for (y, row) in view.values.chunks_exact(view.width).enumerate() {
        for (x, &value) in row.iter().enumerate() {
            if value >= least {
                area.0 = area.0.start.min(x)..area.0.end.max(x + 1);
                area.1 = area.1.start.min(y)..area.1.end.max(y + 1);
            }
        }
    }
    area
}

/// `span` without a share of its length at either end.
fn narrowed(span: &Range<usize>, share: f64) -> Range<usize> {
    let cut = (share * span.len() as f64) as usize;
    span.start + cut..span.end - cut
}

/// What part of `span` the range `found` is, which was found in a view of it that has `len` pixels:
/// with one of these pixels more at either end.
fn nearer(span: &Range<usize>, found: &Range<usize>, len: usize) -> Range<usize> {
    let start = found.start.saturating_sub(1) * span.len() / len;
    let end = ((found.end + 1).min(len) * span.len()).div_ceil(len);
    span.start + start..span.start + end
}
