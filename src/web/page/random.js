// Random numbers as the shaders make them: hashes, the same for the same words.

/**
 * Four words of 32 bits, hashed: PCG4D of "Hash Functions for GPU Rendering" (Jarzynski and Olano, 2020), as in
 * shaders/random/pcg4d.wgsl.
 */
export function pcg4d(words) {
  // Numbers, not an array of 32 bits: it is called for each image and weight.
  let [x, y, z, w] = words;
  [x, y, z, w] = [scrambled(x), scrambled(y), scrambled(z), scrambled(w)];
  for (let round = 0; ; round++) {
    x = (x + Math.imul(y, w)) | 0;
    y = (y + Math.imul(z, x)) | 0;
    z = (z + Math.imul(x, y)) | 0;
    w = (w + Math.imul(y, z)) | 0;
    if (round === 1) return [x >>> 0, y >>> 0, z >>> 0, w >>> 0];
    x ^= x >>> 16;
    y ^= y >>> 16;
    z ^= z >>> 16;
    w ^= w >>> 16;
  }
}

function scrambled(word) {
  return (Math.imul(word, 1664525) + 1013904223) | 0;
}

/** Two words of 32 bits: the lower one first. */
export function halves(number) {
  return [number % 2 ** 32, Math.floor(number / 2 ** 32)];
}

/** What all random choices of an epoch depend on. A seed is two words of 32 bits, the lower one first. */
export function epochKey(seed, epoch) {
  return pcg4d([...seed, epoch, 0]).slice(0, 2);
}

// What hashes of this file are for.
const ORDER = 1;
const WEIGHTS = 2;

/** The numbers below `len` in the order of an epoch (Fisher and Yates). */
export function shuffled(len, seed, epoch) {
  const order = Uint32Array.from({ length: len }, (_, index) => index);
  const [low, high] = seed;
  for (let last = len - 1; last > 0; last--) {
    const [word] = pcg4d([low, high ^ (ORDER << 28), epoch, last]);
    const other = Math.floor((word / 2 ** 32) * (last + 1));
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}

/**
 * First weights of a model, laid out as its layers say: uniform in ±1/√inputs, as PyTorch draws them.
 * @returns {Float32Array}
 */
export function firstWeights(layers, seed) {
  const sizes = layers.map(sizesOf);
  const weights = new Float32Array(sizes.reduce((sum, { weight, bias }) => sum + weight + bias, 0));
  const [low, high] = seed;
  layers.forEach((layer, number) => {
    const { weight, bias, inputs } = sizes[number];
    const bound = 1 / Math.sqrt(inputs);
    for (let index = layer.weight; index < layer.weight + weight + bias; index++) {
      const [word] = pcg4d([low, high ^ (WEIGHTS << 28), index, number]);
      weights[index] = bound * ((2 * word) / 2 ** 32 - 1);
    }
  });
  return weights;
}

/** How many weights and biases a layer has, and how many values an output is a sum of. */
export function sizesOf(layer) {
  if (layer.kind === 'linear') {
    return { weight: layer.inputs * layer.outputs, bias: layer.outputs, inputs: layer.inputs };
  }
  const inputs = layer.in_channels * layer.kernel ** 2;
  return { weight: inputs * layer.out_channels, bias: layer.out_channels, inputs };
}
