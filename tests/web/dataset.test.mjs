// What the page trains on: images packed into it, IDX files, folders of pictures, and what it says of those it refuses.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deflateSync, gzipSync } from 'node:zlib';
import { datasetOfFiles, isDataset, packedDataset } from '../../src/web/page/dataset.js';
import { droppedFiles } from '../../src/web/page/dropped.js';
import { idxName, readIdx } from '../../src/web/page/idx.js';

const ANOTHER_PAGE = 'write a page for them with `fmnist web --data-dir DIR`';

/** A page's data: 3×2 pixels (rows by columns) and three classes. */
function page(changes = {}) {
  const shape = { channels: 1, height: 3, width: 2 };
  return { shape, resize: 'stretch', class_names: ['1', '2', '10'], training: { batch_size: 8 }, ...changes };
}

const bytesOf = (length, value) => Uint8Array.from({ length }, (_, index) => value(index));
const sequence = (length) => bytesOf(length, (index) => (7 * index) % 256);
const labelsOf = (length) => bytesOf(length, (index) => index % 3);

function header(...dims) {
  return Buffer.concat([Buffer.from([0, 0, 8, dims.length]), ...dims.map((size) => Buffer.from(uint32(size)))]);
}

function uint32(value) {
  return [24, 16, 8, 0].map((bits) => (value >>> bits) & 255);
}

/** Files as they are chosen or dropped, of what they hold by path. */
function filesOf(contents) {
  return Object.entries(contents).map(([path, content]) => {
    return { path, file: new File([content].flat(), path.split('/').at(-1)) };
  });
}

/** IDX files of this many images of 3×2 pixels to train and to test with; what is null in `changes` is not there. */
function idxFiles(train, tested, changes = {}) {
  const contents = {
    'train-images-idx3-ubyte': Buffer.concat([header(train, 3, 2), sequence(6 * train)]),
    'train-labels-idx1-ubyte.gz': gzipSync(Buffer.concat([header(train), labelsOf(train)])),
    't10k-images-idx3-ubyte.gz': gzipSync(Buffer.concat([header(tested, 3, 2), sequence(6 * tested)])),
    't10k-labels-idx1-ubyte': Buffer.concat([header(tested), labelsOf(tested)]),
    ...changes,
  };
  return filesOf(Object.fromEntries(Object.entries(contents).filter(([, content]) => content)));
}

const noTell = () => assert.fail('nothing takes long here');
const read = (files, data = page()) => datasetOfFiles(files, data, noTell);

async function assertRefused(files, message, data) {
  await assert.rejects(read(files, data), (error) => {
    assert.equal(error.message, message);
    return true;
  });
}

function assertPart(part, images, labels) {
  assert.equal(part.len, labels.length);
  assert.deepEqual([...part.images], [...images]);
  assert.ok(part.images instanceof Uint8Array);
  assert.deepEqual(part.labels, Uint32Array.from(labels));
}

test('packed images are those that were packed', async () => {
  const part = (len, first) => {
    const labels = Uint16Array.from({ length: len }, (_, index) => 300 * index + first);
    const bytes = Buffer.concat([sequence(6 * len).map((value) => value + first), new Uint8Array(labels.buffer)]);
    return { len, bytes: deflateSync(bytes).toString('base64') };
  };
  const channels = [{ mean: 73, std: 90 }];
  const data = page({ dataset: 'Garments', channels });
  data.training.packed = { train: part(9, 1), validation: part(2, 2), test: part(3, 3) };
  const dataset = await packedDataset(data);
  assert.deepEqual([dataset.name, dataset.notes, dataset.channels], ['Garments', [], channels]);
  assertPart(dataset.train, sequence(54).map((value) => value + 1), [1, 301, 601, 901, 1201, 1501, 1801, 2101, 2401]);
  assertPart(dataset.validation, sequence(12).map((value) => value + 2), [2, 302]);
  assertPart(dataset.test, sequence(18).map((value) => value + 3), [3, 303, 603]);
  data.training.packed.test = null;
  assert.equal((await packedDataset(data)).test, null);
});

test('IDX files are read, and the last images validate', async () => {
  const { train, validation, test, notes } = await read(idxFiles(29, 5));
  assertPart(train, sequence(6 * 27), labelsOf(27));
  assertPart(validation, sequence(6 * 29).slice(6 * 27), labelsOf(29).slice(27));
  assertPart(test, sequence(30), labelsOf(5));
  assert.deepEqual(notes, ['The last 2 images to train on are held out to validate with.']);
});

test('at least one image and at most 5,000 validate', async () => {
  const few = await read(idxFiles(9, 1));
  assert.deepEqual([few.train.len, few.validation.len], [8, 1]);
  const many = await read(idxFiles(60_000, 1));
  assert.deepEqual([many.train.len, many.validation.len], [55_000, 5000]);
  assert.match(many.notes[0], /^The last 5,000 images /);
});

