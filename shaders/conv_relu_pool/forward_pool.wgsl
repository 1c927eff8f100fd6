// What forward.wgsl does with a block of sums where there is a pool: the block is a window. The
// convolution's full-size output is never written. Needs forward.wgsl.

fn store(window: Position, sums: mat4x4<f32>) {
    // Only a variable takes an index that is not constant.
    var values = sums;
    // The first NaN wins, else the first maximum.
    var best = values[0];
    var winner = vec4<u32>(0u);
    for (var position = 1u; position < 4u; position++) {
        let value = values[position];
        let wins = !is_nan(best) & (is_nan(value) | (value > best));
        best = select(best, value, wins);
        winner = select(winner, vec4<u32>(position), wins);
    }
    store_output(window, best, winner);
}
