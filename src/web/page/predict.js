// From an image's bytes to each model's probabilities: by the GPU, or by the script reference where there is none.

import { needsOf, NoGpu, openGpu, Program, Shaders } from './device.js';
import { referencePredict } from './reference.js';
import { decodeBase64, decodeModel, decodePrograms } from './weights.js';

// Probabilities that differ more than this from the reference's are wrong; those of a GPU differ by some 1e-6.
const TOLERANCE = 1e-3;

/** An image's bytes as a model takes them: `[channels, height, width]`, normalised channel by channel. */
export function normalised(pixels, scales) {
  const plane = pixels.length / scales.length;
  return Float32Array.from(pixels, (byte, at) => {
    const { offset, factor } = scales[Math.floor(at / plane)];
    return (byte - offset) * factor;
  });
}

/** The class with the highest probability. */
export function likeliest(probabilities) {
  return probabilities.reduce((best, value, label) => (value > probabilities[best] ? label : best), 0);
}

/** The models of a page, and what they are computed on. */
export class Predictor {
  /** What the GPU is called and can do, as `openGpu` tells it; null before it is known, and without one. */
  gpu = null;
  /** Why nothing is computed on the GPU: a sentence for the user, or null. */
  trouble = null;
  /** What may help against it: a sentence for each kind of browser. */
  advice = [];
  /** Largest difference between the GPU's probabilities and the reference's for the first sample. */
  difference = null;
  /** Milliseconds from asking for a GPU until the programs were ready. */
  startMilliseconds = null;
  /** What the GPU must be able to do to predict, by the names of its limits. */
  needs = {};
  /** The same to train too. */
  trainingNeeds = {};
  #programs;
  #shaders = null;
  // By the models' names.
  #compiled = {};
  #isOnGpu = false;
  #isLost = false;
  #started = null;
  #changed;

  /**
   * `programs` are what `decodePrograms` promises; `changed` is called whenever what is computed on has changed.
   */
  constructor({ models, samples, shape }, programs, changed) {
    this.#programs = programs;
    this.#changed = changed;
    this.models = models.map(decodeModel);
    this.sample = samples.length
      ? decodeBase64(samples[0].pixels)
      : new Uint8Array(shape.channels * shape.height * shape.width);
  }

  /** Whether predictions are computed on the GPU from now on. */
  get isOnGpu() {
    return this.#isOnGpu;
  }

  /** Gets the GPU ready. Until it is, and for ever if it cannot be, the reference predicts. */
  start() {
    return (this.#started ??= this.#start());
  }

  /** Gets a GPU again where one was lost, which the picture that asks for it waits for. */
  async #restart() {
    if (!this.#isLost) return;
    // One that was lost while it was made ready ends in a fall back.
    await this.#started;
    [this.#isLost, this.trouble, this.advice, this.#compiled] = [false, null, [], {}];
    this.#started = null;
    await this.start();
  }

  async #start() {
    const start = performance.now();
    try {
      const { shaders, models } = await this.#programs;
      this.needs = needsOf(Object.values(models).map(({ predict }) => predict));
      this.trainingNeeds = needsOf(Object.values(models).flatMap((programs) => Object.values(programs)));
      this.gpu = await openGpu(this.needs);
      const { device } = this.gpu;
      device.lost.then(({ message }) => {
        this.#isLost = true;
        this.#fallBack(`The GPU was lost (${message || 'no reason given'}). The next picture asks for it again.`);
      });
      this.#shaders = new Shaders(this.gpu, shaders);
      this.difference = 0;
      await Promise.all(this.models.map((model) => this.#compile(model)));
      this.startMilliseconds = performance.now() - start;
      if (this.trouble) return;
      this.#isOnGpu = true;
      this.#changed();
    } catch (error) {
      if (error instanceof NoGpu) this.#fallBack(error.message, error.advice);
      else this.#fallBack(`The GPU failed. ${error.message}`);
    }
  }

  /** Predicts with this model from now on, instead of one of the same name or besides the others. */
  async use(model) {
    await this.#started;
    await this.#restart();
    if (this.#isOnGpu) {
      await this.#compile(model).catch((error) => this.#fallBack(`The GPU failed. ${error.message}`));
    }
    const others = this.models.findIndex(({ name }) => name === model.name);
    if (others < 0) this.models.push(model);
    else this.models[others] = model;
  }

  /**
   * Each model's answer to an image.
   * @param {Uint8Array} pixels `[channels, height, width]`
   * @returns {Promise<{probabilities: number[], milliseconds: number, isOnGpu: boolean}[]>}
   */
  async predict(pixels) {
    await this.#restart();
    const answers = [];
    for (const model of this.models) {
      const image = normalised(pixels, model.scales);
      if (this.#isOnGpu) {
        try {
          answers.push(await timed(true, () => gpuPredict(this.#compiled[model.name], image)));
          continue;
        } catch (error) {
          this.#fallBack(`The GPU failed. ${error.message}`);
        }
      }
      answers.push(await timed(false, () => referencePredict(model, image)));
    }
    return answers;
  }

  /**
   * Makes a model's program, and compares what it and the reference make of the first sample: not every driver
   * computes as it should.
   */
  async #compile(model) {
    const { models } = await this.#programs;
    const program = await Program.compile(this.#shaders, models[model.name].predict);
    program.setWeights(model.weights);
    const image = normalised(this.sample, model.scales);
    const expected = referencePredict(model, image);
    const found = await gpuPredict(program, image);
    const differences = found.map((value, label) =>
      Object.is(value, expected[label]) ? 0 : Math.abs(value - expected[label]),
    );
    this.difference = Math.max(this.difference, ...differences);
    // Nor is NaN right, where the reference has none.
    if (!(this.difference <= TOLERANCE)) {
      throw new Error(`Its probabilities are wrong by up to ${this.difference.toPrecision(2)}.`);
    }
    this.#compiled[model.name] = program;
  }

  /** Leaves the GPU. The first trouble is the one to tell: others follow from it. */
  #fallBack(trouble, advice = []) {
    if (this.trouble) return;
    [this.trouble, this.advice] = [trouble, advice];
    this.#isOnGpu = false;
    this.#changed();
  }
}

async function gpuPredict(program, image) {
  const { probabilities } = await program.run({ image }, ['probabilities']);
  return [...probabilities];
}

async function timed(isOnGpu, compute) {
  const start = performance.now();
  const probabilities = [...(await compute())];
  return { probabilities, milliseconds: performance.now() - start, isOnGpu };
}
