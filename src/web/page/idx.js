// Files in IDX format, as the MNIST datasets come: packed by gzip or not.

import { givesWay } from './give_way.js';

// The most bytes that a file may unpack to.
const MOST_BYTES = 2 ** 30;
const NAME = /^(?:([^.].*)-)?(train|val|valid|validation|t10k|test)-(images|labels)[-.]idx\d-ubyte(\.gz)?$/;

/**
 * What a file holds by its name, `{prefix, part: 'train' | 'validation' | 'test', kind: 'images' | 'labels'}`, the prefix
 * often empty; null if it is none of them.
 */
export function idxName(name) {
  const found = NAME.exec(name.toLowerCase());
  if (!found) return null;
  const [, prefix = '', word, kind] = found;
  const part = word === 'train' ? word : word.startsWith('val') ? 'validation' : 'test';
  return { prefix, part, kind };
}

/**
 * The values of a file of unsigned bytes, and their dimensions.
 *
 * Throws an error for the user where the file is something else, or not whole.
 * @param {File} file
 * @returns {Promise<{dims: number[], values: Uint8Array}>}
 */
export async function readIdx(file) {
  const damaged = (what) => new Error(`${file.name} ${what} — get the file again`);
  let isPacked = false;
  const failed = () => {
    throw damaged(`is damaged: it cannot be ${isPacked ? 'unpacked' : 'read'}`);
  };
  const [first, second] = new Uint8Array(await file.slice(0, 2).arrayBuffer().catch(failed));
  isPacked = first === 0x1f && second === 0x8b;
  const stream = isPacked ? file.stream().pipeThrough(new DecompressionStream('gzip')) : file.stream();
  const reader = stream.getReader();
  let bytes = new Uint8Array(0);
  let [end, need] = [0, 4];
  let dims = null;
  const giveWay = givesWay();
  for (;;) {
    await giveWay();
    const { done, value } = await reader.read().catch(failed);
    if (done) break;
    if (end + value.length > bytes.length) {
      const more = new Uint8Array(Math.max(dims ? need : 2 * end, end + value.length));
      more.set(bytes.subarray(0, end));
      bytes = more;
    }
    bytes.set(value, end);
    end += value.length;
    if (!dims && end >= 4) {
      if (bytes[0] !== 0 || bytes[1] !== 0 || bytes[2] !== 8 || bytes[3] < 1 || bytes[3] > 4) {
        throw damaged('is no IDX file of bytes');
      }
      need = 4 + 4 * bytes[3];
      if (end >= need) {
        const header = new DataView(bytes.buffer);
        dims = Array.from({ length: bytes[3] }, (_, index) => header.getUint32(4 + 4 * index));
        need += dims.reduce((product, size) => product * size, 1);
        // No packed byte makes more than 1,032.
        if (need > file.size * (isPacked ? 1032 : 1)) throw damaged(`says that it has ${need} bytes, and has not`);
        if (need > MOST_BYTES) throw new Error(`${file.name} has ${dims.join('×')} values — use at most 1 GiB`);
      }
    }
    if (dims && end > need) break;
  }
  await reader.cancel().catch(() => {});
  if (!dims || end !== need) {
    throw damaged(`is not whole: it has ${end > need ? 'more than the' : `${end} of`} ${need} bytes that it says`);
  }
  return { dims, values: bytes.subarray(need - dims.reduce((product, size) => product * size, 1), need) };
}
