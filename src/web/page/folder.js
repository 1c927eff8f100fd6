// A folder of pictures, one folder in it for each class.

import { readPicture } from './pictures.js';
import { prepare } from './prepare.js';

const PARTS = { train: /^train(ing)?$/i, validation: /^(val|valid|validation|dev)$/i, test: /^test(ing)?$/i };
const IGNORED = /^(\.|thumbs\.db$|desktop\.ini$|__macosx$)/i;
// Milliseconds after which the page gets a turn.
const TURN = 50;
// Names of pictures that cannot be read, in full.
const NAMED = 5;

/** Images of pictures in the classes that the page knows, and in which part each is. @returns {Promise<Dataset>} */
export async function folderParts(files, data, tell) {
  const pictures = placed(files, data.class_names);
  const unread = [];
  const read = [];
  let turn = performance.now();
  for (const [index, { file, path, label, part }] of pictures.entries()) {
    if (performance.now() - turn > TURN) {
      tell(index, pictures.length);
      await new Promise((resolve) => setTimeout(resolve));
      turn = performance.now();
    }
    try {
      const { pixels } = prepare(await readPicture(file), data.shape, data.resize);
      read.push({ label, part, pixels, hash: hashOf(pixels) });
    } catch {
      unread.push(path);
    }
  }
  const notes = [];
  if (unread.length) {
    const names = unread.slice(0, NAMED).join(', ') + (unread.length > NAMED ? ', …' : '');
    notes.push(`${unread.length} of ${pictures.length} files cannot be read as pictures and are left out: ${names}.`);
  }
  notes.push(...fillParts(read, data.class_names.length));
  const part = (name) => joined(read.filter((picture) => picture.part === name), data.shape);
  return { name: 'a folder of pictures', notes, train: part('train'), validation: part('validation'), test: part('test') };
}

/** The files in folders of classes, each with its label, and its part if a folder says it. */
function placed(files, classNames) {
  const labels = new Map(classNames.map((name, label) => [name.trim(), label]));
  const others = new Set();
  const pictures = [];
  for (const { path, file } of files) {
    const folders = path.split('/').filter(Boolean);
    if (folders.some((name) => IGNORED.test(name))) continue;
    folders.pop();
    const at = folders.findIndex((name) => labels.has(name.trim()));
    if (at < 0) {
      if (folders.length) others.add(folders.at(-1));
      continue;
    }
    const parts = Object.entries(PARTS).filter(([, pattern]) => folders.slice(0, at).some((name) => pattern.test(name)));
    pictures.push({ path, file, label: labels.get(folders[at].trim()), part: parts[0]?.[0] ?? null });
  }
  if (!others.size && pictures.length) return pictures;
  const list = (names) => names.slice(0, 10).join(', ') + (names.length > 10 ? ', …' : '');
  const found = others.size ? `The folder ${list([...others])} is none of the classes` : 'There is no folder of a class';
  throw new Error(
    `${found} that this page's models know: ${list(classNames)} — name the folders like the classes, or write a page ` +
      'for them with `fmnist web --data-dir DIR`',
  );
}

/** Says of each picture in which part it is, and tells what was decided. Pictures of the same pixels stay together. */
function fillParts(pictures, classes) {
  const has = (part) => pictures.some((picture) => picture.part === part);
  const isDivided = pictures.some(({ part }) => part);
  for (const picture of pictures) picture.part ??= 'train';
  const missing = ['test', 'validation'].filter((part) => !has(part));
  for (let label = 0; label < classes; label++) {
    const own = pictures.filter((picture) => picture.part === 'train' && picture.label === label);
    const hashes = [...new Set(own.map(({ hash }) => hash))].sort((a, b) => a - b);
    const tenth = hashes.length < 3 ? 0 : Math.max(1, Math.round(hashes.length / 10));
    missing.forEach((part, index) => {
      const chosen = new Set(hashes.slice(index * tenth, (index + 1) * tenth));
      for (const picture of own) if (chosen.has(picture.hash)) picture.part = part;
    });
  }
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
