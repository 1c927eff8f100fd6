// Adds to an epoch's tally what the batches of several steps add to it (see cross_entropy/totals.wgsl).
//
// One invocation takes a number and goes through the steps in their order, so that the sum is the
// one of adding each as it comes.
//
// numbers  [2]: how many steps, and how far apart theirs are in `sums`
// sums     the steps' three numbers
// total    [3]

@group(0) @binding(0) var<storage, read_write> numbers: array<u32>;
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;
@group(0) @binding(2) var<storage, read_write> total: array<f32>;

@compute @workgroup_size(3)
fn main(@builtin(local_invocation_index) i: u32) {
    var sum = total[i];
    for (var step = 0u; step < numbers[0]; step++) {
        sum += sums[step * numbers[1] + i];
    }
    total[i] = sum;
}
