// What a page trains on: images packed into it, IDX files, or a folder of pictures.

import { folderParts } from './folder.js';
import { givesWay } from './give_way.js';
import { idxName, readIdx } from './idx.js';
import { unpacked } from './weights.js';

/**
 * @typedef {{len: number, images: Uint8Array, labels: Uint32Array}} Part images `[len, channels, height, width]`
 * @typedef {{name: string, notes: string[], channels?: {mean: number, std: number}[], train: Part, validation: Part,
 *            test: Part | null}} Dataset
 */

// Images that are held out of those to train on, to validate with, at most.
const MOST_VALIDATION = 5000;

/** The images that lie in the page. @returns {Promise<Dataset>} */
export async function packedDataset({ dataset, channels, shape, training }) {
  const { packed } = training;
  const part = async (part) => {
    if (!part) return null;
    const bytes = await unpacked(part.bytes);
    const end = part.len * shape.channels * shape.height * shape.width;
    const labels = Uint32Array.from(new Uint16Array(bytes.slice(end).buffer));
    return { len: part.len, images: bytes.subarray(0, end), labels };
  };
  const [train, validation, test] = await Promise.all([packed.train, packed.validation, packed.test].map(part));
  return trainable({ name: dataset, notes: [], channels, train, validation, test }, training);
}

/** Whether these files are to be trained on, not pictures to look at. */
export function isDataset(files) {
  return files.some(({ path }) => path.includes('/') || idxName(path));
}

/**
 * What files hold: those of a folder for each class, or IDX files. Calls `tell(done, all)` while pictures are decoded.
 *
 * Throws an error for the user if that cannot be trained on.
 * @param {{path: string, file: File}[]} files
 * @returns {Promise<Dataset>}
 */
export async function datasetOfFiles(files, data, tell) {
  const idx = files.filter(({ file }) => idxName(file.name));
  if (!idx.length && !files.some(({ path }) => path.includes('/'))) {
    throw new Error(
      'None of these files is called like an IDX file, such as train-images-idx3-ubyte.gz — rename them, or give it a ' +
        'folder of pictures',
    );
  }
  return trainable(idx.length ? await idxDataset(idx, data) : await folderParts(files, data, tell), data.training);
}

/** The dataset, if it can be trained on. */
function trainable(dataset, { batch_size: least }) {
  const { train, validation, test } = dataset;
  if (train.len < least) {
    throw new Error(`There are ${train.len} images to train on — give it at least ${least}, a batch`);
  }
  if (!validation.len || test?.len === 0) {
    throw new Error(
      'No pictures are left to validate or to test with — give it three different ones of a class at least',
    );
  }
  return dataset;
}

async function idxDataset(files, data) {
  const { prefix, roles } = idxRoles(files);
  const part = async (part) => {
    const [images, labels] = [roles[`${part} images`]?.file, roles[`${part} labels`]?.file];
    if (!images && !labels) return null;
    const stem = (prefix && `${prefix}-`) + { train: 'train', validation: 'val', test: 't10k' }[part];
    if (!images) throw new Error(`${labels.name} has no images beside it — also give it ${stem}-images-idx3-ubyte.gz`);
    if (!labels) throw new Error(`${images.name} has no labels beside it — also give it ${stem}-labels-idx1-ubyte.gz`);
    return idxPart(images, labels, prefix, data);
  };
  const train = await part('train');
  if (!train) throw new Error('There is nothing to train on — also give it the two files that begin with “train”');
  const [validation, test] = [await part('validation'), await part('test')];
  const notes = test ? [] : ['There are no test images: files that begin with “t10k” or “test” would be.'];
  if (validation) return { name: 'IDX files', notes, train, validation, test };
  const held = Math.max(1, Math.min(MOST_VALIDATION, Math.floor(train.len / 10)));
  notes.push(`The last ${held.toLocaleString('en')} images to train on are held out to validate with.`);
  return { name: 'IDX files', notes, ...heldOut(train, held), test };
}

/** Which file is for what: `roles` has `train images`, `train labels` and the same of other parts, if they are there. */
function idxRoles(files) {
  const roles = {};
  for (const { path, file } of files) {
    const { prefix, part, kind } = idxName(file.name);
    const role = `${part} ${kind}`;
    // Unpacking may leave a file in a folder of its name.
    const folder = path.split('/').slice(0, -1).filter((name) => !idxName(name)).join('/');
    const isOther = (one) => one.prefix !== prefix || (one.role === role && one.folder !== folder);
    const other = Object.values(roles).find(isOther);
    if (other) throw new Error(`${other.path} and ${path} are of two datasets — give it the files of one`);
    roles[role] ??= { path, file, prefix, role, folder };
  }
  return { prefix: Object.values(roles)[0].prefix, roles };
}

async function idxPart(imagesFile, labelsFile, prefix, { shape, class_names: classNames }) {
  const [images, labels] = await Promise.all([readIdx(imagesFile), readIdx(labelsFile)]);
  const [len, ...sizes] = images.dims;
  if (!len || !sizes.length) throw new Error(`${imagesFile.name} has no images — give it the file that belongs there`);
  // EMNIST's images are turned, and its letters count from 1.
  const isEmnist = prefix.startsWith('emnist');
  if (isEmnist) sizes.push(...sizes.splice(-2).reverse());
  const first = isEmnist && prefix.includes('letters') ? 1 : 0;
  const sees = [shape.channels, shape.height, shape.width].slice(shape.channels === 1 && sizes.length < 3 ? 1 : 0);
  if (sizes.join() !== sees.join()) {
    throw new Error(
      `${imagesFile.name} has images of ${sizes.join('×')}, this page's models see ${sees.join('×')} — write a page ` +
        'for them with `fmnist web --data-dir DIR`',
    );
  }
  if (labels.dims.length !== 1 || labels.dims[0] !== len) {
    throw new Error(
      `${labelsFile.name} has ${labels.dims.join('×')} labels, ${imagesFile.name} ${len} images — give it two files ` +
        'that belong together',
    );
  }
  const wrong = labels.values.find((label) => label < first || label >= first + classNames.length);
  if (wrong !== undefined) {
    throw new Error(
      `${labelsFile.name} has a class ${wrong}, this page's models know ${classNames.length}, from ${first} on — ` +
        'write a page for them with `fmnist web --data-dir DIR`',
    );
  }
  return {
    len,
    images: isEmnist ? await turned(images.values, shape) : images.values,
    labels: Uint32Array.from(labels.values, (label) => label - first),
  };
}

/** Images of this shape, of such with rows for columns. */
async function turned(images, { height, width }) {
  const made = new Uint8Array(images.length);
  const giveWay = givesWay();
  for (let start = 0, to = 0; start < images.length; start += height * width) {
    await giveWay();
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) made[to++] = images[start + x * height + y];
    }
  }
  return made;
}

/** A part without its last images, and these. */
function heldOut({ len, images, labels }, held) {
  const rest = len - held;
  const end = (images.length / len) * rest;
  return {
    train: { len: rest, images: images.subarray(0, end), labels: labels.subarray(0, rest) },
    validation: { len: held, images: images.subarray(end), labels: labels.subarray(rest) },
  };
}
