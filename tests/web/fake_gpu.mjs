// A GPU that computes nothing and takes its time: every value that is read is 1, every step takes as long as it says.

globalThis.GPUBufferUsage = { MAP_READ: 1, COPY_SRC: 4, COPY_DST: 8, STORAGE: 128 };
globalThis.GPUMapMode = { READ: 1 };
globalThis.GPUOutOfMemoryError = class extends Error {};
globalThis.isSecureContext = true;

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Gives pages this device, `limits` besides those that are endless. */
export function give(device, limits = {}) {
  const all = new Proxy(limits, { get: (own, name) => own[name] ?? 2 ** 40 });
  const adapter = { limits: all, info: {}, requestDevice: async () => device };
  const gpu = { requestAdapter: async () => adapter };
  Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true });
}

export class FakeDevice {
  limits = new Proxy({}, { get: () => 2 ** 40 });
  /** Passes that were submitted so far. */
  passes = 0;
  /** The most milliseconds of work that waited at a time. */
  longestQueue = 0;
  #milliseconds;
  #error;
  #free = 0;
  #lose;

  /** Each pass takes so long; `error` is what its first pipeline ends in. */
  constructor(milliseconds, { error = null } = {}) {
    this.#milliseconds = milliseconds;
    this.#error = error;
    this.lost = new Promise((resolve) => {
      this.#lose = resolve;
    });
    const submit = (passes) => {
      this.passes += passes.reduce((sum, count) => sum + count, 0);
      const work = passes.reduce((sum, count) => sum + count, 0) * this.#milliseconds;
      this.#free = Math.max(this.#free, performance.now()) + work;
      this.longestQueue = Math.max(this.longestQueue, this.#free - performance.now());
    };
    this.queue = { writeBuffer() {}, submit };
  }

  lose(message = 'it fell off') {
    this.isLost = true;
    this.#lose({ message });
  }

  destroy() {}
  pushErrorScope() {}
  async popErrorScope() {
    const error = this.#error;
    this.#error = null;
    return error;
  }
  createShaderModule() {}
  async createComputePipelineAsync() {
    return { getBindGroupLayout() {} };
  }
  createBindGroup() {}

  createBuffer({ size, usage }) {
    const mapAsync = async () => {
      while (this.#free > performance.now() && !this.isLost) await sleep(1);
      if (this.isLost) throw new Error('the device is lost');
    };
    const getMappedRange = () => new Float32Array(size / 4).fill(1).buffer;
    return { size, usage, destroy() {}, mapAsync, getMappedRange };
  }

  createCommandEncoder() {
    let passes = 0;
    const pass = { setPipeline() {}, setBindGroup() {}, dispatchWorkgroups() {}, end() {} };
    const beginComputePass = () => {
      passes++;
      return pass;
    };
    return { beginComputePass, copyBufferToBuffer() {}, finish: () => passes };
  }
}
