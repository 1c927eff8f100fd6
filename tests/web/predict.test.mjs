// What becomes of predictions whose GPU is lost.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Predictor } from '../../src/web/page/predict.js';
import { FakeDevice, give } from './fake_gpu.mjs';

// One class, whose probability is 1 whatever is computed.
const LAYER = { kind: 'linear', inputs: 1, outputs: 1, relu: false, weight: 0, bias: 1 };
const weights = Buffer.from(new Float32Array(2).buffer).toString('base64');
const scales = [{ offset: 0, factor: 1 }];
const DATA = {
  models: [{ name: 'dense', layers: [LAYER], scales, weights }],
  samples: [],
  shape: { channels: 1, height: 1, width: 1 },
};
const predict = {
  buffers: [{ name: 'image', bytes: 4 }, { name: 'probabilities', bytes: 4 }],
  inputs: { image: 0 },
  outputs: { probabilities: 1 },
  launches: [{ pipeline: 0, grid: [1, 1, 1], bindings: [[0, 0, 4]] }],
};
const PROGRAMS = Promise.resolve({ shaders: [{ name: 'p', code: '' }], models: { dense: { predict } } });
const image = new Uint8Array(1);

async function isOnGpu(predictor) {
  const [answer] = await predictor.predict(image);
  assert.deepEqual(answer.probabilities, [1]);
  return answer.isOnGpu;
}

test('the next picture asks for a GPU that was lost', async () => {
  const first = new FakeDevice(0.1);
  give(first);
  const predictor = new Predictor(DATA, PROGRAMS, () => {});
  await predictor.start();
  assert.ok(await isOnGpu(predictor), predictor.trouble);
  first.lose();
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.match(predictor.trouble, /it fell off.*next picture asks/);
  give(new FakeDevice(0.1));
  assert.ok(await isOnGpu(predictor));
  assert.equal(predictor.trouble, null);
});

test('so it does where it was lost while it was made ready', async () => {
  const first = new FakeDevice(50);
  give(first);
  const predictor = new Predictor(DATA, PROGRAMS, () => {});
  const started = predictor.start();
  await new Promise((resolve) => setTimeout(resolve, 20));
  first.lose();
  // Before what is made ready fails of it.
  await first.lost;
  give(new FakeDevice(0.1));
  assert.ok(await isOnGpu(predictor), predictor.trouble);
  await started;
  assert.ok(await isOnGpu(predictor), predictor.trouble);
});