test('without images to test with there is no test', async () => {
  const none = { 't10k-images-idx3-ubyte.gz': null, 't10k-labels-idx1-ubyte': null };
  const { test, notes } = await read(idxFiles(20, 5, none));
  assert.equal(test, null);
  assert.equal(notes[0], 'There are no test images: files that begin with “t10k” or “test” would be.');
});

test('IDX files are known by their names', () => {
  const names = {
    'train-images-idx3-ubyte': ['', 'train', 'images'],
    'train-labels.idx1-ubyte': ['', 'train', 'labels'],
    'T10K-Images-idx3-ubyte.GZ': ['', 'test', 'images'],
    'test-labels-idx1-ubyte.gz': ['', 'test', 'labels'],
    'emnist-letters-train-images-idx3-ubyte.gz': ['emnist-letters', 'train', 'images'],
    'emnist-letters-test-labels-idx1-ubyte': ['emnist-letters', 'test', 'labels'],
    'mine-test-train-images-idx4-ubyte': ['mine-test', 'train', 'images'],
  };
  for (const [name, [prefix, part, kind]] of Object.entries(names)) {
    assert.deepEqual(idxName(name), { prefix, part, kind }, name);
  }
  for (const name of [
    'contest-images-idx3-ubyte',
    '._train-images-idx3-ubyte',
    '.-train-images-idx3-ubyte',
    'train-images-idx3-ubyte.zip',
    'train-images.png',
    'train-mapping-idx1-ubyte',
    '',
  ]) {
    assert.equal(idxName(name), null, name);
  }
});

test('IDX files and folders are to be trained on, pictures to be looked at', () => {
  assert.ok(isDataset(filesOf({ 'a.png': '', 'emnist-digits-train-images-idx3-ubyte': '' })));
  assert.ok(isDataset(filesOf({ '/cat/a.png': '' })));
  assert.ok(!isDataset(filesOf({ 'a.png': '', 'train.jpg': '' })));
});

test('IDX files may lie in folders, be there twice, and have others beside them', async () => {
  const files = idxFiles(20, 5);
  const again = idxFiles(20, 5, {
    'train-images-idx3-ubyte': null,
    'train-images-idx3-ubyte.gz': gzipSync(Buffer.concat([header(20, 3, 2), sequence(120)])),
  });
  const others = filesOf({
    'raw/README.md': 'of no use',
    'raw/train-labels.txt': '',
    '__MACOSX/._train-images-idx3-ubyte': '',
  });
  const nested = files.map(({ file }) => ({ path: `/raw/${file.name}/${file.name}`, file }));
  const beside = again.map(({ file }) => ({ path: `/raw/${file.name}`, file }));
  const { train, test } = await read([...others, ...nested, ...beside]);
  assertPart(train, sequence(108), labelsOf(18));
  assert.equal(test.len, 5);
});

test('files of two datasets are not mixed', async () => {
  const of = (folder) => idxFiles(20, 5).map(({ file }) => ({ path: `/data/${folder}/${file.name}`, file }));
  const given = '/data/MNIST/train-images-idx3-ubyte and /data/KMNIST/train-images-idx3-ubyte';
  await assertRefused([...of('MNIST'), ...of('KMNIST')], `${given} are of two datasets — give it the files of one`);
  const prefixed = idxFiles(20, 5).map(({ file }) => {
    const name = `kmnist-${file.name}`;
    return { path: name, file: new File([file], name) };
  });
  await read(prefixed);
  await assertRefused(
    [...idxFiles(20, 5), ...prefixed],
    'train-images-idx3-ubyte and kmnist-train-images-idx3-ubyte are of two datasets — give it the files of one',
  );
});

test('images to validate with are read where they are', async () => {
  const more = (part) => ({
    [`${part}-images-idx3-ubyte`]: Buffer.concat([header(2, 3, 2), sequence(12)]),
    [`${part}-labels-idx1-ubyte`]: Buffer.concat([header(2), labelsOf(2)]),
  });
  for (const part of ['val', 'valid', 'validation']) {
    const { train, validation, notes } = await read([...idxFiles(20, 5), ...filesOf(more(part))]);
    assertPart(train, sequence(120), labelsOf(20));
    assertPart(validation, sequence(12), labelsOf(2));
    assert.deepEqual(notes, []);
  }
});

