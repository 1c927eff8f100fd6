// One model while it learns, on the GPU.

import { Program, Reading } from './device.js';
import { firstWeights, sizesOf } from './random.js';
import { adamNumbers, balancedWeights, learningRate, maskNumbers } from './step.js';
import { scalesOf, selectionNumbers, targetValues } from './step.js';

// What the normalisation divides by is measured on as many batches: see src/train/learner/evaluation.rs.
const MEASURED_BATCHES = 16;
const MEASURED_PIXELS = 16 * 1024;
const AUGMENTED_DIVISOR = 4;
// Added to mean squares: see src/ops/channel_norm/mod.rs.
const NORM_EPSILON = 1e-5;
// How much of those on augmented images counts at least: see src/model/mod.rs.
const MIN_AUGMENTED_SHARE = 0.25;

/** A model, its programs, and how far it has come. */
export class Learner {
  /** Steps of the run so far. */
  time = 0;
  /** Weights for prediction, as `evaluate` measured them last, laid out as the layers say. */
  weights = null;
  #gpu;
  #model;
  #run;
  #train;
  #evaluate;
  #measure;
  #stepInputs;
  #numbers;

  /** Use `Learner.compile`. */
  constructor(gpu, model, run, [train, evaluate, measure]) {
    this.#gpu = gpu;
    this.#model = model;
    this.#run = run;
    [this.#train, this.#evaluate, this.#measure] = [train, evaluate, measure];
    this.scales = scalesOf(model.pixels, run.channels);
    const names = ['selection', 'hyper', ...masks(train)];
    this.#stepInputs = names.map((name) => train.buffer(name));
  }

  /**
   * A model with fresh weights, or with these.
   *
   * `gpu` has the device, the shaders, the buffers `images` and `labels` of all images and `inOrder` of their indices;
   * `model` is one of the page's `training.models`, `programs` are its own; `run` has what is the same for all models:
   * `epochs`, `batchSize`, `evaluationBatch`, `seed`, `shape`, `classes`, `channels`, and the labels to train on,
   * whose images are the first.
   */
  static async compile(gpu, model, programs, run, weights) {
    const { device, shaders, images, labels, inOrder } = gpu;
    const order = device.createBuffer({ size: inOrder.size, usage: inOrder.usage });
    const [train, evaluate, measure] = await Promise.all([
      Program.compile(shaders, programs.train, { images, labels, order }),
      Program.compile(shaders, programs.evaluate, { images, labels, order: inOrder }),
      programs.measure && Program.compile(shaders, programs.measure, { images, labels, order }),
    ]);
    const learner = new Learner(gpu, model, run, [train, evaluate, measure]);
    learner.#begin(weights ?? firstWeights(model.layers, run.seed));
    return learner;
  }

  #write(name, values) {
    this.#gpu.device.queue.writeBuffer(this.#train.buffer(name), 0, values);
  }

  #begin(weights) {
    const { learning } = this.#model;
    const { shape, classes, labels } = this.#run;
    const parameters = new Float32Array(this.#train.buffer('parameters').size / 4);
    this.#eachParameter((first, start, len) => parameters.set(weights.subarray(first, first + len), start));
    for (const name of ['parameters', 'averages']) {
      if (this.#train.buffer(name)) this.#write(name, parameters);
    }
    this.#write('target_values', targetValues(learning, shape, classes));
    if (this.#train.buffer('class_weights')) {
      this.#write('class_weights', balancedWeights(learning, labels, classes));
    }
  }

  /** Calls `take(first, start, len)` for each weight and bias: where it lies among all weights, and in a step's buffer. */
  #eachParameter(take) {
    this.#model.layers.forEach((layer, number) => {
      const { weight, bias } = sizesOf(layer);
      take(layer.weight, this.#model.starts[2 * number], weight);
      take(layer.bias, this.#model.starts[2 * number + 1], bias);
    });
  }

