// A dataset's way to the GPU.

import { filledBuffer } from './device.js';

/**
 * All images with their labels, those of the first part first, and their indices in order. Throws where they are too
 * large for the device.
 * @param {Part[]} parts
 * @param {number} evaluationBatch how far the last batch of an evaluation may reach beyond the end
 */
export function uploaded(device, parts, evaluationBatch) {
  const values = parts[0].images.length / parts[0].len;
  const len = parts.reduce((sum, part) => sum + part.len, 0);
  const bytes = Math.ceil((len * values) / 4) * 4;
  const most = Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize);
  if (bytes > most) {
    const [mine, its] = [bytes, most].map((number) => Math.ceil(number / 2 ** 20));
    throw new Error(`The images take ${mine} MiB, and this GPU takes ${its} at once — give it fewer images`);
  }
  const images = new Uint8Array(bytes);
  const labels = new Uint32Array(len);
  let at = 0;
  for (const part of parts) {
    images.set(part.images, at * values);
    labels.set(part.labels, at);
    at += part.len;
  }
  const inOrder = Uint32Array.from({ length: len + evaluationBatch }, (_, index) => Math.min(index, len - 1));
  return {
    images: filledBuffer(device, 'images', images),
    labels: filledBuffer(device, 'labels', labels),
    inOrder: filledBuffer(device, 'indices in order', inOrder),
  };
}
