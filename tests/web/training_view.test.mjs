// What holds of a training's files, plots and words; check_web_training.py looks at the page itself.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plot, thinned, ticksOf } from '../../src/web/page/curves.js';
import { historyCsv, safetensors } from '../../src/web/page/downloads.js';
import { referencePredict } from '../../src/web/page/reference.js';
import { durationText, phaseText, progressText } from '../../src/web/page/train_view.js';

/** As much of a document as a plot takes. */
class Drawn {
  children = [];
  attributes = {};
  constructor(name) {
    this.name = name;
  }
  setAttribute(key, value) {
    this.attributes[key] = String(value);
  }
  append(child) {
    this.children.push(child);
  }
  all(name) {
    return this.children.filter((child) => child.name === name);
  }
  texts(anchor) {
    return this.all('text').filter((text) => text.attributes['text-anchor'] === anchor).map((text) => text.textContent);
  }
}
globalThis.document = { createElementNS: (_, name) => new Drawn(name) };

const NO_COURSE = { name: 'cnn', epochs: 10, epoch: 0, step: 0, steps: 14, curve: [], history: [], test: null };

function record(epoch, values) {
  const keys = ['train_loss', 'train_accuracy', 'validation_loss', 'validation_accuracy', 'seconds'];
  return { epoch, ...Object.fromEntries(keys.map((key, index) => [key, values[index]])) };
}

test('ticks are round and enclose what is shown', () => {
  assert.deepEqual(ticksOf(0, 10), [0, 2, 4, 6, 8, 10]);
  assert.deepEqual(ticksOf(0.52, 1), [0.5, 0.6, 0.7, 0.8, 0.9, 1]);
  for (const [low, high] of [[0, 1e-3], [0, 2.37], [0, 1e6], [0.9991, 1], [1, 1], [0, 1]]) {
    const ticks = ticksOf(low, high);
    const step = ticks[1] - ticks[0];
    assert.ok(ticks[0] <= low && ticks.at(-1) >= high, `${low} to ${high}: ${ticks}`);
    assert.ok(ticks.length >= 2 && ticks.length <= 7, `${low} to ${high}: ${ticks}`);
    assert.ok(ticks[0] > low - step && ticks.at(-1) < high + 1.01 * step, `${low} to ${high}: ${ticks}`);
  }
});

test('a plot puts values where its scales say', () => {
  const curve = [{ at: 5, loss: 1 }, { at: 10, loss: 0 }];
  const history = [record(10, [0, 0, 2, 0, 1])];
  const made = plot([{ ...NO_COURSE, curve, history }], 'loss', 'Loss');
  assert.equal(made.attributes['aria-label'], 'Loss');
  const grid = made.all('line').map(({ attributes: { x1, x2, y1 } }) => [x1, x2, y1].map(Number));
  assert.deepEqual(made.texts('end'), ['0', '0.5', '1', '1.5', '2']);
  const [left, right] = grid[0];
  const points = made.all('polyline')[0].attributes.points.split(' ').map((point) => point.split(',').map(Number));
  assert.deepEqual(points, [[(left + right) / 2, grid[2][2]], [right, grid[0][2]]]);
  const { cx, cy } = made.all('circle')[0].attributes;
  assert.deepEqual([cx, cy].map(Number), [right, grid[4][2]]);
});

test('a plot of nothing has the scales of a beginning', () => {
  assert.deepEqual(plot([NO_COURSE], 'accuracy', '').texts('end'), ['0 %', '20 %', '40 %', '60 %', '80 %', '100 %']);
  assert.equal(plot([NO_COURSE], 'loss', '').texts('end').at(-1), '1');
});

test('no two ticks read alike', () => {
  const history = [record(1, [0, 0.9991, 0, 0.9993, 1]), record(2, [0, 0.9995, 0, 0.9999, 1])];
  const labels = plot([{ ...NO_COURSE, history }], 'accuracy', '').texts('end');
  assert.equal(new Set(labels).size, labels.length, labels.join());
});