test('EMNIST is turned, and its letters count from 0', async () => {
  const images = Buffer.concat([header(10, 2, 3), sequence(60)]);
  const labels = (first) => Buffer.concat([header(10), labelsOf(10).map((label) => label + first)]);
  const set = (kind, first) => filesOf({
    [`emnist-${kind}-train-images-idx3-ubyte`]: images,
    [`emnist-${kind}-train-labels-idx1-ubyte`]: labels(first),
  });
  const turned = sequence(60).map((_, index, all) => {
    const [image, y, x] = [Math.floor(index / 6), Math.floor((index % 6) / 2), index % 2];
    return all[6 * image + 3 * x + y];
  });
  for (const files of [set('letters', 1), set('balanced', 0)]) {
    const { train, validation } = await read(files);
    assertPart(train, turned.slice(0, 54), labelsOf(9));
    assertPart(validation, turned.slice(54), [0]);
  }
  await assertRefused(
    set('letters', 0),
    `emnist-letters-train-labels-idx1-ubyte has a class 0, this page's models know 3, from 1 on — ${ANOTHER_PAGE}`,
  );
  await assertRefused(
    set('letters', 2),
    `emnist-letters-train-labels-idx1-ubyte has a class 4, this page's models know 3, from 1 on — ${ANOTHER_PAGE}`,
  );
});

test('colour images have their channels first', async () => {
  const data = page({ shape: { channels: 3, height: 1, width: 2 } });
  const images = (...dims) => ({ 'train-images-idx3-ubyte': Buffer.concat([header(20, ...dims), sequence(120)]) });
  const none = { 't10k-images-idx3-ubyte.gz': null, 't10k-labels-idx1-ubyte': null };
  assertPart((await read(idxFiles(20, 0, { ...none, ...images(3, 1, 2) }), data)).train, sequence(108), labelsOf(18));
  await assertRefused(
    idxFiles(20, 0, { ...none, ...images(3, 2) }),
    `train-images-idx3-ubyte has images of 3×2, this page's models see 3×1×2 — ${ANOTHER_PAGE}`,
    data,
  );
  assertPart((await read(idxFiles(20, 0, { ...none, ...images(1, 3, 2) }))).train, sequence(108), labelsOf(18));
});

test('a file that lacks another is refused', async () => {
  const lacks = 'has no labels beside it — also give it';
  const lacking = (name) => idxFiles(20, 5, { [name]: null });
  await assertRefused(
    lacking('train-labels-idx1-ubyte.gz'),
    `train-images-idx3-ubyte ${lacks} train-labels-idx1-ubyte.gz`,
  );
  await assertRefused(
    lacking('train-images-idx3-ubyte'),
    'train-labels-idx1-ubyte.gz has no images beside it — also give it train-images-idx3-ubyte.gz',
  );
  await assertRefused(
    lacking('t10k-labels-idx1-ubyte'),
    `t10k-images-idx3-ubyte.gz ${lacks} t10k-labels-idx1-ubyte.gz`,
  );
  await assertRefused(
    filesOf({ 'kmnist-train-images-idx3-ubyte': '' }),
    `kmnist-train-images-idx3-ubyte ${lacks} kmnist-train-labels-idx1-ubyte.gz`,
  );
  await assertRefused(
    idxFiles(20, 5, { 'train-images-idx3-ubyte': null, 'train-labels-idx1-ubyte.gz': null }),
    'There is nothing to train on — also give it the two files that begin with “train”',
  );
});

/** What is said of a training's images where the file has these bytes. */
async function assertImagesRefused(bytes, message, name = 'train-images-idx3-ubyte') {
  await assertRefused(idxFiles(20, 5, { 'train-images-idx3-ubyte': null, [name]: bytes }), `${name} ${message}`);
}

test('what is no IDX file of bytes is refused', async () => {
  const good = Buffer.concat([header(20, 3, 2), sequence(120)]);
  for (const [at, value] of [[0, 1], [1, 1], [2, 9], [2, 13], [3, 0], [3, 5]]) {
    const bytes = Buffer.from(good);
    bytes[at] = value;
    await assertImagesRefused(bytes, 'is no IDX file of bytes — get the file again');
    await assertImagesRefused(
      gzipSync(bytes),
      'is no IDX file of bytes — get the file again',
      'train-images-idx3-ubyte.gz',
    );
  }
  await assertImagesRefused('<!DOCTYPE html>', 'is no IDX file of bytes — get the file again');
});

