// Buffers of vectors of four numbers: fewer, wider loads and stores. scalars.wgsl is the same
// for buffers that do not divide into vectors; a kernel that loops `i` from 0 to 4 in steps of
// LANES works with either.

alias Element = vec4<f32>;
const LANES: u32 = 4;

// `values` with `element` as lanes `i` to `i + LANES - 1`: all of them.
fn insert(values: vec4<f32>, i: u32, element: Element) -> vec4<f32> {
    return element;
}

// Lanes `i` to `i + LANES - 1`: all of them.
fn extract(values: vec4<f32>, i: u32) -> Element {
    return values;
}
