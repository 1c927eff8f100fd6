// From the page's data to typed arrays.

/** The bytes that a base64 text stands for. */
export function decodeBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

/** The model with its weights as one `Float32Array`. They are little-endian, as every device with a browser is. */
export function decodeModel(model) {
  return { ...model, weights: new Float32Array(decodeBase64(model.weights).buffer) };
}