test('files that are not whole are refused wherever they are cut', async () => {
  const good = Buffer.concat([header(20, 3, 2), sequence(120)]);
  for (const end of [0, 1, 3]) {
    await assertImagesRefused(
      good.subarray(0, end),
      `is not whole: it has ${end} of 4 bytes that it says — get the file again`,
    );
  }
  for (const end of [4, 15]) {
    await assertImagesRefused(
      good.subarray(0, end),
      `is not whole: it has ${end} of 16 bytes that it says — get the file again`,
    );
  }
  for (const end of [16, 135]) {
    await assertImagesRefused(good.subarray(0, end), 'says that it has 136 bytes, and has not — get the file again');
    await assertImagesRefused(
      gzipSync(good.subarray(0, end)),
      `is not whole: it has ${end} of 136 bytes that it says — get the file again`,
    );
  }
  const packed = gzipSync(good);
  for (const end of [2, 12, packed.length - 9, packed.length - 1]) {
    await assertImagesRefused(
      packed.subarray(0, end),
      'is damaged: it cannot be unpacked — get the file again',
      'train-images-idx3-ubyte.gz',
    );
  }
  const changed = Buffer.from(packed);
  changed[packed.length - 6] ^= 1;
  await assertImagesRefused(changed, 'is damaged: it cannot be unpacked — get the file again');
  const long = 'is not whole: it has more than the 136 bytes that it says — get the file again';
  await assertImagesRefused([good, 'x'], long);
  await assertImagesRefused(gzipSync(Buffer.concat([good, Buffer.from('x')])), long);
});

test('a file that comes in pieces is read as one that does not', async () => {
  const whole = Buffer.concat([header(4, 3, 2), sequence(24)]);
  for (const piece of [1, 3, 5, 1000]) {
    const stream = () => new ReadableStream({
      start(controller) {
        for (let at = 0; at < whole.length; at += piece) {
          controller.enqueue(new Uint8Array(whole.subarray(at, at + piece)));
        }
        controller.close();
      },
    });
    const file = { name: 'pieces', size: whole.length, stream, slice: () => new Blob([whole]) };
    const { dims, values } = await readIdx(file);
    assert.deepEqual(dims, [4, 3, 2]);
    assert.deepEqual([...values], [...sequence(24)]);
  }
});

test('a file that can no longer be read is named', async () => {
  const gone = () => Promise.reject(new DOMException('gone', 'NotReadableError'));
  const atOnce = { name: 'moved', size: 100, slice: () => ({ arrayBuffer: gone }) };
  await assert.rejects(readIdx(atOnce), { message: 'moved is damaged: it cannot be read — get the file again' });
  const stream = () => new ReadableStream({ pull: gone });
  const later = { name: 'moved', size: 100, slice: () => new Blob([header(9)]), stream };
  await assert.rejects(readIdx(later), { message: 'moved is damaged: it cannot be read — get the file again' });
});

/** The largest memory that something asked for at once, in bytes. */
async function largestArray(work) {
  const { Uint8Array } = globalThis;
  let largest = 0;
  globalThis.Uint8Array = new Proxy(Uint8Array, {
    construct(target, [first, ...rest]) {
      if (typeof first === 'number') largest = Math.max(largest, first);
      return new target(first, ...rest);
    },
  });
  try {
    await work();
  } finally {
    globalThis.Uint8Array = Uint8Array;
  }
  return largest;
}

test('a header that lies takes no memory', async () => {
  const some = sequence(100);
  const lies = {
    'says that it has 4294967300 bytes, and has not': Buffer.concat([header(2 ** 32 - 4), some]),
    'says that it has 3.402823666040258e+38 bytes, and has not': Buffer.concat([
      header(...Array(4).fill(2 ** 32 - 1)),
      some,
    ]),
    'says that it has 1000016 bytes, and has not': gzipSync(Buffer.concat([header(1000, 10, 100), some])),
  };
  for (const [message, bytes] of Object.entries(lies)) {
    const largest = await largestArray(() => assertImagesRefused(bytes, `${message} — get the file again`));
    assert.ok(largest <= 1000, `${message}: ${largest} bytes`);
  }
});

test('no more is unpacked than a header says, or 1 GiB', async () => {
  const bomb = gzipSync(Buffer.concat([header(20, 3, 2), Buffer.alloc(2 ** 26)]));
  const largest = await largestArray(() =>
    assertImagesRefused(bomb, 'is not whole: it has more than the 136 bytes that it says — get the file again'),
  );
  assert.ok(largest < 2 ** 20, `${largest} bytes`);
  // What does not shrink, so that it might stand for so much.
  let state = 1;
  const noise = bytesOf(2 ** 21, () => (state = Math.imul(state, 1103515245) + 12345) >>> 16);
  const huge = gzipSync(Buffer.concat([header(2 ** 20, 32, 32), noise]));
  const most = await largestArray(() =>
    assertImagesRefused(huge, 'has 1048576×32×32 values — use at most 1 GiB'),
  );
  assert.ok(most < 2 ** 22, `${most} bytes`);
});

