// Dropout: activations whose random word is below a threshold become 0, the others are scaled. The
// backward pass does the same to their gradients.
//
//   dispatch.x  blocks of INVOCATIONS fours of activations, which share a hash; with fewer blocks
//               than activations need, an invocation takes several fours
//
// values, dropped  [LENGTH]
// drop             one Drop, new for every call

struct Drop {
    key: array<u32, 3>,
    threshold: u32,
    scale: f32,
}

const LENGTH: u32 = {{ length }};
const INVOCATIONS: u32 = {{ invocations }};

@group(0) @binding(0) var<storage, read_write> values: array<f32>;
@group(0) @binding(1) var<storage, read_write> drop: Drop;
@group(0) @binding(2) var<storage, read_write> dropped: array<f32>;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(global_invocation_id) invocation: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
) {
    let fours = (LENGTH + 3u) / 4u;
    for (var four = invocation.x; four < fours; four += workgroups.x * INVOCATIONS) {
        let words = pcg4d(vec4<u32>(drop.key[0], drop.key[1], drop.key[2], four));
        let first = 4u * four;
        for (var lane = 0u; lane < min(4u, LENGTH - first); lane++) {
            let kept = words[lane] >= drop.threshold;
            dropped[first + lane] = select(0.0, values[first + lane] * drop.scale, kept);
        }
    }
}
