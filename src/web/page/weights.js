// From the page's data to typed arrays.

/** The bytes that a base64 text stands for. */
export function decodeBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** The bytes that were packed: zlib, in base64. */
export async function unpacked(text) {
  const stream = new Blob([decodeBase64(text)]).stream().pipeThrough(new DecompressionStream('deflate'));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** The programs of a page: `{shaders, models: {name: {predict, train, …}}}`. */
export async function decodePrograms(text) {
  return JSON.parse(new TextDecoder().decode(await unpacked(text)));
}

/** The model with its weights as one `Float32Array`. They are little-endian, as every device with a browser is. */
export function decodeModel(model) {
  return { ...model, weights: new Float32Array(decodeBase64(model.weights).buffer) };
}
