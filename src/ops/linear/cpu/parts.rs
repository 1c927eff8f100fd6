//! Division of work among threads.

use std::ops::Range;

/// Multiply-adds that are worth another thread: some ten microseconds.
const WORK_PER_PART: usize = 1 << 20;
/// Parts per thread: with more than one, a thread that another process interrupts delays less.
const PARTS_PER_THREAD: usize = 2;

/// Divides `0..units`, which together take `work` multiply-adds, into ranges of about equal length
/// and calls `f` once for each, on the threads of the current rayon pool.
pub fn for_each(units: usize, work: usize, f: impl Fn(Range<usize>) + Sync) {
    let threads = rayon::current_num_threads();
    let parts = match threads {
        1 => 1,
        _ => (work / WORK_PER_PART).clamp(1, threads * PARTS_PER_THREAD),
    };
    divide(0..units, parts, &f);
}

fn divide(units: Range<usize>, parts: usize, f: &(impl Fn(Range<usize>) + Sync)) {
    if parts <= 1 || units.len() <= 1 {
        if !units.is_empty() {
            f(units);
        }
        return;
    }
    let left = parts / 2;
    let middle = units.start + (units.len() * left).div_ceil(parts);
    rayon::join(
        || divide(units.start..middle, left, f),
        || divide(middle..units.end, parts - left, f),
    );
}
