// Compiles shaders by Dawn's Tint under WebGPU's default limits, on no GPU. Reads a list of `{"kernel": …, "wgsl": …}`
// from stdin; writes what is wrong, and the limits, as JSON. Argument: the folder with the npm package `webgpu`.

import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const require = createRequire(pathToFileURL(`${process.argv[2]}/package.json`));
const { create, globals } = await import(pathToFileURL(require.resolve('webgpu')));
Object.assign(globalThis, globals);
// It must outlive the device.
globalThis.dawn = create(['backend=null']);
const adapter = await globalThis.dawn.requestAdapter();
const device = await adapter.requestDevice();

let input = '';
for await (const chunk of process.stdin) input += chunk;
const faults = [];
for (const { kernel, wgsl } of JSON.parse(input)) {
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code: wgsl });
  device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint: 'main' } });
  const error = await device.popErrorScope();
  if (error) faults.push(`${kernel}: ${error.message}`);
}
const { maxStorageBuffersPerShaderStage, maxComputeWorkgroupStorageSize, maxComputeInvocationsPerWorkgroup } =
  device.limits;
const limits = [maxStorageBuffersPerShaderStage, maxComputeWorkgroupStorageSize, maxComputeInvocationsPerWorkgroup];
device.destroy();
process.stdout.write(JSON.stringify({ faults, limits }), () => {
  // Dawn's own clean-up may crash.
  process.reallyExit(0);
});
