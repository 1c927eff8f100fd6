// The GPU: getting it, and running programs on it.

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
 * A device that can run programs with these needs, and what is worth telling of it.
 *
 * Throws `NoGpu` where there is none.
 * @returns {Promise<{device: GPUDevice, name: string, limits: Object<string, number>}>}
 */
export async function openGpu(needs) {
  if (!globalThis.isSecureContext) {
    throw new NoGpu('Browsers give a page the GPU only if it came over https or was opened from the disk.');
  }
  if (!navigator.gpu) throw new NoGpu('This browser gives pages no WebGPU.', SWITCH_ON);
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) throw new NoGpu('This browser has WebGPU, but finds no GPU for it.', SWITCH_ON);
  for (const [limit, need] of Object.entries(needs)) {
    if (need > adapter.limits[limit]) {
      throw new NoGpu(`The models need ${limit} of ${need}; this GPU has ${adapter.limits[limit]}.`);
    }
  }
  let device;
  try {
    device = await adapter.requestDevice({ requiredLimits: needs });
  } catch (error) {
    throw new NoGpu(`The GPU cannot be used (${error.message}). Reload the page to try again.`);
  }
  const { description, vendor, architecture, device: id } = adapter.info ?? {};
  const name = [description, vendor, architecture, id].filter(Boolean).join(', ') || 'not named by the browser';
  const limits = Object.fromEntries(Object.keys(needs).map((limit) => [limit, device.limits[limit]]));
  return { device, name, limits };
}

/**
 * What `work` returns; throws if the device finds an error in it. Scopes of errors are a stack that others use too: so
 * `work` gives the device all there is to do before it waits for anything.
 */
async function checked(device, what, work) {
  const kinds = ['validation', 'out-of-memory', 'internal'];
  kinds.forEach((kind) => device.pushErrorScope(kind));
  const result = (async () => work())();
  // Of what it fails of, the scopes tell the cause.
  result.catch(() => {});
  const errors = await Promise.all(kinds.map(() => device.popErrorScope()));
  const error = errors.find(Boolean);
  if (error) throw new Error(`${what}: ${error.message || 'the GPU has not enough memory'}`);
  return result;
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
   * Makes a program of its description in the page's data. `weights` are what its buffers begin with.
   * @param {GPUDevice} device
   * @param {Float32Array} weights
   * @returns {Promise<Program>}
   */
  static async compile(device, description, weights) {
    const pipelines = await Promise.all(
      description.pipelines.map(({ name, code }) =>
        checked(device, name, () =>
          device.createComputePipelineAsync({
            label: name,
            layout: 'auto',
            compute: { module: device.createShaderModule({ label: name, code }), entryPoint: 'main' },
          }),
        ),
      ),
    );
    return checked(device, 'Buffers', () => {
      const buffers = description.buffers.map((buffer) => madeBuffer(device, buffer, weights));
      const launches = description.launches.map(({ pipeline, bindings, grid }) => ({
        pipeline: pipelines[pipeline],
        bindings: device.createBindGroup({
          layout: pipelines[pipeline].getBindGroupLayout(0),
          entries: bindings.map(([buffer, offset, size], binding) => ({
            binding,
            resource: { buffer: buffers[buffer], offset, size },
          })),
        }),
        grid,
      }));
      return new Program(device, description, buffers, launches);
    });
  }

  /**
   * Writes the inputs, launches the kernels and reads the outputs, all by name.
   * @param {Object<string, Float32Array>} inputs
   * @param {string[]} outputs
   * @returns {Promise<Object<string, Float32Array>>}
   */
  async run(inputs, outputs) {
    const readable = await checked(this.#device, 'A run', () => this.#submit(inputs, outputs));
    const results = {};
    for (const [name, buffer] of readable) {
      await buffer.mapAsync(GPUMapMode.READ);
      results[name] = new Float32Array(buffer.getMappedRange().slice(0));
      buffer.destroy();
    }
    return results;
  }

  /** Gives the device all of a run's work; returns the buffers that the outputs will be in. */
  #submit(inputs, outputs) {
    for (const [name, values] of Object.entries(inputs)) {
      this.#device.queue.writeBuffer(this.#buffers[this.#description.inputs[name]], 0, values);
    }
    const encoder = this.#device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (const { pipeline, bindings, grid } of this.#launches) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindings);
      pass.dispatchWorkgroups(...grid);
    }
    pass.end();
    const readable = outputs.map((name) => {
      const from = this.#buffers[this.#description.outputs[name]];
      const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
      const to = this.#device.createBuffer({ size: from.size, usage });
      encoder.copyBufferToBuffer(from, 0, to, 0, from.size);
      return [name, to];
    });
    this.#device.queue.submit([encoder.finish()]);
    return readable;
  }
}

function madeBuffer(device, { name, bytes, weights: first }, weights) {
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
  const buffer = device.createBuffer({ label: name, size: bytes, usage });
  if (first !== undefined) device.queue.writeBuffer(buffer, 0, weights, first, bytes / 4);
  return buffer;
}
