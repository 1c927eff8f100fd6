// The numbers of a training step, as the programs take them: what src/train and src/ops compute for the native ones.

import { epochKey, halves, pcg4d } from './random.js';

const BETA_1 = 0.9;
const BETA_2 = 0.999;
const ADAM_EPSILON = 1e-8;

/** The learning rate of a step of a run, counted from 0: a warm-up, then half a cosine or nothing. */
export function learningRate({ learning_rate: peak, warm_up_epochs, decay }, step, epochs, stepsPerEpoch) {
  const warmUp = Math.round(warm_up_epochs * stepsPerEpoch);
  if (step < warmUp) return (peak * (step + 1)) / (warmUp + 1);
  if (decay === 'constant') return peak;
  const left = Math.max(epochs * stepsPerEpoch - warmUp, 1);
  return peak * 0.5 * (1 + Math.cos(Math.PI * Math.min((step - warmUp) / left, 1)));
}

/** The input `hyper`: AdamW's numbers in a step that is counted from 1. */
export function adamNumbers({ weight_decay, average_decay }, rate, time) {
  const averageDecay = Math.min(average_decay ?? 0, (1 + time) / (10 + time));
  return new Float32Array([
    rate,
    1 - rate * weight_decay,
    BETA_1,
    BETA_2,
    ADAM_EPSILON,
    1 - BETA_1 ** time,
    1 - BETA_2 ** time,
    1 - averageDecay,
  ]);
}

/** The input `mask 0`, `mask 1`, …: what dropout number `layer` drops in a step that is counted from 0. */
export function maskNumbers({ dropout }, seed, step, layer) {
  const words = new Uint32Array(5);
  words.set(pcg4d([...seed, ...halves(step)]).slice(0, 2));
  words[2] = layer;
  words[3] = Math.floor(dropout * (2 ** 32 - 1));
  new Float32Array(words.buffer)[4] = 1 / (1 - dropout);
  return words;
}

/** How a byte of each channel becomes a number: `(byte - offset) * factor`. */
export function scalesOf(pixels, channels) {
  return channels.map(({ mean, std }) =>
    pixels === 'unit'
      ? { offset: 0, factor: Math.fround(1 / 255) }
      : { offset: mean, factor: Math.fround(1 / std) },
  );
}

const NO_CHANGES = { crop: 0, flip: false, shift: 0, erase: 0, erase_side: 0, cutmix: 0, mixup: 0, color: 0 };

/**
 * The input `selection`: which images make a batch, and what is done to them; shaders/gather/batch.wgsl has its
 * fields. `augment` null: nothing.
 */
export function selectionNumbers({ first, len, seed, epoch, augment, scales, channels, shape }) {
  const { crop, flip, shift, erase, erase_side, cutmix, mixup, color } = { ...NO_CHANGES, ...augment };
  const side = Math.min(shape.height, shape.width);
  const words = new Uint32Array(23);
  words.set([first, len, ...epochKey(seed, epoch)]);
  words.set([crop, Number(flip), Math.min(shift, side), erase_side ? erase : 0, Math.min(erase_side, side)], 4);
  words.set([cutmix, mixup, color], 9);
  const factors = new Float32Array(words.buffer, 4 * 15, 3);
  scales.forEach(({ offset, factor }, channel) => {
    words[12 + channel] = offset;
    factors[channel] = factor;
    words[18 + channel] = channels[channel].mean;
  });
  return words;
}

/** The input `target_values`: the target of a class that owns 0, 1, … of an image's pixels. */
export function targetValues({ label_smoothing }, { height, width }, classes) {
  const pixels = height * width;
  const spread = label_smoothing / classes;
  return Float32Array.from({ length: pixels + 1 }, (_, parts) => (1 - label_smoothing) * (parts / pixels) + spread);
}

/** The input `class_weights`, where all images of a class together count as much as those of any other. */
export function balancedWeights({ label_smoothing }, labels, classes) {
  const counts = new Array(classes).fill(0);
  for (const label of labels) counts[label]++;
  const seen = counts.filter((count) => count > 0).length;
  const weights = counts.map((count) => (count ? labels.length / (seen * count) : 1));
  const spread = (label_smoothing * weights.reduce((sum, weight) => sum + weight, 0)) / classes;
  return Float32Array.from(weights, (weight) => (weight - spread) / (1 - label_smoothing));
}

/** Mean and deviation of each channel's bytes, as the program measures them over the training images. */
export function measuredChannels({ images, len }, { channels, height, width }) {
  const plane = height * width;
  return Array.from({ length: channels }, (_, channel) => {
    const counts = new Float64Array(256);
    for (let image = 0; image < len; image++) {
      const first = (image * channels + channel) * plane;
      for (let at = first; at < first + plane; at++) counts[images[at]]++;
    }
    const moment = (power) => counts.reduce((sum, count, byte) => sum + byte ** power * count, 0) / (len * plane);
    const mean = moment(1);
    const std = Math.sqrt(Math.max(moment(2) - mean * mean, 0));
    return { mean: Math.round(mean), std: Math.max(1, Math.round(std)) };
  });
}
