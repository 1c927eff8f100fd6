//! Work that is done on all threads, and whose results are wanted in order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::Result;

/// How long a thread waits that is too far ahead.
const PATIENCE: Duration = Duration::from_millis(1);

/// Gives `take` what `make` makes of each of the numbers below `total`, in their order, on this thread.
///
/// They are made on all threads of the pool, each of which takes the next number when it has done one: nobody
/// waits for another that has much to do, unless the next number is `at_most_ahead` (1 at least) or more from the one
/// to be taken. Neither `make` nor `take` uses the pool itself.
///
/// # Errors
///
/// The first error of `take`, after which nothing more is begun.
pub fn in_order<T: Send>(
    total: usize,
    at_most_ahead: usize,
    make: impl Fn(usize) -> T + Sync,
    mut take: impl FnMut(usize, T) -> Result<()>,
) -> Result<()> {
    let (next, taken) = (AtomicUsize::new(0), AtomicUsize::new(0));
    // Gives all that it makes, and now and then nothing, until there are no more numbers.
    let work = |give: &mut dyn FnMut(Option<(usize, T)>) -> Result<()>| -> Result<()> {
        let _end = EndOfAll { next: &next, total };
        while next.load(Ordering::Relaxed) < total {
            let taken = taken.load(Ordering::Relaxed);
            // What was taken meanwhile may be more than was begun before.
            let ahead = next.load(Ordering::Relaxed).saturating_sub(taken);
            if ahead >= at_most_ahead {
                thread::sleep(PATIENCE);
                give(None)?;
                continue;
            }
            let number = next.fetch_add(1, Ordering::Relaxed);
            give((number < total).then(|| (number, make(number))))?;
        }
        Ok(())
    };

    let (sender, receiver) = mpsc::channel();
    let mut waiting = BTreeMap::new();
    let mut take_made = |here: Option<(usize, T)>| -> Result<()> {
        waiting.extend(receiver.try_iter().chain(here));
        let mut number = taken.load(Ordering::Relaxed);
        while let Some(made) = waiting.remove(&number) {
            take(number, made)?;
            number += 1;
            taken.store(number, Ordering::Relaxed);
        }
        Ok(())
    };
    rayon::in_place_scope(|scope| {
        for _ in 1..rayon::current_num_threads() {
            scope.spawn(|_| {
                // The receiver outlives the scope.
                let _ = work(&mut |made| {
                    if let Some(made) = made {
                        let _ = sender.send(made);
                    }
                    Ok(())
                });
            });
        }
        work(&mut take_made)
    })?;
    take_made(None)
}

/// Where one thread ends, by a panic or an error even, all do.
struct EndOfAll<'a> {
    next: &'a AtomicUsize,
    total: usize,
}

impl Drop for EndOfAll<'_> {
    fn drop(&mut self) {
        self.next.fetch_max(self.total, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use anyhow::{bail, ensure};

    #[test]
    fn results_come_in_order_however_long_each_takes() {
        for (total, at_most_ahead) in [(0, 1), (1, 1), (100, 1), (1_000, 7), (1_000, usize::MAX)] {
            let most = AtomicUsize::new(0);
            let mut results = Vec::new();
            let seen = AtomicUsize::new(0);
            let make = |number: usize| {
                most.fetch_max(number - seen.load(Ordering::Relaxed), Ordering::Relaxed);
                if number % 97 == 3 {
                    thread::sleep(Duration::from_millis(3));
                }
                number * number
            };
            let take = |number: usize, made: usize| {
                ensure!(made == number * number, "{made} is of another number");
                results.push(number);
                seen.store(results.len(), Ordering::Relaxed);
                Ok(())
            };
            in_order(total, at_most_ahead, make, take).expect("all fit");
            assert!(results.into_iter().eq(0..total));
            // Each thread may begin one while others do.
            let most = most.into_inner();
            assert!(
                most < at_most_ahead.saturating_add(rayon::current_num_threads()),
                "{most}"
            );
        }
    }

    #[test]
    fn an_error_ends_the_work() {
        let begun = AtomicUsize::new(0);
        let make = |_| begun.fetch_add(1, Ordering::Relaxed);
        let take = |number, _| {
            if number == 10 {
                bail!("full");
            }
            Ok(())
        };
        let error = in_order(100_000, 50, make, take).expect_err("it was full");
        assert_eq!(error.to_string(), "full");
        assert!(begun.into_inner() < 1_000);
    }

    #[test]
    fn a_panic_on_any_thread_is_passed_on() {
        for culprit in [0, 5, 999] {
            let make = |number| assert!(number != culprit, "this one");
            let work = || in_order(1_000, 8, make, |_, ()| Ok(()));
            let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            assert!(panic.is_err());
        }
    }
}
