// The GPU: getting it, and running programs on it.

import { inTurns } from './turns.js';

/** Why there is no GPU, for the user, and what may help. */
export class NoGpu extends Error {
  constructor(message, advice = []) {
    super(message);
    this.advice = advice;
  }
}

const SWITCH_ON = [
  'Chrome and Edge: update the browser, and switch on “Use graphics acceleration when available” in its settings. ' +
    'On Linux also switch on chrome://flags/#enable-unsafe-webgpu and chrome://flags/#enable-vulkan.',
  'Firefox: update the browser; where that does not help, set dom.webgpu.enabled to true in about:config.',
  'Safari: from version 26 on it is there; before, switch on WebGPU among the feature flags in its settings.',
];

const SMALLER = 'write a page for smaller models or, to train, with a smaller --batch-size';

/** What every device with WebGPU grants, and the kernels are made for. */
const KERNEL_NEEDS = { maxComputeWorkgroupStorageSize: 16_384, maxComputeInvocationsPerWorkgroup: 256 };

/** What programs need of a device's limits, by the limits' names. */
export function needsOf(programs) {
  const largest = (numbers) => Math.max(0, ...numbers);
  const bindings = programs.flatMap(({ launches }) => launches.map((launch) => launch.bindings));
  return {
    ...KERNEL_NEEDS,
    maxStorageBuffersPerShaderStage: largest(bindings.map((list) => list.length)),
    maxStorageBufferBindingSize: largest(bindings.flat().map(([, , bytes]) => bytes)),
    maxBufferSize: largest(programs.flatMap(({ buffers }) => buffers.map(({ bytes }) => bytes))),
    maxComputeWorkgroupsPerDimension: largest(programs.flatMap(({ launches }) => launches.flatMap(({ grid }) => grid))),
  };
}

/**
 * A device that can run programs with these needs, and what is worth telling of it: its limits are the adapter's.
 *
 * Throws `NoGpu` where there is none.
 * @returns {Promise<{device: GPUDevice, isSoftware: boolean, name: string, limits: Object<string, number>}>}
 */
export async function openGpu(needs) {
  if (!globalThis.isSecureContext) {
    throw new NoGpu('Browsers give a page the GPU only if it came over https or was opened from the disk.');
  }
  if (!navigator.gpu) throw new NoGpu('This browser gives pages no WebGPU.', SWITCH_ON);
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) throw new NoGpu('This browser has WebGPU, but finds no GPU for it.', SWITCH_ON);
  for (const [limit, need] of Object.entries(needs)) {
    if (need <= adapter.limits[limit]) continue;
    const [most, least] = [adapter.limits[limit], need].map((number) => number.toLocaleString('en'));
    throw new NoGpu(`The models are too large for this GPU: its ${limit} is ${most}, they need ${least} — ${SMALLER}.`);
  }
  let device;
  try {
    const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
    // Images to train on may take all there is.
    device = await adapter.requestDevice({ requiredLimits: { ...needs, maxBufferSize, maxStorageBufferBindingSize } });
  } catch (error) {
    throw new NoGpu(`The GPU cannot be used (${error.message}). Reload the page to try again.`);
  }
  const { description, vendor, architecture, device: id } = adapter.info ?? {};
  const name = [description, vendor, architecture, id].filter(Boolean).join(', ') || 'not named by the browser';
  const limits = Object.fromEntries(Object.keys(needs).map((limit) => [limit, adapter.limits[limit]]));
  return { device, isSoftware: adapter.info?.isFallbackAdapter ?? false, name, limits };
}

/**
 * What `work` returns; throws if the device finds an error in it. Scopes of errors are a stack that others use too: so
 * `work` gives the device all there is to do before it waits for anything.
 */
export async function checked(device, what, work) {
  const kinds = ['validation', 'out-of-memory', 'internal'];
  kinds.forEach((kind) => device.pushErrorScope(kind));
  const result = (async () => work())();
  // Of what it fails of, the scopes tell the cause.
  result.catch(() => {});
  const errors = await Promise.all(kinds.map(() => device.popErrorScope()));
  const error = errors.find(Boolean);
  if (error instanceof GPUOutOfMemoryError) {
    const remedy = `close what else uses it, take fewer images, or ${SMALLER}`;
    throw new Error(`${what}: the GPU has not enough memory — ${remedy}`);
  }
  if (error) throw new Error(`${what}: ${error.message}`);
  return result;
}

/** The shaders of a page on a GPU: each is compiled once, when it is first needed. */
export class Shaders {
  #shaders;
  #isSoftware;
  #pipelines = new Map();

  /** @param {{device: GPUDevice, isSoftware: boolean}} gpu */
  constructor({ device, isSoftware }, shaders) {
    this.device = device;
    this.#isSoftware = isSoftware;
    this.#shaders = shaders;
  }