test('images that the models do not see are refused', async () => {
  const none = { 't10k-images-idx3-ubyte.gz': null, 't10k-labels-idx1-ubyte': null };
  for (const [sizes, sees] of [[[6, 1], '3×2'], [[2, 3], '3×2'], [[1, 6, 1], '1×3×2'], [[6], '3×2']]) {
    const images = Buffer.concat([header(20, ...sizes), sequence(120)]);
    const said = `has images of ${sizes.join('×')}, this page's models see ${sees}`;
    await assertRefused(
      idxFiles(20, 5, { ...none, 'train-images-idx3-ubyte': images }),
      `train-images-idx3-ubyte ${said} — ${ANOTHER_PAGE}`,
    );
  }
  await assertImagesRefused(
    Buffer.concat([header(20), labelsOf(20)]),
    'has no images — give it the file that belongs there',
  );
  await assertImagesRefused(header(0, 3, 2), 'has no images — give it the file that belongs there');
  await assertRefused(
    idxFiles(20, 0),
    't10k-images-idx3-ubyte.gz has no images — give it the file that belongs there',
  );
  await assertRefused(
    idxFiles(20, 5, { 't10k-images-idx3-ubyte.gz': Buffer.concat([header(5, 2, 3), sequence(30)]) }),
    `t10k-images-idx3-ubyte.gz has images of 2×3, this page's models see 3×2 — ${ANOTHER_PAGE}`,
  );
});

test('labels that do not belong to the images are refused', async () => {
  const belong = 'give it two files that belong together';
  const labels = (...dims) => {
    const count = dims.reduce((product, size) => product * size, 1);
    return { 'train-labels-idx1-ubyte.gz': Buffer.concat([header(...dims), labelsOf(count)]) };
  };
  await assertRefused(
    idxFiles(20, 5, labels(19)),
    `train-labels-idx1-ubyte.gz has 19 labels, train-images-idx3-ubyte 20 images — ${belong}`,
  );
  await assertRefused(
    idxFiles(20, 5, labels(20, 2)),
    `train-labels-idx1-ubyte.gz has 20×2 labels, train-images-idx3-ubyte 20 images — ${belong}`,
  );
});

test('labels of no class are refused', async () => {
  for (const label of [3, 255]) {
    const labels = Buffer.concat([header(5), labelsOf(5).fill(label, 4)]);
    await assertRefused(
      idxFiles(20, 5, { 't10k-labels-idx1-ubyte': labels }),
      `t10k-labels-idx1-ubyte has a class ${label}, this page's models know 3, from 0 on — ${ANOTHER_PAGE}`,
    );
  }
});

test('fewer images than a batch are refused', async () => {
  for (const len of [1, 8]) {
    await assertRefused(
      idxFiles(len, 5),
      `There are ${len - 1} images to train on — give it at least 8, a batch`,
    );
  }
  assert.equal((await read(idxFiles(9, 5))).train.len, 8);
});

// What a browser makes of pictures' files, as much as is needed: here these hold the shade of each pixel of 3×2.
globalThis.createImageBitmap = async (file) => {
  const shades = new Uint8Array(await file.arrayBuffer());
  if (shades.length !== 6) throw new DOMException('no picture', 'InvalidStateError');
  const rgba = Uint8ClampedArray.from([...shades].flatMap((shade) => [shade, shade, shade, 255]));
  return { width: 2, height: 3, rgba, close() {} };
};
globalThis.document = {
  createElement() {
    const context = {
      drawImage(source) {
        canvas.rgba = source.rgba;
      },
      getImageData: () => ({ data: canvas.rgba }),
    };
    const canvas = { getContext: () => context };
    return canvas;
  },
};

/** A picture of which no other number is the same; its label can be read from it. */
const picture = (label, number) => Uint8Array.of(label, number % 256, number >> 8, 5, 50, 250);

/** Folders of as many pictures of each class, from the paths of these folders by class. */
function pictures(folders, each, first = 0) {
  const contents = {};
  Object.entries(folders).forEach(([folder, label]) => {
    for (let number = 0; number < each; number++) {
      contents[`${folder}/${number}.png`] = picture(label, first + 1000 * label + number);
    }
  });
  return contents;
}

const readFolder = (contents, data = page(), tell = () => {}) => datasetOfFiles(filesOf(contents), data, tell);

/** The images of a part, each as text. */
function imagesOf({ images, labels, len }) {
  const each = Array.from({ length: len }, (_, index) => images.subarray(6 * index, 6 * index + 6).join());
  assert.equal(images.length, 6 * len);
  assert.equal(labels.length, len);
  return each;
}

/** Whether all parts have the labels that their pictures tell. */
function assertLabels(dataset) {
  for (const part of [dataset.train, dataset.validation, dataset.test]) {
    imagesOf(part).forEach((image, index) => assert.equal(Number(image.split(',')[0]), part.labels[index], image));
  }
}

const lens = ({ train, validation, test }) => [train.len, validation.len, test.len];

async function assertFolderRefused(contents, message, data) {
  await assert.rejects(readFolder(contents, data), (error) => {
    assert.equal(error.message, message);
    return true;
  });
}

