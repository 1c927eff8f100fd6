// Scaling by the mean over areas, as src/picture/resample.rs does it: in single precision, step by step, so that
// the models see here what they see there.

/**
 * Pixels, row by row, the channels of a pixel side by side.
 * @typedef {{pixels: ArrayLike<number>, channels: number, width: number, height: number}} Raster
 */

/**
 * A part of a line, from `start` to before `end`.
 * @typedef {{start: number, end: number}} Span
 */

/**
 * Scales an area of a raster to `width × height` pixels.
 *
 * Each pixel is the mean over its share of the area. A share is never narrower than one pixel, so that enlarging
 * interpolates linearly. Nothing outside of the area counts.
 * @param {Raster} raster
 * @param {{columns: Span, rows: Span}} area
 * @returns {Float32Array} as `Raster.pixels`
 */
export function resample({ pixels, channels, width: columns }, area, width, height) {
  const stride = columns * channels;
  const sums = new Float32Array(stride);
  const scaled = new Float32Array(width * height * channels);
  const across = sharesOfSpan(area.columns, width);
  let next = 0;
  for (const { first: top, weights } of sharesOfSpan(area.rows, height)) {
    sums.fill(0);
    for (let row = 0; row < weights.length; row++) {
      const weight = weights[row];
      const start = (top + row) * stride;
      for (let at = 0; at < stride; at++) {
        sums[at] += Math.fround(weight * pixels[start + at]);
      }
    }
    for (const { first: left, weights } of across) {
      for (let channel = 0; channel < channels; channel++, next++) {
        for (let column = 0; column < weights.length; column++) {
          scaled[next] += Math.fround(weights[column] * sums[(left + column) * channels + channel]);
        }
      }
    }
  }
  return scaled;
}

/** `count` equal shares of a span: the first pixel of each, and how much of it and of the next ones; 1 in all. */
function sharesOfSpan(span, count) {
  const length = (span.end - span.start) / count;
  const half = Math.max(length, 1) / 2;
  return Array.from({ length: count }, (_, index) => {
    const middle = span.start + (index + 0.5) * length;
    const start = Math.max(middle - half, span.start);
    const end = Math.min(middle + half, span.end);
    const first = Math.floor(start);
    const weights = new Float32Array(Math.ceil(end) - first);
    for (let at = 0; at < weights.length; at++) {
      const pixel = first + at;
      weights[at] = (Math.min(end, pixel + 1) - Math.max(start, pixel)) / (end - start);
    }
    return { first, weights };
  });
}
