// destination = source, to measure how fast the device reads and writes memory.
//
//   dispatch.x  blocks of INVOCATIONS invocations; an invocation copies several vectors
//
// source, destination  [VECTORS]

const VECTORS: u32 = {{ vectors }};
const INVOCATIONS: u32 = {{ invocations }};

@group(0) @binding(0) var<storage, read_write> source: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> destination: array<vec4<f32>>;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(global_invocation_id) invocation: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    for (var i = invocation.x; i < VECTORS; i += workgroups.x * INVOCATIONS) {
        destination[i] = source[i];
    }
}
