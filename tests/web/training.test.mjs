// What becomes of a training whose GPU is lost, slow or too small: what is kept, how much it is given, what is said.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Training } from '../../src/web/page/training.js';
import { secondsLeft } from '../../src/web/page/progress.js';
import { FakeDevice, give } from './fake_gpu.mjs';

const BATCH = 4;
const EPOCHS = 3;
const shape = { channels: 1, height: 2, width: 2 };

const LAYER = { kind: 'linear', inputs: 4, outputs: 2, relu: false, weight: 0, bias: 8 };
const LEARNING = { learning_rate: 1e-3, warm_up_epochs: 0, decay: 'constant', weight_decay: 0, average_decay: null };
const model = (name) => ({
  name,
  layers: [LAYER],
  starts: [0, 8],
  pixels: 'unit',
  normalize: false,
  learning: { ...LEARNING, label_smoothing: 0, dropout: 0, augment: null },
});
const DATA = {
  shape,
  class_names: ['a', 'b'],
  channels: null,
  models: [],
  training: { models: ['dense', 'cnn'].map(model), batch_size: BATCH, evaluation_batch: 8, seed: [0, 0] },
};

/** A program of one launch with these buffers. */
function program(bytes, outputs) {
  const names = Object.keys(bytes);
  const numbered = (some) => Object.fromEntries(some.map((name) => [name, names.indexOf(name)]));
  return {
    buffers: names.map((name) => ({ name, bytes: bytes[name] })),
    inputs: numbered(names.filter((name) => !outputs.includes(name))),
    outputs: numbered(outputs),
    launches: [{ pipeline: 0, grid: [1, 1, 1], bindings: [[0, 0, 4]] }],
  };
}

const state = { parameters: 40, moments_1: 40, moments_2: 40 };
const images = { images: 4, labels: 4, order: 4, selection: 92 };
const PROGRAMS = Promise.resolve({
  shaders: [{ name: 'step', code: 'fn main() {}' }],
  models: Object.fromEntries(
    ['dense', 'cnn'].map((name) => [
      name,
      {
        train: program({ ...images, ...state, hyper: 32, target_values: 20, tally: 12 }, ['tally']),
        evaluate: program({ ...images, probabilities: 64 }, ['probabilities']),
      },
    ]),
  ),
});

function part(len) {
  return { len, images: new Uint8Array(4 * len), labels: Uint32Array.from({ length: len }, (_, at) => at % 2) };
}

/** A training of both models, or those named, and what is told of it. */
function training(steps, models = ['dense', 'cnn']) {
  const dataset = { name: 'd', notes: [], train: part(steps * BATCH), validation: part(8), test: part(8) };
  const options = { epochs: EPOCHS, start: 'scratch', models };
  const made = new Training(PROGRAMS, DATA, dataset, options, () => made.changed?.());
  return made;
}

/** Trains until `holds`, and then does something. */
async function runUntil(one, holds, act) {
  let isDone = false;
  one.changed = () => {
    if (isDone || !holds(one.state)) return;
    isDone = true;
    act();
  };
  await one.run();
  one.changed = null;
}

const soon = () => new Promise((resolve) => setTimeout(resolve, 20));

test('a GPU that is lost in a pause is told at once, and takes no step away', async () => {
  const steps = 2000;
  const first = new FakeDevice(0.05);
  give(first);
  const one = training(steps);
  const isWithin = ({ models: [, cnn] }) => cnn.step > 100;
  await runUntil(one, isWithin, () => one.pause());
  const { epoch, step } = one.state.models[1];
  assert.equal(one.state.phase, 'paused');
  assert.ok(epoch === 0 && step > 100 && step < steps, `${epoch}, ${step}`);

  let told = 0;
  one.changed = () => told++;
  first.lose();
  await soon();
  assert.deepEqual([one.state.phase, told], ['failed', 1]);
  assert.match(one.state.trouble, /it fell off.*go on: it continues from its last whole epoch, or from where/);

  const second = new FakeDevice(0.05);
  give(second);
  await one.run();
  assert.equal(one.state.phase, 'done', one.state.trouble);
  const evaluations = 2 * EPOCHS + 2 - 1;
  assert.equal(second.passes, 2 * EPOCHS * steps - steps - step + evaluations);
  for (const { curve } of one.state.models) {
    assert.ok(curve.every(({ at }, index) => !index || at > curve[index - 1].at), 'a curve goes back');
  }
});