test('long trainings are plotted in few points', () => {
  const curve = Array.from({ length: 200_000 }, (_, index) => ({ at: index / 20_000, loss: index % 2, accuracy: 0 }));
  const line = plot([{ ...NO_COURSE, curve }], 'loss', '').all('polyline')[0];
  const points = line.attributes.points.split(' ');
  assert.ok(points.length > 100 && points.length <= 300, String(points.length));
  const made = thinned(Array.from({ length: 601 }, (_, index) => [index, 2 * index]));
  assert.deepEqual(made[0], [1, 2]);
  assert.deepEqual(made.at(-1), [600, 1200]);
});

test('the history is that of the program: epochs in the order in which they ended', () => {
  const dense = [record(1, [1.25, 0.5, 0.75, 1, 0.1875]), record(2, [1, 0.625, 0.5, 0.875, 2])];
  const cnn = [record(1, [2.5, 0.125, 0, 0.25, 0.5])];
  assert.equal(
    historyCsv([{ name: 'dense', history: dense }, { name: 'cnn', history: cnn }]),
    'model,epoch,train_loss,train_accuracy,validation_loss,validation_accuracy,seconds\n' +
      'dense,1,1.25,0.5,0.75,1.0,0.1875\ncnn,1,2.5,0.125,0.0,0.25,0.5\ndense,2,1.0,0.625,0.5,0.875,2.0\n',
  );
});

/** What a safetensors file holds, read as its format says. */
function read(file) {
  const view = new DataView(file.buffer);
  const length = Number(view.getBigUint64(0, true));
  const text = new TextDecoder().decode(file.subarray(8, 8 + length));
  const { __metadata__: metadata, ...tensors } = JSON.parse(text);
  for (const tensor of Object.values(tensors)) {
    const [start, end] = tensor.data_offsets;
    const value = (_, at) => view.getFloat32(8 + length + start + 4 * at, true);
    tensor.values = Array.from({ length: (end - start) / 4 }, value);
  }
  return { text, length, metadata, tensors, values: file.length - 8 - length };
}

const BLOCK = {
  kind: 'block', in_channels: 1, out_channels: 2, height: 2, width: 2, kernel: 1, pool: 2, weight: 0, bias: 2,
};
const HIDDEN = { kind: 'linear', inputs: 2, outputs: 3, relu: true, weight: 4, bias: 10 };
const LAST = { kind: 'linear', inputs: 3, outputs: 1, relu: false, weight: 13, bias: 16 };

test('weights are a file of safetensors, in the layouts of PyTorch', () => {
  const model = {
    layers: [BLOCK, HIDDEN, LAST],
    scales: [{ offset: 73, factor: Math.fround(1 / 90) }],
    weights: Float32Array.from({ length: 17 }, (_, at) => at),
  };
  const { text, length, metadata, tensors, values } = read(safetensors(model, ['a', 'ü "b"']));
  assert.equal(length % 8, 0);
  assert.equal(values, 4 * 17);
  // 73 / 255 and 90 / 255 in the fewest digits that are the same in 32 bits.
  assert.deepEqual(metadata, { class_names: '["a","ü \\"b\\""]', pixel_mean: '0.28627452', pixel_std: '0.3529412' });
  // Conv2d, ReLU, MaxPool2d, Flatten, Linear, ReLU, Linear. A weight of a linear layer is turned.
  const expected = {
    '0.weight': [[2, 1, 1, 1], [0, 1]],
    '0.bias': [[2], [2, 3]],
    '4.weight': [[3, 2], [4, 7, 5, 8, 6, 9]],
    '4.bias': [[3], [10, 11, 12]],
    '6.weight': [[1, 3], [13, 14, 15]],
    '6.bias': [[1], [16]],
  };
  const found = Object.entries(tensors).map(([name, { shape, values }]) => [name, [shape, values]]);
  assert.deepEqual(Object.fromEntries(found), expected);
  assert.ok(Object.values(tensors).every(({ dtype }) => dtype === 'F32'));
  const names = [...text.matchAll(/"(\d\.\w+)":/g)].map(([, name]) => name);
  assert.deepEqual(names, Object.keys(expected).sort());
});

