//! Places of which there are too many to try each in every run of the tests: a sample by default,
//! all with `FMNIST_TEST_ALL=1`.

use std::env;
use std::time::{SystemTime, UNIX_EPOCH};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Whether all is to be tried.
pub fn all() -> bool {
    env::var("FMNIST_TEST_ALL").is_ok_and(|value| value == "1")
}

/// Places from `first` on without end: each one if all are to be tried, otherwise `every`th ones on
/// average, drawn anew in each run of the tests. The seed is printed; `FMNIST_TEST_SEED` sets it.
pub fn places(first: usize, every: usize) -> impl Iterator<Item = usize> {
    let widest = if all() { 1 } else { 2 * every - 1 };
    let seed = seed();
    println!("places at most {widest} apart, FMNIST_TEST_SEED={seed}");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    std::iter::successors(Some(first), move |at| {
        Some(at + random.random_range(1..=widest))
    })
}

/// What draws the sample: `FMNIST_TEST_SEED`, or another in each run of the tests.
pub fn seed() -> u64 {
    if let Ok(seed) = env::var("FMNIST_TEST_SEED") {
        return seed.parse().expect("FMNIST_TEST_SEED is a whole number");
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("the clock is set").as_secs() % 100_000
}
