// A training on one page: both models in turns, epoch by epoch, with pauses, and what is shown of it.

import { checked, needsOf, openGpu, Shaders } from './device.js';
import { Learner } from './learner.js';
import { coarser, measured, secondsLeft } from './progress.js';
import { shuffled } from './random.js';
import { measuredChannels } from './step.js';
import { uploaded } from './upload.js';
import { decodeModel } from './weights.js';

// Milliseconds of work that the device is given at a time; twice as much waits at most.
const PORTION = 100;
// Seconds. Of longer steps one is given at a time, so that a pause does not wait for two.
const LONG_STEP = 0.2;
// Steps at a time at most.
const MOST_STEPS = 256;
// Points of a curve at most.
const MOST_CURVE = 2000;

/** A training that can be paused. `state` says how far it is, and is changed in place. */
export class Training {
  #programs;
  #data;
  #dataset;
  #changed;
  #run;
  #start;
  #gpu = null;
  // The latest one, which may not have come so far.
  #device = null;
  #lost = null;
  #learners = [];
  // Of each model: sums of the epoch so far, steps at a time, seconds of a step and of an image's evaluation.
  #work;
  // Of each model, after its last whole epoch or when it was paused last: its state, the step, the sums.
  #saved = [];
  // Of each model, what was evaluated last: weights, and what becomes of a byte.
  #evaluated = [];
  #isPausing = false;
  #isClosed = false;

