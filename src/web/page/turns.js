// Kernels for an adapter that is the CPU itself. Before a workgroup begins, browsers clear its memory, which takes such
// an adapter longer than many a kernel takes for its work. So a launch has few workgroups, which are cleared once and
// take the work of many by turns.

/** As many as SwiftShader hands out among its threads. */
const WORKGROUPS = 16;

/** The beginning of a kernel whose workgroups have memory, as all of them are written. */
const ENTRY = new RegExp(
  [
    '@compute @workgroup_size\\((.+)\\)',
    'fn main\\(',
    '@builtin\\(workgroup_id\\) workgroup: vec3<u32>,',
    '(@builtin\\(num_workgroups\\) workgroups: vec3<u32>,)?',
    '@builtin\\(local_invocation_index\\) local: u32,',
    '\\) {',
  ].join('\\s*'),
);

/**
 * The same launch in turns: each workgroup takes every so many-th of the grid. Launches of few workgroups, or of kernels
 * without memory, stay as they are.
 * @param {{code: string, grid: number[]}} launch
 */
export function inTurns({ code, grid }) {
  const [across, down, deep] = grid;
  const count = across * down * deep;
  const entry = code.match(ENTRY);
  if (count <= WORKGROUPS || !entry || !code.includes('var<workgroup>')) return { code, grid };
  const [, size, isToldGrid] = entry;
  const grids = isToldGrid ? 'workgroups: vec3<u32>, ' : '';
  const main = `
@compute @workgroup_size(${size})
fn main(
    @builtin(workgroup_id) first: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let grid = vec3<u32>(${across}, ${down}, ${deep});
    for (var turn = first.x; turn < ${count}u; turn += workgroups.x) {
        let workgroup = vec3<u32>(turn % grid.x, turn / grid.x % grid.y, turn / (grid.x * grid.y));
        take_turn(workgroup, ${isToldGrid ? 'grid, ' : ''}local);
        workgroupBarrier();
    }
}
`;
  return {
    code: code.replace(ENTRY, `fn take_turn(workgroup: vec3<u32>, ${grids}local: u32) {`) + main,
    grid: [WORKGROUPS, 1, 1],
  };
}
