// How far a training is, in numbers: what comes of an evaluation, how long the rest takes, and curves that stay short.

import { likeliest } from './predict.js';

// The smallest normal number of 32 bits: what is less may be 0 on a GPU.
const SMALLEST = 2 ** -126;
// A training step takes about as long as so many predictions of its images.
const STEP_PER_PREDICTION = 3;

/**
 * Loss, accuracy and confusion matrix: in the row of a class what its images were taken for.
 * @param {Float32Array} probabilities `[images, classes]`
 */
export function measured(probabilities, labels, classes) {
  const confusion = Array.from({ length: classes }, () => new Array(classes).fill(0));
  let [loss, right] = [0, 0];
  labels.forEach((label, image) => {
    const row = probabilities.subarray(image * classes, (image + 1) * classes);
    const prediction = likeliest(row);
    loss -= Math.log(Math.max(row[label], SMALLEST));
    right += Number(prediction === label);
    confusion[label][prediction]++;
  });
  return { loss: loss / labels.length, accuracy: right / labels.length, confusion };
}

/**
 * Seconds until the end, by what steps and evaluations took last; null before the first step of all. A model that has
 * not begun is taken for one as fast as the other.
 * @param {{epoch: number, epochs: number, step: number, steps: number, test: object | null}[]} models
 * @param {{stepSeconds: number | null, imageSeconds: number | null}[]} times
 * @param {{train: number, validation: number, test: number}} lens images of each part
 */
export function secondsLeft(models, times, lens) {
  const known = times.find(({ stepSeconds }) => stepSeconds !== null);
  if (!known) return null;
  return models.reduce((sum, { epoch, epochs, step, steps, test }, index) => {
    const stepTime = times[index].stepSeconds ?? known.stepSeconds;
    const imageTime = times[index].imageSeconds ?? (stepTime * steps) / lens.train / STEP_PER_PREDICTION;
    const images = (epochs - epoch) * lens.validation + (test ? 0 : lens.test);
    return sum + ((epochs - epoch) * steps - step) * stepTime + images * imageTime;
  }, 0);
}

/** Half as many points of a curve: of two neighbours one in their middle. */
export function coarser(curve) {
  const length = Math.floor(curve.length / 2);
  const pairs = Array.from({ length }, (_, index) => curve.slice(2 * index, 2 * index + 2));
  const middle = (pair, field) => (pair[0][field] + pair[1][field]) / 2;
  const ones = pairs.map((pair) => ({
    at: pair[1].at,
    loss: middle(pair, 'loss'),
    accuracy: middle(pair, 'accuracy'),
  }));
  return curve.length % 2 ? [...ones, curve.at(-1)] : ones;
}