const CLASSES = { 10: 2, 2: 1, 1: 0 };

test('a folder of classes is divided', async () => {
  const contents = pictures(CLASSES, 40);
  const dataset = await readFolder(contents);
  assert.deepEqual(lens(dataset), [96, 12, 12]);
  assertLabels(dataset);
  for (const { labels } of [dataset.train, dataset.validation, dataset.test]) {
    const counts = [0, 1, 2].map((label) => labels.filter((other) => other === label).length);
    assert.deepEqual(counts, Array(3).fill(labels.length / 3));
  }
  const all = [dataset.train, dataset.validation, dataset.test].flatMap(imagesOf).sort();
  assert.deepEqual(all, Object.values(contents).map((shades) => shades.join()).sort());
  const note = 'A tenth of the pictures of each class is held out to test and to validate with, each.';
  assert.deepEqual(dataset.notes, [note]);
});

test('which part a picture is in depends on nothing but the pictures', async () => {
  const contents = pictures(CLASSES, 40);
  const { test, validation } = await readFolder(contents);
  const renamed = Object.entries(contents).reverse().map(([path, content], index) => {
    return [`else/${path.split('/')[0]}/${index}.jpg`, content];
  });
  const other = await readFolder(Object.fromEntries(renamed));
  assert.deepEqual(imagesOf(other.test).sort(), imagesOf(test).sort());
  assert.deepEqual(imagesOf(other.validation).sort(), imagesOf(validation).sort());
});

test('folders may lie in others, have parts, and folders in them', async () => {
  const flat = await readFolder(pictures(CLASSES, 20));
  const inFolders = (prefix, suffix = '') => {
    const folders = Object.entries(CLASSES).map(([name, label]) => [`${prefix}${name}${suffix}`, label]);
    return Object.fromEntries(folders);
  };
  for (const [prefix, suffix] of [
    ['/all/', ''],
    ['a/b/c/', ''],
    ['photos/', '/deeper/x'],
    ['', '/2'],
    ['train/', ''],
    [' train /', ' '],
  ]) {
    const dataset = await readFolder(pictures(inFolders(prefix, suffix), 20));
    assert.deepEqual(lens(dataset), lens(flat), prefix + suffix);
    assert.deepEqual(imagesOf(dataset.test), imagesOf(flat.test), prefix + suffix);
    assertLabels(dataset);
  }
  for (const names of [
    ['train', 'val', 'test'],
    ['Training', 'VALID', 'Testing'],
    ['train', 'validation', 'test'],
    ['x/y/train', 'x/y/dev', 'x/y/test'],
    ['train/train', 'train/val', 'train/test'],
  ]) {
    const [train, validation, tested] = names.map((name) => inFolders(`${name}/`));
    const dataset = await readFolder({
      ...pictures(train, 20),
      ...pictures(validation, 3, 100),
      ...pictures(tested, 2, 200),
    });
    assert.deepEqual(lens(dataset), [60, 9, 6], names.join());
    assert.deepEqual(dataset.notes, [], names.join());
    assertLabels(dataset);
    assert.deepEqual(imagesOf(dataset.test).sort(), Object.values(pictures(tested, 2, 200)).map(String).sort());
  }
});

test('parts that are not there are taken from those to train on', async () => {
  const part = (name, each, first) => {
    const folders = Object.entries(CLASSES).map(([of, label]) => [`x/${name}/${of}`, label]);
    return pictures(Object.fromEntries(folders), each, first);
  };
  const tested = await readFolder({ ...part('train', 40), ...part('test', 5, 100) });
  assert.deepEqual(lens(tested), [108, 12, 15]);
  assert.deepEqual(tested.notes, ['A tenth of those to train on of each class is held out to validate with.']);
  const validated = await readFolder({ ...part('train', 40), ...part('val', 5, 100) });
  assert.deepEqual(lens(validated), [108, 15, 12]);
  assert.deepEqual(validated.notes, ['A tenth of those to train on of each class is held out to test with.']);
  await assertFolderRefused(part('test', 20), 'There are 0 images to train on — give it at least 8, a batch');
});

test('a class may be called like a part', async () => {
  const data = page({ class_names: ['bus', 'train', 'car'] });
  const classes = { bus: 0, train: 1, car: 2 };
  const within = (prefix) => Object.fromEntries(Object.entries(classes).map(([name, label]) => [prefix + name, label]));
  for (const prefix of ['', 'photos/']) {
    const dataset = await readFolder(pictures(within(prefix), 20), data);
    assert.deepEqual(lens(dataset), [48, 6, 6]);
    assertLabels(dataset);
  }
  const divided = await readFolder({ ...pictures(within('train/'), 20), ...pictures(within('test/'), 4, 100) }, data);
  assert.deepEqual(lens(divided), [54, 6, 12]);
  assertLabels(divided);
});

