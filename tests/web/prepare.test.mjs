// What holds of the page's pictures without the program; check_prepare.py compares the two.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prepare } from '../../src/web/page/prepare.js';
import { resample } from '../../src/web/page/resample.js';

const GARMENT = { channels: 1, height: 28, width: 28 };

/** A picture of what `pixel` says of each column and row: red, green, blue and perhaps alpha. */
function painted(width, height, pixel) {
  const rgba = new Uint8ClampedArray(4 * width * height);
  for (let at = 0; at < width * height; at++) {
    const [red, green, blue, alpha = 255] = pixel(at % width, Math.floor(at / width));
    rgba.set([red, green, blue, alpha], 4 * at);
  }
  return { rgba, width, height };
}

/** A rectangle of one shade on another. */
function card(width, height, [left, top, right, bottom], object, background) {
  return painted(width, height, (x, y) => {
    const isObject = x >= left && x < right && y >= top && y < bottom;
    return Array(3).fill(isObject ? object : background);
  });
}

function assertRow(values, expected) {
  const raster = { pixels: values, channels: 1, width: values.length, height: 1 };
  const area = { columns: { start: 0, end: values.length }, rows: { start: 0, end: 1 } };
  const scaled = resample(raster, area, expected.length, 1);
  assert.equal(scaled.length, expected.length);
  scaled.forEach((value, at) => assert.ok(Math.abs(value - expected[at]) < 1e-5, `${[...scaled]}`));
}

test('shrinking takes the mean of whole and broken pixels', () => {
  assertRow([1, 3, 5, 9], [2, 7]);
  assertRow([0, 3, 9], [1, 7]);
  const raster = { pixels: [1, 10, 3, 20, 5, 30, 9, 80], channels: 2, width: 2, height: 2 };
  const area = { columns: { start: 0, end: 2 }, rows: { start: 0, end: 2 } };
  assert.deepEqual([...resample(raster, area, 1, 1)], [4.5, 35]);
});

test('enlarging interpolates', () => {
  assertRow([0, 4], [0, 1, 3, 4]);
  assertRow([7], [7, 7, 7]);
});

test('an area is cut out', () => {
  const raster = { pixels: Array.from({ length: 12 }, (_, at) => at), channels: 1, width: 4, height: 3 };
  const cut = (columns, rows, width, height) => [
    ...resample(raster, { columns: { start: columns[0], end: columns[1] }, rows: { start: rows[0], end: rows[1] } },
      width, height),
  ];
  assert.deepEqual(cut([1, 3], [1, 3], 2, 2), [5, 6, 9, 10]);
  assert.deepEqual(cut([0, 4], [0, 3], 1, 1), [5.5]);
  assert.deepEqual(cut([1.5, 2.5], [0, 1], 1, 1), [1.5]);
});

test('a constant picture stays constant, in the size that is asked for', () => {
  for (const [width, height] of [[1, 1], [7, 5], [64, 64], [301, 99]]) {
    const picture = painted(width, height, () => [10, 130, 250]);
    for (const resize of ['crop', 'stretch']) {
      const { pixels, notes } = prepare(picture, { channels: 3, height: 12, width: 17 }, resize);
      const expected = [10, 130, 250].flatMap((value) => Array(12 * 17).fill(value));
      assert.deepEqual([...pixels], expected, `${width}×${height} ${resize}`);
      assert.deepEqual(notes, []);
    }
  }
});

test('padding shows all in the middle of black, the larger rest at the right and below', () => {
  const white = () => [255, 255, 255];
  const shape = { channels: 1, height: 4, width: 4 };
  const row = [0, 255, 0, 0];
  assert.deepEqual([...prepare(painted(3, 12, white), shape, 'pad').pixels], [row, row, row, row].flat());
  const rows = [[0, 0, 0, 0], [255, 255, 255, 255], [0, 0, 0, 0], [0, 0, 0, 0]];
  assert.deepEqual([...prepare(painted(12, 3, white), shape, 'pad').pixels], rows.flat());
});

