//! Where several runs lie, which differ in nothing but the seed: a folder each, in that of all.

use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// Where one of several runs is.
pub(super) fn seed_path(folder: &Path, seed: u64) -> PathBuf {
    folder.join(format!("seed-{seed}"))
}

/// Those of `seeds` that have a folder in a folder of several runs. Of a damaged configuration's `seeds` they may
/// be very few.
pub(super) fn seeds_in(folder: &Path, seeds: &RangeInclusive<u64>) -> Vec<u64> {
    let names = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = names.map(|entry| entry.file_name());
    let found = names.filter_map(|name| name.to_str()?.strip_prefix("seed-")?.parse().ok());
    let mut found: Vec<u64> = found.filter(|seed| seeds.contains(seed)).collect();
    found.sort_unstable();
    // `seed-07` is no other seed.
    found.dedup();
    found
}