test('a folder around all others may be called like a class', async () => {
  const dataset = await readFolder(pictures({ '1/1': 0, '1/2': 1, '1/10': 2 }, 20));
  assert.deepEqual(lens(dataset), [48, 6, 6]);
  assertLabels(dataset);
});

test('hidden files are passed over without a word', async () => {
  const dataset = await readFolder({
    ...pictures({ 'a/1': 0, 'a/2': 1, 'a/10': 2 }, 20),
    'a/1/.DS_Store': 'x',
    'a/.git/config': 'x',
    'a/2/Thumbs.db': 'x',
    'a/2/desktop.ini': 'x',
    '__MACOSX/a/1/._1.png': 'x',
    'a/__macosx/1/1.png': 'x',
  });
  assert.deepEqual(lens(dataset), [48, 6, 6]);
  assert.equal(dataset.notes.length, 1);
});

test('files outside of the folders of classes are left out, and told of', async () => {
  const all = pictures({ 'a/1': 0, 'a/2': 1, 'a/10': 2 }, 20);
  const one = await readFolder({ ...all, 'a/README.md': 'x' });
  assert.deepEqual(lens(one), [48, 6, 6]);
  assert.equal(one.notes[0], '1 file outside of the folders of classes is left out: a/README.md.');
  const parts = Object.entries(all).map(([path, content]) => [path.replace('a/', 'a/train/'), content]);
  const outside = { 'a/labels.csv': 'x', 'a/train/1.png': picture(0, 5000) };
  const two = await readFolder({ ...Object.fromEntries(parts), ...outside });
  assert.deepEqual(lens(two), [48, 6, 6]);
  assert.equal(two.notes[0], '2 files outside of the folders of classes are left out: a/labels.csv, a/train/1.png.');
});

test('what is no picture is left out, and told of', async () => {
  const all = pictures({ 1: 0, 2: 1, 10: 2 }, 20);
  const one = await readFolder({ ...all, '1/notes.txt': 'x' });
  assert.deepEqual(lens(one), [48, 6, 6]);
  assert.equal(one.notes[0], '1 of 61 files cannot be read as pictures and are left out: 1/notes.txt.');
  const broken = Object.fromEntries(Array.from({ length: 7 }, (_, index) => [`2/b${index}.png`, 'x']));
  const many = await readFolder({ ...all, ...broken });
  assert.equal(
    many.notes[0],
    '7 of 67 files cannot be read as pictures and are left out: 2/b0.png, 2/b1.png, 2/b2.png, 2/b3.png, 2/b4.png, ….',
  );
  await assertFolderRefused(broken, 'There are 0 images to train on — give it at least 8, a batch');
});

test('equal pictures are in one part, whatever their labels', async () => {
  const contents = pictures(CLASSES, 30);
  for (let number = 0; number < 30; number++) {
    for (const copy of ['a', 'b', 'c']) contents[`1/${number}${copy}.png`] = picture(0, number);
    contents[`2/of-1-${number}.png`] = picture(0, number);
  }
  const dataset = await readFolder(contents);
  const parts = [dataset.train, dataset.validation, dataset.test].map((part) => new Set(imagesOf(part)));
  assert.equal(parts[0].size + parts[1].size + parts[2].size, 90);
  assert.equal(new Set(parts.flatMap((part) => [...part])).size, 90);
  assert.deepEqual(parts.map(({ size }) => size), [72, 9, 9]);
  assert.equal(lens(dataset).reduce((sum, len) => sum + len), 90 + 3 * 30 + 30);
});

test('classes that the page does not know are refused', async () => {
  const known = 'that this page\'s models know: 1, 2, 10 — name the folders like the classes, or ' + ANOTHER_PAGE;
  await assertFolderRefused(
    pictures({ 'a/1': 0, 'a/2': 1, 'a/three': 2 }, 9),
    `The folder three is none of the classes ${known}`,
  );
  await assertFolderRefused(
    pictures({ 'a/train/1': 0, 'a/train/b': 1, 'a/test/c': 2, 'a/test/b': 2 }, 9),
    `The folders b, c are none of the classes ${known}`,
  );
  await assertFolderRefused(
    pictures({ 'a/train/1': 0, 'a/train/2': 1, 'a/more/2': 1 }, 9),
    `The folder more is none of the classes ${known}`,
  );
  await assertFolderRefused(
    pictures(Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`a/c${12 - index}`, 0])), 1),
    `The folders c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, … are none of the classes ${known}`,
  );
  const loose = 'None of these files is called like an IDX file, such as train-images-idx3-ubyte.gz — rename them, or ' +
    'give it a folder of pictures';
  await assertFolderRefused({ 'a.png': picture(0, 1) }, loose);
  await assertFolderRefused({ 'train-images-idx3-ubyte (1).gz': 'x' }, loose);
  await assertFolderRefused({ 'a/b.png': picture(0, 1), 'c.png': picture(1, 1) }, `The folder a is none of the classes ${known}`);
  await assertFolderRefused({ 'a/.hidden': '' }, `There is no folder of a class ${known}`);
  await assertFolderRefused(
    pictures({ 'a/Cat': 0, 'a/Dog': 1 }, 9),
    `The folders Cat, Dog are none of the classes ${known.replace('1, 2, 10', 'cat, dog')}`,
    page({ class_names: ['cat', 'dog'] }),
  );
});

