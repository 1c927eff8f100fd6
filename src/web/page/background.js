// The background that an object lies on, as src/predict/background.rs finds it: how light it is at each place,
// and whether it is plain. What the numbers are for is explained there.

const SURFACE_TERMS = 6; // 1, x, y, x², xy, y²
const DARKEST_BACKGROUND = 25;
const NEAR_SURFACE = 8;
const SURFACE_GAIN = 0.7;
const SURFACE_ASTRIDE = 0.02;

const LEAST_CLEAR_BORDER = 0.5;
const MOST_BORDER_OBJECTS = 8;
const MOST_WRONG_BORDER = 0.04;

/**
 * A place, from -1 to 1 in either direction, and the luma there.
 * @typedef {{x: number, y: number, luma: number}} Sample
 */

/**
 * A smooth surface, and how far from it the background is: `spread`, a standard deviation of luma.
 * @typedef {{coefficients: number[], isLevel: boolean, spread: number}} Surface
 */

/**
 * The simplest surface that fits most of the samples, which follow each other round a picture: level, inclined, or
 * curved.
 * @param {Sample[]} samples
 * @returns {Surface}
 */
export function backgroundOf(samples) {
  const steps = samples.slice(1).map(({ luma }, index) => Math.abs(luma - samples[index].luma));
  // The median difference of normal variates is 0.95 standard deviations, their median distance 0.67.
  const noise = medianOf(steps) / 0.95;
  const near = Math.max(NEAR_SURFACE, 3 * noise);
  const start = [medianOf(samples.map(({ luma }) => luma)), 0, 0, 0, 0, 0];
  let best = fittedSurface(samples, start, 1, near);
  for (const terms of [3, SURFACE_TERMS]) {
    const fit = fittedSurface(samples, start, terms, near);
    if (fit.left < SURFACE_GAIN * best.left && fit.astride <= SURFACE_ASTRIDE) {
      best = fit;
    }
  }
  return { coefficients: best.coefficients, isLevel: best.terms === 1, spread: best.distance / 0.67 };
}

/**
 * Luma by which a sample is lighter than the background, as it would be if the background were everywhere as light
 * as in the middle.
 * @param {Surface} surface
 * @param {Sample} sample
 */
export function lighterThan({ coefficients, isLevel }, sample) {
  const background = Math.min(Math.max(surfaceAt(coefficients, sample), 0), 255);
  const difference = sample.luma - background;
  if (isLevel) {
    return difference;
  }
  // What is darker takes away a share of the light, and what is lighter a share of what is missing to white.
  const full = (light) => Math.max(difference < 0 ? light : 255 - light, DARKEST_BACKGROUND);
  return (difference / full(background)) * full(coefficients[0]);
}

/**
 * Which share of a view's border shows the background, and whether the background is plain.
 * @param {import('./resample.js').Raster} view how much each pixel differs from the background
 * @param {number[]} border
 * @param {number} least from where on a pixel is one of the object
 * @returns {{clear: number, isPlain: boolean}}
 */
export function plainness({ pixels, width }, border, least) {
  const isClear = (at) => Math.abs(pixels[at]) < least;
  const count = (is) => border.filter(is).length;
  const clear = count(isClear) / border.length;
  const wrong = count((at) => pixels[at] <= -least) / border.length;
  const objects = count((at, index) => isClear(at) && !isClear(border[(index + 1) % border.length]));
  const last = pixels.length - 1;
  const corners = [0, width - 1, last - (width - 1), last];
  const isPlain =
    clear >= LEAST_CLEAR_BORDER &&
    wrong <= MOST_WRONG_BORDER &&
    objects <= MOST_BORDER_OBJECTS &&
    corners.every(isClear);
  return { clear, isPlain };
}

/** The middle one of some values, the upper one of two; 0 of none. */
export function medianOf(values) {
  return Float64Array.from(values).sort()[values.length >> 1] ?? 0;
}

/**
 * A surface that fits most samples: by least squares with weights that samples lose as they lie farther away.
 * `left` is what it does not explain, `astride` the share of samples above it, or below it, whichever are fewer.
 */
function fittedSurface(samples, start, terms, near) {
  let coefficients = start;
  // From a wide view, in which all count, to a narrow one.
  for (const scale of [128, 64, 32, 16, 8, 8, 8]) {
    const better = refittedSurface(samples, coefficients, terms, Math.max(near, scale));
    if (!better) {
      break;
    }
    coefficients = better;
  }
  const residuals = samples.map((sample) => sample.luma - surfaceAt(coefficients, sample));
  const missed = residuals.reduce((sum, residual) => sum + Math.min((residual / near) ** 2, 1), 0);
  const above = residuals.filter((residual) => residual > near).length;
  const below = residuals.filter((residual) => residual < -near).length;
  return {
    coefficients,
    terms,
    distance: medianOf(residuals.map(Math.abs)),
    left: missed / samples.length,
    astride: Math.min(above, below) / samples.length,
  };
}

function refittedSurface(samples, surface, terms, scale) {
  const equations = Array.from({ length: SURFACE_TERMS }, () => new Float64Array(SURFACE_TERMS + 1));
  for (const sample of samples) {
    const distance = (sample.luma - surfaceAt(surface, sample)) / scale;
    const spread = 1 + distance * distance;
    const weight = 1 / (spread * spread);
    const powers = powersOf(sample);
    equations.forEach((equation, row) => {
      powers.forEach((other, column) => {
        equation[column] += weight * powers[row] * other;
      });
      equation[SURFACE_TERMS] += weight * powers[row] * sample.luma;
    });
  }
  return solvedEquations(equations, terms);
}

function surfaceAt(coefficients, sample) {
  return powersOf(sample).reduce((sum, power, term) => sum + power * coefficients[term], 0);
}

function powersOf({ x, y }) {
  return [1, x, y, x * x, x * y, y * y];
}

/**
 * Solves the first `terms` of symmetric equations, whose right sides stand last; the other unknowns are 0. Null if
 * they do not determine a solution.
 */
function solvedEquations(equations, terms) {
  const used = equations.slice(0, terms);
  for (const [pivot, row] of used.entries()) {
    if (row[pivot] < 1e-9) {
      return null;
    }
    for (const other of used) {
      if (other !== row) {
        const factor = other[pivot] / row[pivot];
        row.forEach((take, column) => {
          other[column] -= factor * take;
        });
      }
    }
  }
  return equations.map((equation, index) => (index < terms ? equation[SURFACE_TERMS] / equation[index] : 0));
}