test('steps after the last that was kept are done again', async () => {
  const steps = 500;
  const first = new FakeDevice(0.05);
  give(first);
  const one = training(steps, ['cnn']);
  await runUntil(one, ({ models: [cnn] }) => cnn.epoch === 1 && cnn.step > 0, () => first.lose());
  assert.equal(one.state.phase, 'failed');
  assert.match(one.state.trouble, /go on/);
  const second = new FakeDevice(0.05);
  give(second);
  await one.run();
  assert.equal(one.state.phase, 'done', one.state.trouble);
  assert.equal(second.passes, (EPOCHS - 1) * (steps + 1) + 1);
});

test('where nothing was kept, nobody is told to go on', async () => {
  for (const holds of [({ phase }) => phase === 'compiling', ({ models: [{ step }] }) => step > 0]) {
    const device = new FakeDevice(0.05);
    give(device);
    const one = training(500);
    await runUntil(one, holds, () => device.lose());
    assert.equal(one.state.phase, 'failed');
    assert.match(one.state.trouble, /try again: it begins anew/);
    assert.equal(one.state.isKept, false);
  }
});

test('a slower GPU after a fast one is given no more than it does in half a second', async () => {
  const first = new FakeDevice(0.01);
  give(first);
  const one = training(3000, ['cnn']);
  await runUntil(one, ({ models: [cnn] }) => cnn.epoch === 1 && cnn.step > 1000, () => first.lose());
  const second = new FakeDevice(60);
  give(second);
  await runUntil(one, () => second.passes > 12, () => one.pause());
  assert.ok(second.longestQueue < 500, `${second.longestQueue} ms waited`);
});

test('of long steps one is given at a time', async () => {
  const device = new FakeDevice(300);
  give(device);
  const one = training(500, ['cnn']);
  await runUntil(one, ({ models: [cnn] }) => cnn.step > 2, () => one.pause());
  assert.ok(device.longestQueue < 400, `${device.longestQueue} ms waited`);
});

test('a GPU that has too little says what to do', async () => {
  give(new FakeDevice(1), { maxBufferSize: 16 });
  const one = training(5);
  await one.run();
  assert.match(one.state.trouble, /maxBufferSize is 16, they need 92 — write a page for smaller models/);
  give(new FakeDevice(1, { error: new GPUOutOfMemoryError('no') }));
  await one.run();
  assert.match(one.state.trouble, /not enough memory — close what else/);
});

test('each test takes time off what is left', async () => {
  give(new FakeDevice(1));
  const one = training(5);
  const left = [];
  one.changed = () => one.state.phase === 'testing' && left.push(one.state.secondsLeft);
  await one.run();
  assert.equal(one.state.phase, 'done', one.state.trouble);
  assert.ok(left.length === 2 && left[0] > left[1] && left[1] > 0, left.join());
});

test('how long it takes is told from the first step on', () => {
  const model = { epoch: 0, epochs: 10, step: 0, steps: 100, test: null };
  const unknown = { stepSeconds: null, imageSeconds: null };
  const lens = { train: 1000, validation: 300, test: 600 };
  assert.equal(secondsLeft([model, model], [unknown, unknown], lens), null);
  // A thousand steps of a second, and 3,600 images at 30 a step.
  const known = { stepSeconds: 1, imageSeconds: null };
  const close = (found, expected) => assert.ok(Math.abs(found - expected) < 1e-9, `${found}, ${expected}`);
  close(secondsLeft([model], [known], lens), 1000 + 3600 / 30);
  close(secondsLeft([model, model], [unknown, known], lens), 2 * (1000 + 3600 / 30));
  const measured = { stepSeconds: 2, imageSeconds: 0.5 };
  close(secondsLeft([{ ...model, epoch: 9, step: 40 }], [measured], lens), 60 * 2 + 900 * 0.5);
  close(secondsLeft([{ ...model, epoch: 10 }], [measured], lens), 600 * 0.5);
  close(secondsLeft([{ ...model, epoch: 10, test: {} }], [measured], lens), 0);
});