test('classes that no folder can be called are known by what it can', async () => {
  const data = page({ class_names: ['T-shirt/top', 'caf\u00e9', 'a:b'] });
  for (const folders of [
    { 'T-shirt-top': 0, 'cafe\u0301': 1, 'a-b': 2 },
    { 'T-shirt:top': 0, 'caf\u00e9': 1, 'a:b': 2 },
  ]) {
    const dataset = await readFolder(pictures(folders, 20), data);
    assert.deepEqual(lens(dataset), [48, 6, 6]);
    assertLabels(dataset);
  }
});

test('more pictures than memory takes are refused before they are read', async () => {
  const data = page({ shape: { channels: 3, height: 20_000, width: 20_000 } });
  const message = '3 pictures take 3434 MiB here, and 1,024 are the most — give it fewer, or write a page with a ' +
    'smaller --image-size';
  await assertFolderRefused(pictures({ 'a/1': 0, 'a/2': 1, 'a/10': 2 }, 1), message, data);
});

test('a packed dataset smaller than a batch is refused', async () => {
  const part = { len: 1, bytes: deflateSync(new Uint8Array(8)).toString('base64') };
  const data = page();
  data.training.packed = { train: part, validation: part, test: part };
  await assert.rejects(packedDataset(data), /There are 1 images to train on — give it at least 8, a batch/);
});

test('too few pictures are refused', async () => {
  await assertFolderRefused(
    pictures(CLASSES, 3),
    'There are 3 images to train on — give it at least 8, a batch',
  );
  const none = 'No pictures are left to validate or to test with — give it three different ones of a class at least';
  const classes = Array.from({ length: 9 }, (_, index) => [`${index}`, index]);
  const data = page({ class_names: classes.map(([name]) => name) });
  await assertFolderRefused(pictures(Object.fromEntries(classes), 2), none, data);
  const validated = classes.flatMap(([name, label]) => [[`train/${name}`, label], [`val/${name}`, label]]);
  await assertFolderRefused(pictures(Object.fromEntries(validated), 2), none, data);
});

test('many pictures leave the page its turns', async () => {
  const contents = pictures(CLASSES, 100);
  const { createImageBitmap } = globalThis;
  globalThis.createImageBitmap = (file) => {
    const end = performance.now() + 2;
    while (performance.now() < end);
    return createImageBitmap(file);
  };
  let turns = 0;
  const timer = setInterval(() => turns++);
  const told = [];
  await readFolder(contents, page(), (done, all) => told.push([done, all]));
  clearInterval(timer);
  globalThis.createImageBitmap = createImageBitmap;
  assert.ok(turns >= 5, `${turns} turns`);
  assert.ok(told.length >= 5, `${told.length} times`);
  told.forEach(([done, all], index) => {
    assert.equal(all, 300);
    assert.ok(done > (told[index - 1]?.[0] ?? 0) && done < 300, told.join(' '));
  });
});

/** An entry of what was dropped: a file, or a folder of such, of which `readEntries` gives two at a time. */
function entryOf(path, content) {
  if (typeof content === 'string') return { isFile: true, fullPath: path, file: (take) => take(new File([content], path)) };
  const children = Object.entries(content).map(([name, inner]) => entryOf(`${path}/${name}`, inner));
  return { isDirectory: true, createReader: () => ({ readEntries: (take) => take(children.splice(0, 2)) }) };
}

test('folders that are dropped are read to the end', async () => {
  const dropped = { a: { '1.png': 'x', '2.png': 'x', '3.png': 'x', empty: {}, inner: { '4.png': 'x' } }, 'b.png': 'x' };
  const items = Object.entries(dropped).map(([name, content]) => {
    return { webkitGetAsEntry: () => entryOf(`/${name}`, content) };
  });
  const found = await droppedFiles({ items, files: [] });
  assert.deepEqual(found.map(({ path }) => path), ['/a/1.png', '/a/2.png', '/a/3.png', '/a/inner/4.png', '/b.png']);
  assert.ok(isDataset(found));
  const empty = [{ webkitGetAsEntry: () => entryOf('/c', {}) }];
  assert.deepEqual(await droppedFiles({ items: empty, files: [] }), []);
});
