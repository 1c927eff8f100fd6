// The four files of Fashion-MNIST, from the folder in FMNIST_DATA_DIR, as the page reads them.

import assert from 'node:assert/strict';
import { openAsBlob, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { datasetOfFiles } from '../../src/web/page/dataset.js';

const NAMES = [
  'train-images-idx3-ubyte',
  'train-labels-idx1-ubyte',
  't10k-images-idx3-ubyte',
  't10k-labels-idx1-ubyte',
];
const LABELS = 10;

/** The bytes of a file, packed or not, behind its header. */
function values(dir, name, headerBytes) {
  return gunzipSync(readFileSync(join(dir, `${name}.gz`))).subarray(headerBytes);
}

test('Fashion-MNIST is read as it was published', async () => {
  const dir = process.env.FMNIST_DATA_DIR;
  assert.ok(dir, 'FMNIST_DATA_DIR must name the folder with the four files of Fashion-MNIST, packed');
  const data = {
    shape: { channels: 1, height: 28, width: 28 },
    class_names: Array.from({ length: LABELS }, (_, label) => String(label)),
    training: { batch_size: 128 },
  };
  const files = await Promise.all(
    NAMES.map(async (name) => {
      const file = new File([await openAsBlob(join(dir, `${name}.gz`))], `${name}.gz`);
      return { path: file.name, file };
    }),
  );
  const { train, validation, test, notes } = await datasetOfFiles(files, data, () => assert.fail('no pictures'));
  assert.deepEqual([train.len, validation.len, test.len], [55_000, 5000, 10_000]);
  assert.deepEqual(notes, ['The last 5,000 images to train on are held out to validate with.']);

  const [trainImages, trainLabels, testImages, testLabels] = NAMES.map((name, index) =>
    values(dir, name, index % 2 ? 8 : 16),
  );
  const end = 55_000 * 28 * 28;
  const same = (images, expected) => assert.equal(Buffer.compare(images, expected), 0);
  same(train.images, trainImages.subarray(0, end));
  same(validation.images, trainImages.subarray(end));
  same(test.images, testImages);
  assert.deepEqual([...train.labels, ...validation.labels], [...trainLabels]);
  assert.deepEqual([...test.labels], [...testLabels]);
  const counts = Array.from({ length: LABELS }, (_, label) => test.labels.filter((other) => other === label).length);
  assert.deepEqual(counts, Array(LABELS).fill(1000));
});
