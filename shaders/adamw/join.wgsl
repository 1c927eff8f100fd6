// Copies a parameter to its offset in the buffer of all parameters.
//
//   dispatch.x  blocks of INVOCATIONS elements; with fewer blocks than elements need, an
//               invocation takes several elements
//
// parameter, joined [LENGTH]

const LENGTH: u32 = {{ length }};
const INVOCATIONS: u32 = {{ invocations }};

@group(0) @binding(0) var<storage, read_write> parameter: array<f32>;
@group(0) @binding(1) var<storage, read_write> joined: array<f32>;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(global_invocation_id) invocation: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    for (var i = invocation.x; i < LENGTH; i += workgroups.x * INVOCATIONS) {
        joined[i] = parameter[i];
    }
}
