// Buffers of single numbers, for rows whose length is no multiple of four (see vectors.wgsl).

alias Element = f32;
const LANES: u32 = 1;

// `values` with `element` as lanes `i` to `i + LANES - 1`.
fn insert(values: vec4<f32>, i: u32, element: Element) -> vec4<f32> {
    var changed = values;
    changed[i] = element;
    return changed;
}

// Lanes `i` to `i + LANES - 1`.
fn extract(values: vec4<f32>, i: u32) -> Element {
    return values[i];
}
