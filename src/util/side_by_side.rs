//! Work of which each has threads of its own.

use anyhow::{Error, Result, anyhow};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuildError, ThreadPoolBuilder};

/// Applies `work` to each of these, all at once: each has an equal share of as many threads as the current pool
/// has, and for parallel loops within it no others. One alone is done on the current pool.
///
/// # Errors
///
/// If the system starts no more threads.
pub fn side_by_side<T: Send, R: Send>(
    items: Vec<T>,
    work: impl Fn(T) -> R + Sync,
) -> Result<Vec<R>> {
    if items.len() == 1 {
        return Ok(items.into_iter().map(work).collect());
    }
    let (threads, shares) = (rayon::current_num_threads(), items.len());
    let pool = |share: usize| {
        let threads = ((threads + share) / shares).max(1);
        let pool = ThreadPoolBuilder::new().num_threads(threads).build();
        pool.map_err(cannot_start)
    };
    let pools = (0..shares).map(pool).collect::<Result<Vec<ThreadPool>>>()?;
    // A thread that waits for a pool gives others their work meanwhile: all of them begin, whatever the number of
    // threads that is left here.
    let work = |(item, pool): (T, &ThreadPool)| pool.install(|| work(item));
    let items = items.into_par_iter().zip(&pools).with_max_len(1);
    Ok(items.map(work).collect())
}

/// The error of a pool for the user.
pub fn cannot_start(error: ThreadPoolBuildError) -> Error {
    anyhow!(
        "the threads cannot be started ({error}) — choose fewer with --threads, or raise the limit of threads \
         (`ulimit -u`) or memory"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::Barrier;

    #[test]
    fn all_begin_before_any_ends_and_share_the_threads() {
        for (threads, shares) in [
            (1, &[1, 1, 1][..]),
            (4, &[4]),
            (4, &[1, 1, 2]),
            (5, &[2, 3]),
        ] {
            let pool = ThreadPoolBuilder::new().num_threads(threads).build();
            let all = Barrier::new(shares.len());
            let work = |number: usize| {
                all.wait();
                (number, rayon::current_num_threads())
            };
            let numbers = (0..shares.len()).collect();
            let made = pool.unwrap().install(|| side_by_side(numbers, work));
            let expected = shares.iter().copied().enumerate();
            assert!(made.unwrap().into_iter().eq(expected), "{threads} threads");
        }
    }
}
