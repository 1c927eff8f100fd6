//! The background that an object lies on: how light it is at each place.
//!
//! Whether the background is **plain** is seen from the border: garments that are photographed from near
//! by, as Fashion-MNIST's are, touch it in a few places and leave the corners free. A pattern, or a
//! wall and a floor, does not.

use super::plane::Plane;

/// Terms of a surface of the second order: 1, x, y, x², xy, y².
const TERMS: usize = 6;
/// Nothing is darker than this, as the background's share of light that things on it take away is
/// asked for.
const DARKEST: f64 = 25.0;
/// Luma that a pixel may be away from a surface it lies on.
const NEAR: f64 = 8.0;
/// A surface with more terms is taken if it leaves at most this share of what one with fewer
/// leaves.
const GAIN: f64 = 0.7;
/// …and unless more than this share of the samples lies above it, and as much below it: then there
/// is an edge, which it smooths over, and not an object, which is either darker or lighter.
const ASTRIDE: f64 = 0.02;

/// The background is plain if at least this share of the border shows it,
const LEAST_CLEAR: f64 = 0.5;
/// if objects interrupt it no more often than this,
const MAX_OBJECTS: usize = 8;
/// and if no more than this share of the border differs from it, but not as the object does.
const MAX_WRONG: f64 = 0.04;

/// A place, from -1 to 1 in either direction, and the luma there.
#[derive(Clone, Copy)]
pub(super) struct Sample {
    pub x: f64,
    pub y: f64,
    pub luma: f64,
}

/// A smooth surface, and how far from it the background is, in luma.
pub(super) struct Background {
    coefficients: [f64; TERMS],
    is_level: bool,
    /// Standard deviation: noise, texture, and what a smooth surface cannot follow.
    pub spread: f64,
}

impl Background {
    /// The simplest surface that fits most of the samples, which follow each other round a
    /// picture: level, inclined, or curved.
    pub fn of(samples: &[Sample]) -> Self {
        // Nearly everywhere neighbours differ by noise alone.
        let steps = samples.windows(2);
        let steps = steps.map(|pair| (pair[1].luma - pair[0].luma).abs());
        // The median difference of normal variates is 0.95 standard deviations.
        let noise = median(steps.collect()) / 0.95;
        let near = NEAR.max(3.0 * noise);

        let mut start = [0.0; TERMS];
        start[0] = median(samples.iter().map(|sample| sample.luma).collect());
        let mut best = Fit::new(samples, start, 1, near);
        for terms in [3, TERMS] {
            let fit = Fit::new(samples, start, terms, near);
            if fit.left < GAIN * best.left && fit.astride <= ASTRIDE {
                best = fit;
            }
        }
        Self {
            coefficients: best.coefficients,
            is_level: best.terms == 1,
            // The median distance of normal variates is 0.67 standard deviations.
            spread: best.distance / 0.67,
        }
    }

    /// Luma by which a sample is lighter than the background, as it would be if the background were
    /// everywhere as light as in the middle.
    pub fn lighter(&self, sample: &Sample) -> f64 {
        let background = height(&self.coefficients, sample).clamp(0.0, 255.0);
        let difference = sample.luma - background;
        if self.is_level {
            return difference;
        }
        // What is darker takes away a share of the light, and what is lighter a share of what is
        // missing to white.
        let full = |background: f64| match difference < 0.0 {
            true => background.max(DARKEST),
            false => (255.0 - background).max(DARKEST),
        };
        difference / full(background) * full(self.coefficients[0])
    }
}

/// Which share of the border shows the background, and whether the background is plain.
pub(super) fn plainness(view: &Plane, border: &[usize], least: f64) -> (f64, bool) {
    let is_clear = |at: &usize| view.values[*at].abs() < least;
    let share = |count: usize| count as f64 / border.len() as f64;
    let clear = share(border.iter().filter(|at| is_clear(at)).count());
    let wrong = share(
        border
            .iter()
            .filter(|at| view.values[**at] <= -least)
            .count(),
    );
    let next = border.iter().cycle().skip(1);
    let objects = border
        .iter()
        .zip(next)
        .filter(|(at, next)| is_clear(at) && !is_clear(next));
    let (last_column, last) = (view.width - 1, view.values.len() - 1);
    let corners = [0, last_column, last - last_column, last];
    let is_plain = clear >= LEAST_CLEAR
        && wrong <= MAX_WRONG
        && objects.count() <= MAX_OBJECTS
        && corners.iter().all(is_clear);
    (clear, is_plain)
}