  /** Steps of an epoch: whole batches only. */
  get steps() {
    return Math.floor(this.#run.labels.length / this.#run.batchSize);
  }

  /** Says in which order the next steps take the images. */
  setOrder(order) {
    // A batch to measure by may be larger than all there are.
    const len = Math.min(this.#train.buffer('order').size / 4, Math.max(order.length, this.#run.evaluationBatch));
    this.#write('order', Uint32Array.from({ length: len }, (_, at) => order[at % order.length]));
  }

  /**
   * Gives the device the next steps of an epoch, so many from number `step` on.
   * @returns {Promise<Float32Array>} of each step the sum of losses, the images that were right, and 1
   */
  submitSteps(epoch, step, count) {
    const { device } = this.#gpu;
    const numbers = this.#stepNumbers(epoch, step, count);
    if (!(this.#numbers?.size >= numbers.byteLength)) {
      this.#numbers?.destroy();
      const usage = GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
      this.#numbers = device.createBuffer({ label: 'numbers of steps', size: numbers.byteLength, usage });
    }
    device.queue.writeBuffer(this.#numbers, 0, numbers);
    const tally = this.#train.buffer('tally');
    const reading = new Reading(device, count * tally.size);
    const encoder = device.createCommandEncoder();
    let at = 0;
    for (let i = 0; i < count; i++) {
      for (const buffer of this.#stepInputs) {
        encoder.copyBufferToBuffer(this.#numbers, at, buffer, 0, buffer.size);
        at += buffer.size;
      }
      this.#train.launch(encoder);
      reading.add(encoder, tally);
    }
    device.queue.submit([encoder.finish()]);
    this.time += count;
    const values = reading.values();
    // Whoever waits for it hears of it.
    values.catch(() => {});
    return values;
  }

  /** What the inputs of these steps are, one behind the other. */
  #stepNumbers(epoch, step, count) {
    const { learning } = this.#model;
    const { epochs, batchSize, seed } = this.#run;
    const bytes = this.#stepInputs.reduce((sum, buffer) => sum + buffer.size, 0);
    const numbers = new Uint8Array(bytes * count);
    let at = 0;
    const put = (values) => {
      numbers.set(new Uint8Array(values.buffer), at);
      at += values.byteLength;
    };
    for (let i = 0; i < count; i++) {
      const time = this.time + i;
      put(this.#selection((step + i) * batchSize, batchSize, epoch, learning.augment));
      put(adamNumbers(learning, learningRate(learning, time, epochs, this.steps), time + 1));
      masks(this.#train).forEach((_, layer) => put(maskNumbers(learning, seed, time, layer)));
    }
    return numbers;
  }

  #selection(first, len, epoch, augment) {
    const { scales } = this;
    const { seed, channels, shape } = this.#run;
    return selectionNumbers({ first, len, seed, epoch, augment, scales, channels, shape });
  }

  /** Measures the weights for prediction: averaged, and with the normalisation in them. */
  async #measureWeights() {
    const { layers, learning, normalize } = this.#model;
    const parameters = await this.read(learning.average_decay === null ? 'parameters' : 'averages');
    const last = layers.at(-1);
    const weights = new Float32Array(last.bias + last.outputs);
    this.#eachParameter((first, start, len) => weights.set(parameters.subarray(start, start + len), first));
    if (normalize) await this.#fold(weights);
    this.#evaluate.setWeights(weights);
    this.weights = weights;
  }

  /** Divides each block's weights by what its output is to be divided by, one block after the other. */
  async #fold(weights) {
    const { shape, evaluationBatch, labels } = this.#run;
    const { augment } = this.#model.learning;
    const all = Math.max(Math.floor(labels.length / evaluationBatch), 1);
    const pixels = shape.height * shape.width;
    const enough = Math.min(Math.max(Math.floor(MEASURED_PIXELS / pixels), 1), MEASURED_BATCHES);
    const isAugmented = Object.values(augment ?? {}).some(Boolean);
    const blocks = this.#model.layers.filter(({ kind }) => kind === 'block');
    for (const [number, block] of blocks.entries()) {
      this.#measure.setWeights(weights);
      const squares = await this.#meanSquares(number, Math.min(enough, all), null);
      if (isAugmented) {
        const fewer = Math.min(Math.ceil(enough / AUGMENTED_DIVISOR), all);
        const augmented = await this.#meanSquares(number, fewer, augment);
        augmented.forEach((square, channel) => {
          squares[channel] = Math.max(squares[channel], MIN_AUGMENTED_SHARE * square);
        });
      }
      const { weight, bias } = sizesOf(block);
      const inputs = weight / bias;
      squares.forEach((square, channel) => {
        const factor = 1 / Math.sqrt(square + NORM_EPSILON);
        const first = block.weight + channel * inputs;
        for (let index = first; index < first + inputs; index++) weights[index] *= factor;
        weights[block.bias + channel] *= factor;
      });
    }
  }

  /** The mean square of each channel of a block's output over `batches` to train on, which `augment` changes. */
  async #meanSquares(block, batches, augment) {
    const { evaluationBatch } = this.#run;
    const name = `factors ${block}`;
    let squares = null;
    for (let batch = 0; batch < batches; batch++) {
      const selection = this.#selection(batch * evaluationBatch, evaluationBatch, 0, augment);
      const { [name]: factors } = await this.#measure.run({ selection }, [name]);
      squares ??= new Float64Array(factors.length);
      factors.forEach((factor, channel) => {
        squares[channel] += (1 / factor ** 2 - NORM_EPSILON) / batches;
      });
    }
    return squares;
  }

  /**
   * Probabilities `[len, classes]` of images, from number `first` of all on, by the weights as they are now. Calls
   * `isWanted` between batches; where that is false, null is what comes of it.
   */
  async predict(first, len, isWanted) {
    await this.#measureWeights();
    const { evaluationBatch, classes } = this.#run;
    const probabilities = new Float32Array(len * classes);
    for (let at = 0; at < len; at += evaluationBatch) {
      if (!isWanted()) return null;
      const selection = this.#selection(first + at, evaluationBatch, 0, null);
      const { probabilities: found } = await this.#evaluate.run({ selection }, ['probabilities']);
      const rows = Math.min(evaluationBatch, len - at);
      probabilities.set(found.subarray(0, rows * classes), at * classes);
    }
    return probabilities;
  }

  /** One of a step's buffers. */
  async read(name) {
    const { device } = this.#gpu;
    const buffer = this.#train.buffer(name);
    const reading = new Reading(device, buffer.size);
    const encoder = device.createCommandEncoder();
    reading.add(encoder, buffer);
    device.queue.submit([encoder.finish()]);
    return reading.values();
  }

  /** All that its further course depends on. */
  async state() {
    const names = STATE.filter((name) => this.#train.buffer(name));
    const values = await Promise.all(names.map((name) => this.read(name)));
    return { time: this.time, buffers: names.map((name, index) => [name, values[index]]) };
  }

  /** Goes on from there. */
  restore({ time, buffers }) {
    this.time = time;
    for (const [name, values] of buffers) this.#write(name, values);
  }
}

const STATE = ['parameters', 'moments_1', 'moments_2', 'averages'];

/** The names of a program's dropout masks. */
function masks(program) {
  const names = [];
  while (program.buffer(`mask ${names.length}`)) names.push(`mask ${names.length}`);
  return names;
}
