// A folder of pictures, one folder in it for each class.

import { givesWay } from './give_way.js';
import { readPicture } from './pictures.js';
import { prepare } from './prepare.js';

const PARTS = { train: /^train(ing)?$/i, validation: /^(val|valid|validation|dev)$/i, test: /^test(ing)?$/i };
const IGNORED = /^(\.|thumbs\.db$|desktop\.ini$|__macosx$)/i;
// Names of files that are left out, in full.
const NAMED = 5;
// The most bytes that prepared pictures may take.
const MOST_PIXEL_BYTES = 2 ** 30;

/** Images of pictures in the classes that the page knows, and in which part each is. @returns {Promise<Dataset>} */
export async function folderParts(files, data, tell) {
  const { pictures, outside } = placed(files, data.class_names);
  const { channels, height, width } = data.shape;
  const bytes = pictures.length * channels * height * width;
  if (bytes > MOST_PIXEL_BYTES) {
    throw new Error(
      `${pictures.length} pictures take ${Math.ceil(bytes / 2 ** 20)} MiB here, and 1,024 are the most — give it fewer, ` +
        'or write a page with a smaller --image-size',
    );
  }
  const unread = [];
  const read = [];
  const giveWay = givesWay();
  for (const [index, { file, path, label, part }] of pictures.entries()) {
    await giveWay(() => tell(index, pictures.length));
    try {
      const { pixels } = prepare(await readPicture(file), data.shape, data.resize);
      read.push({ label, part, pixels, hash: hashOf(pixels) });
    } catch {
      unread.push(path);
    }
  }
  const notes = [];
  if (unread.length) {
    const count = `${unread.length} of ${pictures.length} files`;
    notes.push(`${count} cannot be read as pictures and are left out: ${listed(unread, NAMED)}.`);
  }
  if (outside.length) {
    const [count, verb] = outside.length > 1 ? [`${outside.length} files`, 'are'] : ['1 file', 'is'];
    notes.push(`${count} outside of the folders of classes ${verb} left out: ${listed(outside, NAMED)}.`);
  }
  notes.push(...fillParts(read, data.class_names.length));
  const part = (name) => joined(read.filter((picture) => picture.part === name), data.shape);
  const [train, validation, test] = ['train', 'validation', 'test'].map(part);
  return { name: 'a folder of pictures', notes, train, validation, test };
}

/**
 * The files in folders of classes, each with its label, and its part if a folder says it; and the paths of files that
 * are in none of these.
 */
function placed(files, classNames) {
  const labels = new Map(classNames.map((name, label) => [asFolder(name), label]));
  const namesIn = (path) => path.split('/').map(asFolder).filter(Boolean);
  const all = files.map(({ path, file }) => ({ path, file, names: namesIn(path) }));
  const seen = all.filter(({ names }) => !names.some((name) => IGNORED.test(name)));
  for (const { names } of seen) names.pop();
  const { depth, isDivided } = layoutOf(seen, labels);
  const others = new Set();
  const outside = [];
  const pictures = [];
  for (const { path, file, names } of seen) {
    const part = isDivided ? partNamed(names[depth]) : null;
    const name = names[part ? depth + 1 : depth];
    const label = isDivided && !part ? undefined : labels.get(name);
    if (name === undefined) outside.push(path);
    else if (label === undefined) others.add(name);
    else pictures.push({ path, file, label, part });
  }
  if (!others.size && pictures.length) return { pictures, outside };
  const names = [...others].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const [noun, verb] = names.length > 1 ? ['folders', 'are'] : ['folder', 'is'];
  const found = `The ${noun} ${listed(names, 10)} ${verb} none of the classes`;
  throw new Error(
    `${names.length ? found : 'There is no folder of a class'} that this page's models know: ` +
      `${listed([...labels.keys()], 10)} — ` +
      'name the folders like the classes, or write a page for them with `fmnist web --data-dir DIR`',
  );
}

/** The name of a folder for a class: some characters are in no folder's name, and some have two forms. */
function asFolder(name) {
  return name.trim().normalize().replace(/[\\/:*?"<>|]/g, '-');
}

/** How many folders are around those of the classes or parts, and whether they are those of parts. */
function layoutOf(files, labels) {
  const namesAt = (depth) => [...new Set(files.map(({ names }) => names[depth]).filter(Boolean))];
  const isKnown = (name) => labels.has(name) || partNamed(name);
  for (let depth = 0; ; depth++) {
    const [names, inner] = [namesAt(depth), namesAt(depth + 1)];
    const [name] = names;
    const isEnd = partNamed(name) ? !inner.some(partNamed) : labels.has(name) && !inner.some(isKnown);
    if (names.length === 1 && inner.length && !isEnd) continue;
    // A class may be called like a part.
    return { depth, isDivided: names.some(partNamed) && !names.every((name) => labels.has(name)) };
  }
}

/** The part that a folder's name stands for, if any. */
function partNamed(name) {
  return Object.keys(PARTS).find((part) => PARTS[part].test(name)) ?? null;
}

function listed(names, most) {
  return names.slice(0, most).join(', ') + (names.length > most ? ', …' : '');
}

/** Says of each picture in which part it is, and tells what was decided. Pictures of the same pixels stay together. */
function fillParts(pictures, classes) {
  const has = (part) => pictures.some((picture) => picture.part === part);
  const isDivided = pictures.some(({ part }) => part);
  for (const picture of pictures) picture.part ??= 'train';
  const missing = ['test', 'validation'].filter((part) => !has(part));
  const own = pictures.filter(({ part }) => part === 'train');
  const parts = new Map();
  for (let label = 0; label < classes; label++) {
    const found = new Set(own.filter((picture) => picture.label === label).map(({ hash }) => hash));
    // Where a picture has two labels, the first decides.
    const hashes = [...found].filter((hash) => !parts.has(hash)).sort((a, b) => a - b);
    const tenth = hashes.length < 3 ? 0 : Math.max(1, Math.round(hashes.length / 10));
    for (const hash of hashes) parts.set(hash, 'train');
    missing.forEach((part, index) => {
      for (const hash of hashes.slice(index * tenth, (index + 1) * tenth)) parts.set(hash, part);
    });
  }
  for (const picture of own) picture.part = parts.get(picture.hash);
  if (!missing.length) return [];
  const what = missing.map((part) => (part === 'test' ? 'test' : 'validate')).join(' and to ');
  const from = isDivided ? 'of those to train on' : 'of the pictures';
  return [`A tenth ${from} of each class is held out to ${what} with${missing.length > 1 ? ', each' : ''}.`];
}

function joined(pictures, { channels, height, width }) {
  const values = channels * height * width;
  const images = new Uint8Array(pictures.length * values);
  pictures.forEach(({ pixels }, index) => images.set(pixels, index * values));
  return { len: pictures.length, images, labels: Uint32Array.from(pictures, ({ label }) => label) };
}

/** 53 bits that are the same for the same bytes (two FNV-1a of 32 bits). */
function hashOf(bytes) {
  let [a, b] = [0x811c9dc5, 0x1000193];
  for (const byte of bytes) {
    a = Math.imul(a ^ byte, 0x01000193);
    b = Math.imul(b ^ byte, 0x01000193) ^ (a >>> 15);
  }
  return (b >>> 11) * 2 ** 32 + (a >>> 0);
}
