//! Frames round a picture: lines drawn round it, a card's margin, bars, the edge of a scan.

use std::ops::Range;

use super::plane::{Area, Luma};

/// A frame takes at most this share of a picture at each side.
const THICKEST: f64 = 0.2;
/// Pixels of a line that are looked at, evenly spread.
const SAMPLES: usize = 256;
/// A line is of one shade if most of its pixels are no farther than this from their median.
const SHADE: u8 = 16;
/// How much most pixels change, all in one direction, where a frame ends.
const STEP: i16 = 10;

/// The area inside of all frames; the whole picture if there is none.
///
/// A frame's lines are each of one shade, and after the last one there is a step nearly all along
/// it. Light that falls off makes no step, and an object only makes one where it is.
pub(super) fn inside(picture: &Luma) -> Area {
    let mut area = (0..picture.width, 0..picture.height);
    // Twice, as thick bars at one side hide what is at the next.
    for side in Side::ALL.into_iter().chain(Side::ALL) {
        loop {
            match side.frame(picture, &area) {
                0 => break,
                lines => side.strip(&mut area, lines),
            }
        }
    }
    area
}

#[derive(Clone, Copy)]
enum Side {
    Left,
    Top,
    Right,
    Bottom,
}

impl Side {
    const ALL: [Self; 4] = [Self::Left, Self::Top, Self::Right, Self::Bottom];

    /// Number of lines that frame `area` at this side.
    fn frame(self, picture: &Luma, area: &Area) -> usize {
        let (gone, whole) = match self {
            Self::Left => (area.0.start, picture.width),
            Self::Top => (area.1.start, picture.height),
            Self::Right => (picture.width - area.0.end, picture.width),
            Self::Bottom => (picture.height - area.1.end, picture.height),
        };
        let thickest = ((whole as f64 * THICKEST) as usize).saturating_sub(gone);
        let mut outer = self.line(picture, area, 0);
        for depth in 1..=thickest {
            if !of_one_shade(&outer) {
                return 0;
            }
            let inner = self.line(picture, area, depth);
            if is_step(&outer, &inner) {
                return depth;
            }
            outer = inner;
        }
        0
    }

    /// Pixels of the line so deep in `area`.
    fn line(self, picture: &Luma, (columns, rows): &Area, depth: usize) -> Vec<u8> {
        let pixel = |x: usize, y: usize| picture.values[y * picture.width + x];
        match self {
            Self::Left => spread(rows)
                .map(|y| pixel(columns.start + depth, y))
                .collect(),
            Self::Top => spread(columns)
                .map(|x| pixel(x, rows.start + depth))
                .collect(),
            Self::Right => spread(rows)
                .map(|y| pixel(columns.end - 1 - depth, y))
                .collect(),
            Self::Bottom => spread(columns)
                .map(|x| pixel(x, rows.end - 1 - depth))
                .collect(),
        }
    }

    /// Takes lines away from `area`.
    fn strip(self, (columns, rows): &mut Area, lines: usize) {
        match self {
            Self::Left => columns.start += lines,
            Self::Top => rows.start += lines,
            Self::Right => columns.end -= lines,
            Self::Bottom => rows.end -= lines,
        }
    }
}

/// Places along a line.
fn spread(span: &Range<usize>) -> impl Iterator<Item = usize> {
    let (start, len) = (span.start, span.len());
    let count = len.min(SAMPLES);
    (0..count).map(move |index| start + index * len / count)
}

fn of_one_shade(line: &[u8]) -> bool {
    let mut sorted = line.to_vec();
    sorted.sort_unstable();
    let median = sorted[sorted.len() / 2];
    let near = |pixel: &&u8| pixel.abs_diff(median) <= SHADE;
    is_most(line.iter().filter(near).count(), line)
}

fn is_step(outer: &[u8], inner: &[u8]) -> bool {
    let steps = || {
        outer
            .iter()
            .zip(inner)
            .map(|(&a, &b)| i16::from(b) - i16::from(a))
    };
    is_most(steps().filter(|&step| step >= STEP).count(), outer)
        || is_most(steps().filter(|&step| step <= -STEP).count(), outer)
}

/// Two of three: the rest may be where the frame is round, or an object touches it.
fn is_most(count: usize, line: &[u8]) -> bool {
    3 * count >= 2 * line.len()
}
