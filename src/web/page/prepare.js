// From a picture to what the models see: as `fmnist predict` does it, to the last bit where the browser decodes the
// picture's file to the same pixels.

import { fittedImage } from './fit.js';
import { resample } from './resample.js';

// Mean luma from which an object counts as white.
const TOO_LIGHT = 240;

/**
 * A picture as the models see it: bytes `[channels, height, width]`, and what the user should know about it, in
 * sentences.
 *
 * Throws an error for the user if the picture shows nothing.
 * @param {{rgba: ArrayLike<number>, width: number, height: number}} picture upright, alpha not multiplied in
 * @param {{channels: number, height: number, width: number}} shape
 * @param {'pad' | 'crop' | 'stretch' | null} resize null: as Fashion-MNIST's pictures were made
 * @returns {{pixels: Uint8Array, notes: string[]}}
 */
export function prepare(picture, shape, resize) {
  if (resize) {
    return { pixels: resizedImage(opaqueRaster(picture, 255), shape, resize), notes: [] };
  }
  const fitted = fittedImage(lumaRaster(opaqueRaster(picture, isSeenOnWhite(picture) ? 255 : 0)));
  if (!fitted) {
    throw new Error(
      'This picture shows nothing but its background — use a picture of one thing on a plain background',
    );
  }
  const note =
    'This picture shows no plain background, so that the object may not have been found — use a picture of one ' +
    'thing on a plain background, or see what the models saw';
  return { pixels: fitted.pixels, notes: fitted.isSure ? [] : [note] };
}

/** The luma of ITU-R BT.601. */
function lumaOf(red, green, blue) {
  return Math.floor((299 * red + 587 * green + 114 * blue + 500) / 1000);
}

/** Whether what is visible of a picture is dark enough to be seen on white. */
function isSeenOnWhite({ rgba }) {
  let [light, visible] = [0, 0];
  for (let at = 0; at < rgba.length; at += 4) {
    light += lumaOf(rgba[at], rgba[at + 1], rgba[at + 2]) * rgba[at + 3];
    visible += rgba[at + 3];
  }
  return light < TOO_LIGHT * visible;
}

/** Red, green and blue, on this background where the picture is transparent. */
function opaqueRaster({ rgba, width, height }, background) {
  const pixels = new Uint8Array(3 * width * height);
  for (let from = 0, to = 0; from < rgba.length; from += 4) {
    const alpha = rgba[from + 3];
    for (let channel = 0; channel < 3; channel++, to++) {
      pixels[to] = (rgba[from + channel] * alpha + background * (255 - alpha) + 127) / 255;
    }
  }
  return { pixels, channels: 3, width, height };
}

function lumaRaster({ pixels, width, height }) {
  const luma = new Uint8Array(width * height);
  for (let at = 0; at < luma.length; at++) {
    luma[at] = lumaOf(pixels[3 * at], pixels[3 * at + 1], pixels[3 * at + 2]);
  }
  return { pixels: luma, channels: 1, width, height };
}

/** A picture in colour as an image of a dataset, as src/picture/resize.rs makes it. */
function resizedImage(raster, { channels, width, height }, resize) {
  const [across, down] = placements([raster.width, raster.height], [width, height], resize);
  const [columns, rows] = [across.to.end - across.to.start, down.to.end - down.to.start];
  const placed = resample(raster, { columns: across.from, rows: down.from }, columns, rows);
  const bytes = Uint8Array.from(placed, (value) => Math.fround(value + 0.5));
  const image = new Uint8Array(channels * height * width);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const from = 3 * (y * columns + x);
      const pixel = bytes.subarray(from, from + 3);
      const at = (down.to.start + y) * width + across.to.start + x;
      if (channels === 1) {
        image[at] = lumaOf(...pixel);
      } else {
        pixel.forEach((value, channel) => {
          image[channel * height * width + at] = value;
        });
      }
    }
  }
  return image;
}

/** Which span of a picture's sides is shown in which of an image's: first across, then down. */
function placements(sides, spaces, resize) {
  const scales = spaces.map((space, index) => space / sides[index]);
  const scale = resize === 'crop' ? Math.max(...scales) : Math.min(...scales);
  return sides.map((side, index) => {
    const space = spaces[index];
    if (resize === 'stretch') {
      return { from: { start: 0, end: side }, to: { start: 0, end: space } };
    }
    const seen = Math.min(space / scale, side);
    const start = (side - seen) / 2;
    const filled = Math.min(Math.max(Math.round(side * scale), 1), space);
    const left = Math.floor((space - filled) / 2);
    return { from: { start, end: start + seen }, to: { start: left, end: left + filled } };
  });
}
