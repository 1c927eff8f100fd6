// A step of AdamW for all parameters of a model, from gradients in a buffer each.
//
// Needs update.wgsl, which changes an element, and lanes/vectors.wgsl.
//
//   dispatch.x  blocks of INVOCATIONS vectors of four elements; with fewer blocks than elements
//               need, an invocation takes several vectors
//
// parameters, moments_1, moments_2, averages   [LENGTH] vectors; what is in the gaps means nothing
// gradients_k  [elements of parameter k], one buffer each, where the backward pass left it
//
// How many gradients there are depends on the model: the host writes their declarations (bindings 5
// and on, or 4 and on without averages), and `gradient`, which finds the gradient of the elements at an
// offset.

const LENGTH: u32 = {{ length }};
const INVOCATIONS: u32 = {{ invocations }};

{{ code }}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(global_invocation_id) invocation: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    for (var i = invocation.x; i < LENGTH; i += workgroups.x * INVOCATIONS) {
        update(i, gradient(i));
    }
}
