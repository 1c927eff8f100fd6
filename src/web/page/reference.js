// What a model computes, in plain script: to read, to check the GPU by, and to predict where there is no GPU.
//
// Images and what a block makes of them lie as `[channels, height, width]`.

/**
 * A block: convolution with zeros around the image, plus bias, ReLU, and the largest of each window of the pool,
 * which is 2×2, or 1×1 where there is none. The weight is `[out_channels, in_channels, kernel, kernel]`; a last row
 * or column that fills no window is dropped.
 */
export function block(layer, input, weights) {
  const { in_channels: inChannels, out_channels: outChannels, height, width, kernel, pool } = layer;
  const [pooledHeight, pooledWidth] = [height, width].map((side) => Math.floor(side / pool));
  const output = new Float64Array(outChannels * pooledHeight * pooledWidth);
  let at = 0;
  for (let channel = 0; channel < outChannels; channel++) {
    const sums = new Float64Array(height * width).fill(weights[layer.bias + channel]);
    for (let from = 0; from < inChannels; from++) {
      const plane = input.subarray(from * height * width, (from + 1) * height * width);
      const taps = layer.weight + (channel * inChannels + from) * kernel * kernel;
      for (let tap = 0; tap < kernel * kernel; tap++) {
        const down = Math.floor(tap / kernel) - (kernel >> 1);
        const across = (tap % kernel) - (kernel >> 1);
        addShifted(sums, plane, { height, width, down, across }, weights[taps + tap]);
      }
    }
    for (let y = 0; y < pooledHeight; y++) {
      for (let x = 0; x < pooledWidth; x++) {
        let largest = 0;
        for (let row = pool * y; row < pool * (y + 1); row++) {
          const corner = row * width + pool * x;
          for (let i = corner; i < corner + pool; i++) largest = Math.max(largest, sums[i]);
        }
        output[at++] = largest;
      }
    }
  }
  return output;
}

/** Adds to each sum `weight` times the value that lies so far down and across from it. */
function addShifted(sums, plane, { height, width, down, across }, weight) {
  const [firstRow, lastRow] = [Math.max(0, -down), Math.min(height, height - down)];
  const [firstColumn, lastColumn] = [Math.max(0, -across), Math.min(width, width - across)];
  for (let y = firstRow; y < lastRow; y++) {
    const shift = down * width + across;
    for (let at = y * width + firstColumn; at < y * width + lastColumn; at++) {
      sums[at] += weight * plane[at + shift];
    }
  }
}

/** A fully connected layer: input · weight + bias, then ReLU if it has one. The weight is `[inputs, outputs]`. */
export function linear(layer, input, weights) {
  const { inputs, outputs } = layer;
  const sums = Float64Array.from(weights.subarray(layer.bias, layer.bias + outputs));
  for (let from = 0; from < inputs; from++) {
    const row = layer.weight + from * outputs;
    for (let to = 0; to < outputs; to++) sums[to] += input[from] * weights[row + to];
  }
  return layer.relu ? sums.map((sum) => Math.max(0, sum)) : sums;
}

/** Numbers above 0 that sum to 1. Taking off the largest score changes nothing, but keeps `exp` finite. */
export function softmax(scores) {
  const largest = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - largest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power) => power / total);
}

const LAYERS = { block, linear };

/** The probability of each class, for an image whose values are normalised. */
export function referencePredict(model, image) {
  return softmax(model.layers.reduce((values, layer) => LAYERS[layer.kind](layer, values, model.weights), image));
}
