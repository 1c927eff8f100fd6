// From a picture to an image like those of Fashion-MNIST, as src/predict/fit.rs makes it, where the steps are
// explained: the background is found, and the box of what lies on it is scaled and centred on black.

import { backgroundOf, lighterThan, medianOf, plainness } from './background.js';
import { insideOfFrames } from './frame.js';
import { resample } from './resample.js';

const FIT_SIDE = 28;
const VIEW_SIDE = 5 * FIT_SIDE;
const BOX_SHARE = 0.1;
const BOX_SPREADS = 4;
const FAINTEST = 8;
const CARD_EDGE = 2;
const CARD_SHADE = 16;
const FRAME_INSETS = [0, 0.01, 0.02, 0.04];

/**
 * Columns and rows.
 * @typedef {{columns: import('./resample.js').Span, rows: import('./resample.js').Span}} Area
 */

/**
 * What is seen of an object: the part of the picture that is seen, how much each of its pixels differs from the
 * background, the object's box in it, and how much of the border shows the background.
 * @typedef {{area: Area, view: import('./resample.js').Raster, box: Area, clear: number, isPlain: boolean}} Look
 */

/**
 * 28×28 bytes, light on black, and whether the object was found; null if the picture shows nothing but its
 * background.
 * @param {import('./resample.js').Raster} luma
 * @returns {{pixels: Uint8Array, isSure: boolean} | null}
 */
export function fittedImage(luma) {
  if (luma.width === FIT_SIDE && luma.height === FIT_SIDE) {
    return { pixels: lightOnDark(luma.pixels), isSure: true };
  }
  const look = lookAt(luma);
  return look && { pixels: imageOf(look), isSure: look.isPlain };
}

/** Finds the object inside of all frames; in the whole picture, if the background there is not plain. */
function lookAt(luma) {
  const whole = { columns: { start: 0, end: luma.width }, rows: { start: 0, end: luma.height } };
  const inside = insideOfFrames(luma);
  if (lengthOf(inside.columns) === luma.width && lengthOf(inside.rows) === luma.height) {
    return objectOrOnCard(luma, whole);
  }
  let best = null;
  for (const inset of FRAME_INSETS) {
    const area = { columns: narrowedSpan(inside.columns, inset), rows: narrowedSpan(inside.rows, inset) };
    const look = objectOrOnCard(luma, area);
    if (look?.isPlain && (!best || look.clear > best.clear + 0.02)) {
      best = look;
    }
  }
  if (best) {
    return best;
  }
  const look = objectIn(luma, whole);
  return look && { ...look, isPlain: false };
}

/** Finds the object in an area; if that is a card, as in a screenshot, what is on it. */
function objectOrOnCard(luma, area) {
  const look = objectIn(luma, area);
  const card = look && insideOfCard(look);
  const onCard = card && objectIn(luma, card);
  if (!onCard) {
    return look;
  }
  return onCard.isPlain ? onCard : { ...look, isPlain: false };
}

/**
 * Finds the object in an area. One that is small in it is looked at again from nearer by.
 * @returns {Look | null}
 */
function objectIn(luma, area) {
  let view = viewOf(luma, area);
  const border = borderOf(view.width, view.height);
  const samples = samplesOf(luma, view, area);
  const background = backgroundOf(border.map((at) => samples[at]));
  const lighter = samples.reduce((sum, sample) => sum + lighterThan(background, sample), 0);
  const sign = lighter < 0 ? -1 : 1;
  const differences = (samples) =>
    Float64Array.from(samples, (sample) => sign * lighterThan(background, sample));
  view.pixels = differences(samples);
  let least = leastDifference(view, background.spread);
  if (least === null) {
    return null;
  }
  const { clear, isPlain } = plainness(view, border, least);
  while (least !== null) {
    const box = boxOf(view, least);
    const isLarge =
      2 * Math.max(lengthOf(box.columns), lengthOf(box.rows)) >= Math.max(view.width, view.height);
    const isExact = view.width === lengthOf(area.columns) && view.height === lengthOf(area.rows);
    if (isLarge || isExact) {
      return { area, view, box, clear, isPlain };
    }
    area = {
      columns: nearerSpan(area.columns, box.columns, view.width),
      rows: nearerSpan(area.rows, box.rows, view.height),
    };
    view = viewOf(luma, area);
    view.pixels = differences(samplesOf(luma, view, area));
    least = leastDifference(view, background.spread);
  }
  return null;
}

/** A part of the picture, shrunk if it is large. */
function viewOf(luma, area) {
  const [columns, rows] = [lengthOf(area.columns), lengthOf(area.rows)];
  const shrink = Math.max(Math.max(columns, rows) / VIEW_SIDE, 1);
  const [width, height] = [columns, rows].map((side) => Math.max(Math.round(side / shrink), 1));
  return { pixels: resample(luma, area, width, height), channels: 1, width, height };
}

