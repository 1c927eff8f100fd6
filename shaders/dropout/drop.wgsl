// Dropout: activations whose random word is below a threshold become 0, the others are scaled. The
// backward pass does the same to their gradients.
//
// The tensor is cut into four quarters: the random words of the activations of one index in each
// come from one hash. Neighbours are neighbours in memory like this.
//
//   dispatch.x  blocks of INVOCATIONS indices; with fewer blocks than a quarter needs, an invocation
//               takes several indices
//
// Needs random/pcg4d.wgsl.
//
// values, dropped  [LENGTH]
// mask             one Mask, new for every call

struct Mask {
    key: array<u32, 3>,
    threshold: u32,
    scale: f32,
}

const LENGTH: u32 = {{ length }};
const INVOCATIONS: u32 = {{ invocations }};

@group(0) @binding(0) var<storage, read_write> values: array<f32>;
@group(0) @binding(1) var<storage, read_write> mask: Mask;
@group(0) @binding(2) var<storage, read_write> dropped: array<f32>;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(global_invocation_id) invocation: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    let quarter = (LENGTH + 3u) / 4u;
    for (var i = invocation.x; i < quarter; i += workgroups.x * INVOCATIONS) {
        let words = pcg4d(vec4<u32>(mask.key[0], mask.key[1], mask.key[2], i));
        for (var part = 0u; part < 4u; part++) {
            let at = part * quarter + i;
            if (at < LENGTH) {
                let kept = words[part] >= mask.threshold;
                dropped[at] = select(0.0, values[at] * mask.scale, kept);
            }
        }
    }
}
