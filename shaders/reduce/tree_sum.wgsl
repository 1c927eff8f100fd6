// The sum of one value from each invocation of a workgroup, by a tree in workgroup memory.
//
// The kernel's own file says what a Summand is and how many INVOCATIONS there are: a power of two.

var<workgroup> sums: array<Summand, INVOCATIONS>;

// All invocations get the sum, always added in the same order. A kernel calls it once: `sums` is not
// free for the next call when it returns.
fn sum_of_all(local: u32, mine: Summand) -> Summand {
    sums[local] = mine;
    for (var half = INVOCATIONS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (local < half) {
            sums[local] += sums[local + half];
        }
    }
    workgroupBarrier();
    return sums[0];
}