  /**
   * @param {Promise<object>} programs what `decodePrograms` promises
   * @param {object} data the page's
   * @param {Dataset} dataset
   * @param {{epochs: number, start: 'scratch' | 'trained', models: string[]}} options
   * @param {() => void} changed called whenever `state` has changed, some times a second
   */
  constructor(programs, data, dataset, { epochs, start, models }, changed) {
    this.#programs = programs;
    this.#data = data;
    this.#dataset = dataset;
    this.#changed = changed;
    this.#start = start;
    const { batch_size: batchSize, evaluation_batch: evaluationBatch, seed } = data.training;
    this.#run = {
      epochs,
      batchSize,
      evaluationBatch,
      seed,
      shape: data.shape,
      classes: data.class_names.length,
      channels: dataset.channels ?? (start === 'trained' ? data.channels : measuredChannels(dataset.train, data.shape)),
      labels: dataset.train.labels,
    };
    const steps = Math.floor(dataset.train.len / batchSize);
    this.state = {
      phase: 'ready',
      trouble: null,
      advice: [],
      canGoOn: true,
      // Whether there is something to go on from.
      isKept: false,
      model: models[0],
      secondsLeft: null,
      models: models.map((name) => ({
        name,
        // Its number among all models of the page.
        color: data.training.models.findIndex((model) => model.name === name),
        ...{ epochs, epoch: 0, step: 0, steps, imagesPerSecond: null, curve: [], history: [], test: null },
      })),
    };
    this.#work = models.map(() => ({ ...UNTRIED, sums: NO_SUMS }));
  }

  /** Trains until the end, a pause or an error. Called again, it goes on. */
  async run() {
    this.#isPausing = false;
    this.state.trouble = null;
    try {
      if (!this.#gpu) await this.#open();
      if (!this.#isClosed) await this.#trainAll();
    } catch (error) {
      // That the device is lost may be told after what fails of it.
      await new Promise((resolve) => setTimeout(resolve, 100));
      this.#fail(error);
    }
    this.#changed();
  }

  /** Stops with this error. What goes on begins where it was saved: steps of which nobody heard count for nothing. */
  #fail(error) {
    this.#gpu = null;
    this.state.phase = 'failed';
    this.state.canGoOn = !(error instanceof Diverged);
    this.state.isKept = this.#saved.some(Boolean);
    this.state.trouble = this.#lost === null ? error.message : this.#lossText();
    this.state.advice = error.advice ?? [];
  }

  #lossText() {
    const next = this.state.isKept
      ? 'go on: it continues from its last whole epoch, or from where it was paused after that'
      : 'try again: it begins anew, as no epoch had ended';
    return `The GPU was lost (${this.#lost || 'no reason given'}) — ${next}`;
  }

  /** Makes `run` come to an end soon. */
  pause() {
    this.#isPausing = true;
  }

  /** A model as it was measured last: as the page's trained ones are. */
  trained(name) {
    const index = this.state.models.findIndex((model) => model.name === name);
    const { layers } = this.#modelData(name);
    const { test } = this.state.models[index];
    const { weights, scales } = this.#evaluated[index];
    return { name, layers, scales, weights, test_accuracy: test?.accuracy ?? null };
  }

  /** Gives the memory of the device back. */
  close() {
    this.#isClosed = true;
    this.#device?.destroy();
    this.#gpu = null;
  }

  #modelData(name) {
    return this.#data.training.models.find((model) => model.name === name);
  }

  #enter(phase, model) {
    this.state.phase = phase;
    this.state.model = model.name;
    this.#changed();
  }

  async #open() {
    const { shaders, models } = await this.#programs;
    const { state } = this;
    this.#enter('compiling', state.models[0]);
    this.#lost = null;
    this.state.secondsLeft = null;
    const needs = needsOf(state.models.flatMap(({ name }) => Object.values(models[name])));
    const opened = await openGpu(needs);
    const { device } = opened;
    this.#device?.destroy();
    this.#device = device;
    device.lost.then(({ message }) => {
      if (this.#isClosed || this.#device !== device) return;
      this.#lost = message;
      // In a pause nobody waits for anything of it.
      if (this.state.phase !== 'paused') return;
      this.#fail(new Error(message));
      this.#changed();
    });
    const { train, validation, test } = this.#dataset;
    const parts = [train, validation, test].filter(Boolean);
    const images = await checked(device, 'Images', () => uploaded(device, parts, this.#run.evaluationBatch));
    const gpu = { device, shaders: new Shaders(opened, shaders), ...images };
    const trained = this.#start === 'trained' ? this.#data.models.map(decodeModel) : [];
    this.#learners = await Promise.all(
      state.models.map(({ name }) => {
        const weights = trained.find((model) => model.name === name)?.weights;
        return Learner.compile(gpu, this.#modelData(name), models[name], this.#run, weights);
      }),
    );
    state.models.forEach((model, index) => this.#returnTo(model, index));
    this.#gpu = gpu;
    if (this.#isClosed) this.close();
  }

  /** Puts a model where it was saved last, on a device of which nothing is known yet. */
  #returnTo(model, index) {
    const { state, step, sums } = this.#saved[index] ?? { state: null, step: 0, sums: NO_SUMS };
    if (state) this.#learners[index].restore(state);
    model.step = step;
    model.curve = model.curve.filter(({ at }) => at <= model.epoch + step / model.steps);
    this.#work[index] = { ...UNTRIED, sums };
    // In the order of its last epoch it is measured.
    const { labels, seed } = this.#run;
    this.#learners[index].setOrder(shuffled(labels.length, seed, step ? model.epoch + 1 : Math.max(model.epoch, 1)));
  }

  async #trainAll() {
    const { models } = this.state;
    for (;;) {
      const epoch = Math.min(...models.map((model) => model.epoch));
      if (epoch === this.#run.epochs) break;
      const index = models.findIndex((model) => model.epoch === epoch);
      if (this.#isPausing || !(await this.#trainEpoch(index))) return this.#enter('paused', models[index]);
    }
    for (const [index, model] of models.entries()) {
      if (model.test || !this.#dataset.test) continue;
      this.#enter('testing', model);
      const { train, validation, test } = this.#dataset;
      model.test = await this.#evaluate(index, test, train.len + validation.len);
      if (!model.test) return this.#enter('paused', model);
      this.#tellTimeLeft();
    }
    this.state.secondsLeft = 0;
    this.#enter('done', models[0]);
  }

  /** The rest of a model's epoch, and its validation; false if that was paused. */
  async #trainEpoch(index) {
    const model = this.state.models[index];
    const work = this.#work[index];
    const learner = this.#learners[index];
    this.#enter('training', model);
    if (model.step === 0) {
      work.sums = NO_SUMS;
      learner.setOrder(shuffled(this.#run.labels.length, this.#run.seed, model.epoch + 1));
    }
    await this.#trainSteps(index);
    const validated = model.step === model.steps ? await this.#validate(index) : null;
    // Before an epoch counts: where the GPU is lost meanwhile, it is done again.
    const state = await learner.state();
    if (!validated) {
      this.#saved[index] = { state, step: model.step, sums: work.sums };
      return false;
    }
    const { loss, right, images, seconds } = work.sums;
    model.epoch++;
    model.step = 0;
    model.history.push({
      epoch: model.epoch,
      train_loss: loss / images,
      train_accuracy: right / images,
      validation_loss: validated.loss,
      validation_accuracy: validated.accuracy,
      seconds,
    });
    this.#saved[index] = { state, step: 0, sums: NO_SUMS };
    this.#tellTimeLeft();
    return true;
  }

  #validate(index) {
    this.#enter('validating', this.state.models[index]);
    const { train, validation } = this.#dataset;
    return this.#evaluate(index, validation, train.len);
  }

  /** Steps until the end of the epoch or a pause. While the device does some, it is given the next ones. */
  async #trainSteps(index) {
    const model = this.state.models[index];
    const work = this.#work[index];
    let clock = performance.now();
    let submitted = model.step;
    const waiting = [];
    while (waiting.length || (submitted < model.steps && !this.#isPausing)) {
      const most = (work.stepSeconds ?? Infinity) > LONG_STEP ? 1 : 2;
      if (waiting.length < most && submitted < model.steps && !this.#isPausing) {
        const count = Math.min(work.count, model.steps - submitted);
        waiting.push([count, this.#learners[index].submitSteps(model.epoch + 1, submitted, count)]);
        submitted += count;
        continue;
      }
      const [count, tallies] = waiting.shift();
      const values = await tallies;
      const seconds = (performance.now() - clock) / 1000;
      clock = performance.now();
      this.#count(index, count, values, seconds);
    }
  }

  /** Takes in what the device says of some steps. */
  #count(index, count, tallies, seconds) {
    const model = this.state.models[index];
    const work = this.#work[index];
    let [loss, right] = [0, 0];
    for (let i = 0; i < count; i++) {
      const [losses, hits, isFinite] = tallies.subarray(3 * i, 3 * i + 3);
      const at = `step ${model.step + i + 1} of epoch ${model.epoch + 1}`;
      if (!Number.isFinite(losses)) throw new Diverged(this.#divergence(index, `its loss is (${at})`));
      if (isFinite !== 1) throw new Error(`The GPU left out ${at} — try again: it does it once more`);
      loss += losses;
      right += hits;
    }
    const images = count * this.#run.batchSize;
    const { sums } = work;
    work.sums = {
      loss: sums.loss + loss,
      right: sums.right + right,
      images: sums.images + images,
      seconds: sums.seconds + seconds,
    };
    work.stepSeconds = seconds / count;
    const fitting = Math.round((count * PORTION) / 1000 / seconds) || 1;
    work.count = Math.min(fitting, 2 * work.count, MOST_STEPS);
    model.step += count;
    model.imagesPerSecond = work.sums.images / work.sums.seconds;
    model.curve.push({ at: model.epoch + model.step / model.steps, loss: loss / images, accuracy: right / images });
    if (model.curve.length > MOST_CURVE) model.curve = coarser(model.curve);
    this.#tellTimeLeft();
    this.#changed();
  }

  /** Loss, accuracy and confusion matrix on a part whose images begin at `first`; null if that was paused. */
  async #evaluate(index, { labels, len }, first) {
    const clock = performance.now();
    const { classes } = this.#run;
    const probabilities = await this.#learners[index].predict(first, len, () => !this.#isPausing);
    if (!probabilities) return null;
    if (!probabilities.every(Number.isFinite)) throw new Diverged(this.#divergence(index, 'its probabilities are'));
    const { weights, scales } = this.#learners[index];
    this.#evaluated[index] = { weights, scales };
    this.#work[index].imageSeconds = (performance.now() - clock) / 1000 / len;
    return measured(probabilities, labels, classes);
  }

  #divergence(index, what) {
    return (
      `The ${this.state.models[index].name} model came apart: ${what} no longer a number — start anew without it, or ` +
      'write a page with a smaller --learning-rate'
    );
  }

  #tellTimeLeft() {
    const { train, validation, test } = this.#dataset;
    const lens = { train: train.len, validation: validation.len, test: test?.len ?? 0 };
    this.state.secondsLeft = secondsLeft(this.state.models, this.#work, lens);
  }
}

const NO_SUMS = { loss: 0, right: 0, images: 0, seconds: 0 };
/** What is known of a model on a device that has done nothing yet. */
const UNTRIED = { count: 1, stepSeconds: null, imageSeconds: null };

class Diverged extends Error {}
