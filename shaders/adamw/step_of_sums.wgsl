// A step of AdamW for all parameters of a model, from the partial sums of their gradients.
//
// Needs update.wgsl, which changes an element, and lanes/scalars.wgsl.
//
// Gradients lie in one buffer, parameter after parameter: each as rows of partial sums, of which the
// gradient is the sum. One workgroup takes as many neighbouring elements of a parameter as there are
// INVOCATIONS for its `stride`. One invocation sums every `stride`-th row of one element; the first one of
// each element then adds those sums, which are in workgroup memory, always in the same order, and changes it.
//
//   dispatch.x, dispatch.y  blocks of elements, counted through all parameters
//
// gradients  of each parameter [rows, pitch], of which its elements are the first in a row
//
// Where what lies depends on the model: the host writes the declarations of `averages` and `gradients`,
// and `part_of`, which knows the parameter of a workgroup.

const INVOCATIONS: u32 = {{ invocations }};

// A parameter.
struct Part {
    // Its first workgroup, and its first elements in `parameters` and in `gradients`.
    workgroup: u32,
    parameter: u32,
    gradient: u32,
    // Elements, rows of partial sums, and how far apart rows are.
    length: u32,
    rows: u32,
    pitch: u32,
    // Invocations that share out the rows of an element.
    stride: u32,
}

{{ code }}

var<workgroup> sums: array<f32, INVOCATIONS>;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let number = workgroup.y * workgroups.x + workgroup.x;
    let part = part_of(number);
    let elements = INVOCATIONS / part.stride;
    let element = (number - part.workgroup) * elements + local % elements;
    let first = local / elements;
    var sum = 0.0;
    if (element < part.length && first < part.stride) {
        for (var row = first; row < part.rows; row += part.stride) {
            sum += gradients[part.gradient + row * part.pitch + element];
        }
    }
    sums[local] = sum;
    workgroupBarrier();
    if (local < elements && element < part.length) {
        for (var i = 1u; i < part.stride; i++) {
            sum += sums[i * elements + local];
        }
        update(part.parameter + element, sum);
    }
}