test('cropping shows the middle, stretching all', () => {
  const picture = painted(8, 2, (x) => [10 * x, 10 * x, 10 * x]);
  const shape = { channels: 1, height: 2, width: 2 };
  assert.deepEqual([...prepare(picture, shape, 'crop').pixels], [30, 40, 30, 40]);
  assert.deepEqual([...prepare(picture, shape, 'stretch').pixels], [15, 55, 15, 55]);
});

test('a grey image has the luma of a coloured one', () => {
  const shape = { channels: 1, height: 1, width: 3 };
  const colors = [[255, 0, 0], [0, 255, 0], [0, 0, 255]];
  assert.deepEqual([...prepare(painted(3, 1, (x) => colors[x]), shape, 'pad').pixels], [76, 150, 29]);
});

test('what is transparent is white, but black behind a white garment', () => {
  const half = painted(2, 1, (x) => [0, 100, 200, x === 0 ? 0 : 51]);
  const { pixels } = prepare(half, { channels: 3, height: 1, width: 2 }, 'pad');
  assert.deepEqual([...pixels], [255, 204, 255, 224, 255, 244]);
  for (const shade of [0, 255]) {
    const object = painted(100, 100, (x, y) => [shade, shade, shade, Math.hypot(x - 50, y - 50) < 30 ? 255 : 0]);
    const image = prepare(object, GARMENT, null).pixels;
    assert.equal(image[14 * 28 + 14], 255, `${shade}`);
    assert.equal(image[0], 0, `${shade}`);
  }
});

test('an image like those of Fashion-MNIST stays as it is, or is negated', () => {
  const dark = painted(28, 28, (x, y) => Array(3).fill(x > 5 && x < 20 ? 7 * y : 3));
  const light = { ...dark, rgba: dark.rgba.map((value, at) => (at % 4 === 3 ? value : 255 - value)) };
  const greys = dark.rgba.filter((_, at) => at % 4 === 0);
  assert.deepEqual([...prepare(dark, GARMENT, null).pixels], [...greys]);
  assert.deepEqual([...prepare(light, GARMENT, null).pixels], [...greys]);
});

test('a garment fills the longer side and is light on black, whatever lies round it', () => {
  // 56 by 113 pixels: 14 columns in the middle of 28.
  const box = [100, 60, 156, 173];
  const expected = Array.from({ length: 28 * 28 }, (_, at) => (at % 28 >= 7 && at % 28 < 21 ? 255 : 0));
  for (const [object, background] of [[20, 240], [230, 10]]) {
    const plain = card(300, 220, box, object, background);
    const framed = painted(340, 260, (x, y) => {
      const isInside = x >= 20 && x < 320 && y >= 20 && y < 240;
      const at = 4 * ((y - 20) * 300 + (x - 20));
      return isInside ? [...plain.rgba.subarray(at, at + 3)] : [128, 128, 128];
    });
    for (const picture of [plain, framed]) {
      const { pixels, notes } = prepare(picture, GARMENT, null);
      assert.ok(pixels instanceof Uint8Array);
      assert.deepEqual(notes, []);
      const alike = pixels.filter((value, at) => Math.abs(value - expected[at]) < 30).length;
      assert.ok(alike >= 28 * 24, `${alike} pixels`);
      assert.equal(Math.max(...pixels), 255);
    }
  }
});

test('it is told where no object is found', () => {
  assert.throws(
    () => prepare(painted(60, 40, () => [99, 120, 50]), GARMENT, null),
    /^Error: This picture shows nothing but its background — use a picture of one thing on a plain background$/,
  );
  const pattern = painted(200, 200, (x, y) => Array(3).fill((x >> 4) + (y >> 4) & 1 ? 250 : 20));
  const { pixels, notes } = prepare(pattern, GARMENT, null);
  assert.equal(pixels.length, 28 * 28);
  assert.equal(notes.length, 1);
  assert.match(notes[0], /^This picture shows no plain background, so that .* — use a picture of one thing/);
});

test('the picture is left as it was', () => {
  const picture = card(90, 70, [30, 20, 60, 50], 30, 240);
  const before = picture.rgba.slice();
  prepare(picture, GARMENT, null);
  prepare(picture, { channels: 3, height: 9, width: 9 }, 'crop');
  assert.deepEqual(picture.rgba, before);
});