test('a block without a pool is one module less', () => {
  const model = { layers: [{ ...BLOCK, pool: 1 }, HIDDEN], scales: [], weights: new Float32Array(13) };
  // Conv2d, ReLU, Flatten, Linear.
  const names = ['0.bias', '0.weight', '3.bias', '3.weight'];
  assert.deepEqual(Object.keys(read(safetensors(model, [])).tensors).sort(), names);
});

test('a block pools, or leaves the size of its input', () => {
  const sizes = { height: 3, width: 5, kernel: 3 };
  const layers = [
    { kind: 'block', ...sizes, in_channels: 1, out_channels: 2, pool: 1, weight: 0, bias: 18 },
    { kind: 'block', ...sizes, in_channels: 2, out_channels: 1, pool: 2, weight: 20, bias: 38 },
    { kind: 'linear', inputs: 2, outputs: 2, relu: false, weight: 39, bias: 43 },
  ];
  const weights = new Float32Array(45);
  // Two channels: the image, and what lies to the right of each pixel less 8. Then their sum.
  [weights[4], weights[9 + 5], weights[19]] = [1, 1, -8];
  [weights[20 + 4], weights[29 + 4]] = [1, 1];
  [weights[39], weights[42]] = [1, 1];
  const image = Float64Array.from({ length: 15 }, (_, at) => at);
  // The windows have at most 6 + 0 and 8 + 1; the last row and column fill none.
  const [first, second] = referencePredict({ layers, weights }, image);
  assert.ok(Math.abs(Math.log(second / first) - (9 - 6)) < 1e-6, `${first}, ${second}`);
});

test('what colour images are normalised by is told as lists', () => {
  const scales = [[0, 255], [128, 1], [255, 64]].map(([offset, std]) => ({ offset, factor: Math.fround(1 / std) }));
  const model = { layers: [{ ...LAST, weight: 0, bias: 3 }], scales, weights: new Float32Array(4) };
  const { metadata } = read(safetensors(model, ['a']));
  assert.equal(metadata.pixel_mean, '[0.0,0.5019608,1.0]');
  assert.equal(metadata.pixel_std, '[1.0,0.003921569,0.2509804]');
});

test('progress is told in a line', () => {
  assert.equal(progressText({ ...NO_COURSE, epochs: 1 }), '1 epoch to go');
  const course = {
    ...NO_COURSE,
    epoch: 2,
    step: 7,
    imagesPerSecond: 12345.6,
    curve: [{ at: 2.5, loss: 0.4123, accuracy: 0.8521 }],
    history: [record(2, [0, 0, 0, 0.849, 1])],
  };
  const said = 'epoch 3 of 10 · 12,346 images/s · loss 0.412 · accuracy 85.2 % · validation 84.9 %';
  assert.equal(progressText(course).replaceAll('\u00a0', ' '), said);
  assert.match(progressText({ ...course, epoch: 10, step: 0 }), /^epoch 10 of 10/);
});

test('the phase is told in a sentence, and time as people say it', () => {
  const state = { phase: 'training', model: 'cnn', secondsLeft: 89, models: [NO_COURSE] };
  assert.equal(phaseText(state), 'Training cnn, 89\u00a0s left');
  assert.equal(phaseText({ ...state, secondsLeft: null }), 'Training cnn');
  const history = [record(1, [0, 0, 0, 0.5, 1])];
  const done = { ...state, phase: 'done', models: [{ ...NO_COURSE, history }] };
  assert.equal(phaseText(done), 'Done: cnn 50.00\u00a0% of the images held out right');
  assert.deepEqual([0.2, 120, 3 * 3600].map(durationText), ['1\u00a0s', '2\u00a0min', '3.0\u00a0h']);
});
