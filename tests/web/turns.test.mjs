// Kernels in turns are the kernels that the project has, and launches that gain nothing stay as they are.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

import { inTurns } from '../../src/web/page/turns.js';

const SHADERS = new URL('../../shaders/', import.meta.url);
const kernels = readdirSync(SHADERS, { recursive: true })
  .filter((name) => name.endsWith('.wgsl'))
  .map((name) => ({ name, code: readFileSync(new URL(name, SHADERS), 'utf8') }))
  .filter(({ code }) => code.includes('fn main('));
const MEMORY = 'var<workgroup> more: array<f32, 4>;\n';

test('every kernel that is told its workgroup can take turns', () => {
  const turned = [];
  for (const { name, code } of kernels) {
    const { code: text, grid } = inTurns({ code: MEMORY + code, grid: [5, 7, 3] });
    const builtins = [...code.matchAll(/@builtin\((\w+)\)/g)].map(([, builtin]) => builtin);
    const toldGrid = builtins.includes('num_workgroups');
    if (!builtins.includes('workgroup_id')) {
      assert.deepEqual(grid, [5, 7, 3], name);
      continue;
    }
    assert.deepEqual(grid, [16, 1, 1], name);
    assert.equal(text.match(/fn main\(/g).length, 1, name);
    assert.match(text, /turn < 105u; turn \+= workgroups\.x/);
    assert.match(text, /let grid = vec3<u32>\(5, 7, 3\)/);
    assert.equal(text.includes('take_turn(workgroup, grid, local)'), toldGrid, name);
    const [, size] = code.match(/@workgroup_size\((.+)\)/);
    assert.ok(text.includes(`@workgroup_size(${size})`), name);
    turned.push(name);
  }
  assert.ok(turned.length >= 10 && turned.includes('adamw/step_of_sums.wgsl'), turned.join());
});

test('few workgroups, and kernels without memory, stay as they are', () => {
  const { code } = kernels.find(({ name }) => name.endsWith('tiled_conv.wgsl'));
  for (const launch of [
    { code: MEMORY + code, grid: [4, 2, 2] },
    { code: code.replaceAll('var<workgroup>', 'var<private>'), grid: [5, 7, 3] },
  ]) {
    assert.deepEqual(inTurns(launch), launch);
  }
});