  /**
   * The shader of this number, and the workgroups that it is launched with, of so many in a program.
   * @returns {Promise<{pipeline: GPUComputePipeline, grid: number[]}>}
   */
  async launch(number, grid) {
    const { name, code } = this.#shaders[number];
    const launch = this.#isSoftware ? inTurns({ code, grid }) : { code, grid };
    if (!this.#pipelines.has(launch.code)) this.#pipelines.set(launch.code, this.#compile(name, launch.code));
    return { pipeline: await this.#pipelines.get(launch.code), grid: launch.grid };
  }

  #compile(name, code) {
    const { device } = this;
    return checked(device, name, () =>
      device.createComputePipelineAsync({
        label: name,
        layout: 'auto',
        compute: { module: device.createShaderModule({ label: name, code }), entryPoint: 'main' },
      }),
    );
  }
}

/** Buffers, and kernels that are launched on them one after the other: always the same ones. */
export class Program {
  #device;
  #description;
  #buffers;
  #launches;

  /** Use `Program.compile`. */
  constructor(device, description, buffers, launches) {
    this.#device = device;
    this.#description = description;
    this.#buffers = buffers;
    this.#launches = launches;
  }

  /**
   * Makes a program of its description in the page's data. `shared` are buffers that stand for inputs of these names,
   * of whatever size.
   * @param {Shaders} shaders
   * @param {Object<string, GPUBuffer>} shared
   * @returns {Promise<Program>}
   */
  static async compile(shaders, description, shared = {}) {
    const compiled = await Promise.all(
      description.launches.map(({ pipeline, grid }) => shaders.launch(pipeline, grid)),
    );
    const { device } = shaders;
    return checked(device, 'Buffers', () => {
      const others = new Map(
        Object.entries(shared)
          .filter(([name]) => name in description.inputs)
          .map(([name, buffer]) => [description.inputs[name], buffer]),
      );
      const buffers = description.buffers.map(
        ({ name, bytes }, index) => others.get(index) ?? madeBuffer(device, name, bytes),
      );
      const launches = description.launches.map(({ bindings }, index) => ({
        ...compiled[index],
        bindings: device.createBindGroup({
          layout: compiled[index].pipeline.getBindGroupLayout(0),
          entries: bindings.map(([index, offset, size], binding) => ({
            binding,
            resource: others.has(index) ? { buffer: buffers[index] } : { buffer: buffers[index], offset, size },
          })),
        }),
      }));
      return new Program(device, description, buffers, launches);
    });
  }

  /** Fills the buffers that begin with weights. */
  setWeights(weights) {
    this.#description.buffers.forEach(({ weights: first, bytes }, index) => {
      if (first !== undefined) this.#device.queue.writeBuffer(this.#buffers[index], 0, weights, first, bytes / 4);
    });
  }

  /** The buffer of an input or output; undefined if there is none of this name. */
  buffer(name) {
    const { inputs, outputs } = this.#description;
    return this.#buffers[inputs[name] ?? outputs[name]];
  }

  /** Launches all kernels in a pass of their own. */
  launch(encoder) {
    const pass = encoder.beginComputePass();
    for (const { pipeline, bindings, grid } of this.#launches) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindings);
      pass.dispatchWorkgroups(...grid);
    }
    pass.end();
  }

  /**
   * Writes the inputs, launches the kernels and reads the outputs, all by name.
   * @param {Object<string, Float32Array | Uint32Array>} inputs
   * @param {string[]} outputs
   * @returns {Promise<Object<string, Float32Array>>}
   */
  async run(inputs, outputs) {
    const read = await checked(this.#device, 'A run', () => {
      for (const [name, values] of Object.entries(inputs)) {
        this.#device.queue.writeBuffer(this.buffer(name), 0, values);
      }
      const encoder = this.#device.createCommandEncoder();
      this.launch(encoder);
      const readings = outputs.map((name) => {
        const reading = new Reading(this.#device, this.buffer(name).size);
        reading.add(encoder, this.buffer(name));
        return reading;
      });
      this.#device.queue.submit([encoder.finish()]);
      return readings;
    });
    const values = await Promise.all(read.map((reading) => reading.values()));
    return Object.fromEntries(outputs.map((name, index) => [name, values[index]]));
  }
}

/** Values that are copied, one behind the other, to where the page can read them. */
export class Reading {
  #buffer;
  #end = 0;

  constructor(device, bytes) {
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    this.#buffer = device.createBuffer({ size: bytes, usage });
  }

  /** Copies a buffer's values, as they are when the device comes to it. */
  add(encoder, buffer) {
    encoder.copyBufferToBuffer(buffer, 0, this.#buffer, this.#end, buffer.size);
    this.#end += buffer.size;
  }

  /** All of them, when the device has come so far. @returns {Promise<Float32Array>} */
  async values() {
    await this.#buffer.mapAsync(GPUMapMode.READ);
    const values = new Float32Array(this.#buffer.getMappedRange().slice(0));
    this.#buffer.destroy();
    return values;
  }
}

/** A buffer for kernels, of zeros. */
export function madeBuffer(device, label, size) {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
  return device.createBuffer({ label, size, usage });
}

/** A buffer for kernels that holds these values. */
export function filledBuffer(device, label, values) {
  const buffer = madeBuffer(device, label, values.byteLength);
  device.queue.writeBuffer(buffer, 0, values);
  return buffer;
}
