// Sums the rows of a matrix, always in the same order.
//
// Needs scalars.wgsl or vectors.wgsl of lanes/, and the kernel's own file, whose
// `store(element, sum)` takes the sum of all rows at an element.
//
// One workgroup sums ELEMENTS neighbouring elements. One invocation sums every STRIDE-th row of
// one element; the first ELEMENTS invocations then add the STRIDE sums, which are in workgroup
// memory.
//
//   dispatch.x, dispatch.y  blocks of ELEMENTS elements, counted row by row
//
// partials  [ROWS, LENGTH] elements; the kernel's first binding

const ROWS: u32 = {{ rows }};
const LENGTH: u32 = {{ length }} / LANES;
const ELEMENTS: u32 = {{ elements }};
const STRIDE: u32 = {{ stride }};

@group(0) @binding(0) var<storage, read_write> partials: array<Element>;

// [STRIDE][ELEMENTS]
var<workgroup> sums: array<Element, STRIDE * ELEMENTS>;

@compute @workgroup_size(STRIDE * ELEMENTS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let block = workgroup.y * workgroups.x + workgroup.x;
    let element = block * ELEMENTS + local % ELEMENTS;
    var sum = Element(0.0);
    if (element < LENGTH) {
        for (var row = local / ELEMENTS; row < ROWS; row += STRIDE) {
            sum += partials[row * LENGTH + element];
        }
    }
    sums[local] = sum;
    workgroupBarrier();

    if (local >= ELEMENTS || element >= LENGTH) {
        return;
    }
    for (var i = 1u; i < STRIDE; i++) {
        sum += sums[i * ELEMENTS + local];
    }
    store(element, sum);
}
