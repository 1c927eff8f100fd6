// The input of rows.wgsl as it is (see split_input.wgsl).
//
// Needs the sizes of rows.wgsl.
//
// input  [BATCH, INPUTS]; the kernel's first binding

@group(0) @binding(0) var<storage, read_write> input: array<f32>;

fn prepare(row: u32, local: u32) {
}

fn input_of(row: u32, i: u32) -> f32 {
    return input[row * INPUTS + i];
}
