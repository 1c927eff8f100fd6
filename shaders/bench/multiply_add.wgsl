// values = FACTOR * values + ADDEND, ROUNDS times: nothing but multiply-adds, to measure how many
// the device can do.
//
//   dispatch.x  blocks of INVOCATIONS invocations, of two vectors each
//
// values  [2 * PAIRS] vectors

const PAIRS: u32 = {{ pairs }};
const ROUNDS: u32 = {{ rounds }};
const INVOCATIONS: u32 = {{ invocations }};

// Their fixed point is 1, which values approach slowly: they stay ordinary numbers.
const FACTOR = vec4<f32>(1.0 - 1.0 / {{ slowness }}.0);
const ADDEND = vec4<f32>(1.0 / {{ slowness }}.0);

@group(0) @binding(0) var<storage, read_write> values: array<vec4<f32>>;

fn eight_rounds(value: vec4<f32>) -> vec4<f32> {
    var x = value;
    x = fma(x, FACTOR, ADDEND);
    x = fma(x, FACTOR, ADDEND);
    x = fma(x, FACTOR, ADDEND);
    x = fma(x, FACTOR, ADDEND);
    x = fma(x, FACTOR, ADDEND);
    x = fma(x, FACTOR, ADDEND);
    x = fma(x, FACTOR, ADDEND);
    return fma(x, FACTOR, ADDEND);
}

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(global_invocation_id) invocation: vec3<u32>) {
    let i = invocation.x;
    if (i >= PAIRS) {
        return;
    }
    // Eight chains of multiply-adds that do not wait for each other.
    var a = values[i];
    var b = values[i + PAIRS];
    for (var round = 0u; round < ROUNDS; round += 8u) {
        a = eight_rounds(a);
        b = eight_rounds(b);
    }
    values[i] = a;
    values[i + PAIRS] = b;
}