/** The pixels of a view of an area, and where they are in the picture. */
function samplesOf(luma, { pixels, width, height }, { columns, rows }) {
  const place = (at, length, span, whole) => {
    const middle = ((at + 0.5) / length) * lengthOf(span);
    return (2 * (span.start + middle)) / whole - 1;
  };
  return Array.from(pixels, (value, index) => ({
    x: place(index % width, width, columns, luma.width),
    y: place(Math.floor(index / width), height, rows, luma.height),
    luma: value,
  }));
}

/**
 * The inside of the object's box, in the picture, if the box is all of one shade along its edges: no garment is,
 * but a card with something on it. Null otherwise.
 */
function insideOfCard({ area, view, box }) {
  const inner = ({ start, end }) => ({ start: start + CARD_EDGE, end: end - CARD_EDGE });
  const [columns, rows] = [inner(box.columns), inner(box.rows)];
  const [width, height] = [lengthOf(columns), lengthOf(rows)];
  if (width < FIT_SIDE || height < FIT_SIDE) {
    return null;
  }
  const edge = borderOf(width, height).map((at) => {
    const [x, y] = [columns.start + (at % width), rows.start + Math.floor(at / width)];
    return view.pixels[y * view.width + x];
  });
  const shade = medianOf(edge);
  const alike = edge.filter((value) => Math.abs(value - shade) <= Math.min(shade / 4, CARD_SHADE));
  if (100 * alike.length < 98 * edge.length) {
    return null;
  }
  const placed = (span, whole, length) => ({
    start: whole.start + Math.ceil((span.start * lengthOf(whole)) / length),
    end: whole.start + Math.floor((span.end * lengthOf(whole)) / length),
  });
  return {
    columns: placed(columns, area.columns, view.width),
    rows: placed(rows, area.rows, view.height),
  };
}

/** The box of a look, scaled so that the longer side fills the image, and centred. */
function imageOf({ view, box }) {
  const sides = [lengthOf(box.columns), lengthOf(box.rows)];
  const scale = FIT_SIDE / Math.max(...sides);
  const [width, height] = sides.map((side) => Math.max(Math.round(side * scale), 1));
  const differences = Float32Array.from(view.pixels, (value) => Math.max(value, 0));
  const object = resample({ ...view, pixels: differences }, box, width, height);
  const lightest = largestOf(object);
  // In Fashion-MNIST the odd pixel is at the left and at the top.
  const [left, top] = [width, height].map((side) => Math.ceil((FIT_SIDE - side) / 2));
  const pixels = new Uint8Array(FIT_SIDE * FIT_SIDE);
  object.forEach((value, index) => {
    const [x, y] = [left + (index % width), top + Math.floor(index / width)];
    pixels[y * FIT_SIDE + x] = Math.round((value / lightest) * 255);
  });
  return pixels;
}

/** An image of the right size, negated if its outermost pixels are light. */
function lightOnDark(pixels) {
  const border = borderOf(FIT_SIDE, FIT_SIDE);
  const isDark = border.reduce((sum, at) => sum + pixels[at], 0) < 128 * border.length;
  return Uint8Array.from(pixels, (pixel) => (isDark ? pixel : 255 - pixel));
}

/** Where the outermost of `width × height` pixels are, in their order round the others. */
function borderOf(width, height) {
  const places = [];
  for (let x = 0; x < width; x++) places.push(x);
  for (let y = 1; y < height; y++) places.push(y * width + width - 1);
  for (let x = width - 2; x >= 0; x--) places.push((height - 1) * width + x);
  for (let y = height - 2; y >= 1; y--) places.push(y * width);
  return places;
}

/** The least difference from the background that makes a pixel one of the object; null if there is none. */
function leastDifference(view, spread) {
  const largest = largestOf(view.pixels);
  const least = Math.min(Math.max(BOX_SPREADS * spread, BOX_SHARE * largest), largest / 3);
  return largest > FAINTEST ? least : null;
}

/** The smallest area around every value that is at least `least`. */
function boxOf({ pixels, width, height }, least) {
  const columns = { start: width, end: 0 };
  const rows = { start: height, end: 0 };
  pixels.forEach((value, index) => {
    if (value >= least) {
      for (const [span, at] of [[columns, index % width], [rows, Math.floor(index / width)]]) {
        span.start = Math.min(span.start, at);
        span.end = Math.max(span.end, at + 1);
      }
    }
  });
  return { columns, rows };
}

/** A span without a share of its length at either end. */
function narrowedSpan(span, share) {
  const cut = Math.floor(share * lengthOf(span));
  return { start: span.start + cut, end: span.end - cut };
}

/**
 * What part of `span` that is which was found in a view of it of `length` pixels, with one of these more at either
 * end.
 */
function nearerSpan(span, found, length) {
  const start = Math.max(found.start - 1, 0) * lengthOf(span);
  const end = Math.min(found.end + 1, length) * lengthOf(span);
  return { start: span.start + Math.floor(start / length), end: span.start + Math.ceil(end / length) };
}

function lengthOf({ start, end }) {
  return end - start;
}

function largestOf(values) {
  return values.reduce((largest, value) => Math.max(largest, value), 0);
}