/// A surface that fits most samples.
struct Fit {
    coefficients: [f64; TERMS],
    terms: usize,
    /// Median distance of the samples.
    distance: f64,
    /// What it does not explain: 0 if all samples lie on it, 1 if all lie elsewhere.
    left: f64,
    /// Share of the samples that lie above it, or below it, whichever are fewer.
    astride: f64,
}

impl Fit {
    /// By least squares with weights that samples lose as they lie farther away; who lies no
    /// farther than `near` keeps most of it.
    fn new(samples: &[Sample], start: [f64; TERMS], terms: usize, near: f64) -> Self {
        let mut coefficients = start;
        // From a wide view, in which all count, to a narrow one.
        for scale in [128.0, 64.0, 32.0, 16.0, 8.0, 8.0, 8.0] {
            match refitted(samples, &coefficients, terms, near.max(scale)) {
                Some(better) => coefficients = better,
                None => break,
            }
        }
        let residual = |sample: &Sample| sample.luma - height(&coefficients, sample);
        let residuals: Vec<f64> = samples.iter().map(residual).collect();
        let share = |sum: f64| sum / samples.len() as f64;
        let missed = |residual: &f64| (residual / near).powi(2).min(1.0);
        let above = residuals.iter().filter(|&&residual| residual > near);
        let below = residuals.iter().filter(|&&residual| residual < -near);
        Self {
            coefficients,
            terms,
            distance: median(residuals.iter().map(|residual| residual.abs()).collect()),
            left: share(residuals.iter().map(missed).sum()),
            astride: share(above.count().min(below.count()) as f64),
        }
    }
}

/// The surface of least squares, where samples as far as `scale` from `surface` have a quarter of
/// the weight of those on it.
fn refitted(
    samples: &[Sample],
    surface: &[f64; TERMS],
    terms: usize,
    scale: f64,
) -> Option<[f64; TERMS]> {
    let mut equations = [[0.0; TERMS + 1]; TERMS];
    for sample in samples {
        let distance = (sample.luma - height(surface, sample)) / scale;
        let weight = (1.0 + distance * distance).powi(-2);
        let powers = powers(sample);
        for (equation, power) in equations.iter_mut().zip(powers) {
            for (value, other) in equation.iter_mut().zip(powers) {
                *value += weight * power * other;
            }
            equation[TERMS] += weight * power * sample.luma;
        }
    }
    solved(equations, terms)
}

fn height(coefficients: &[f64; TERMS], sample: &Sample) -> f64 {
    let products = powers(sample).into_iter().zip(coefficients);
    products
        .map(|(power, coefficient)| power * coefficient)
        .sum()
}

fn powers(sample: &Sample) -> [f64; TERMS] {
    let (x, y) = (sample.x, sample.y);
    [1.0, x, y, x * x, x * y, y * y]
}

/// Solves the first `terms` of symmetric equations, whose right sides stand last; the other
/// unknowns are 0. None if they do not determine a solution.
fn solved(mut equations: [[f64; TERMS + 1]; TERMS], terms: usize) -> Option<[f64; TERMS]> {
    for pivot in 0..terms {
        let row = equations[pivot];
        if row[pivot] < 1e-9 {
            return None;
        }
        for (index, other) in equations.iter_mut().enumerate().take(terms) {
            if index != pivot {
                let factor = other[pivot] / row[pivot];
                for (value, take) in other.iter_mut().zip(row) {
                    *value -= factor * take;
                }
            }
        }
    }
    let mut solution = [0.0; TERMS];
    for (index, equation) in equations.iter().enumerate().take(terms) {
        solution[index] = equation[TERMS] / equation[index];
    }
    Some(solution)
}

/// The middle one of some values, the upper one of two; 0 of none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
