//! Hostile files: no parser may panic, take memory out of proportion to its input, or hang.
//!
//! Seeds lie in `tests/corpus`; each execution mutates one of them. `FMNIST_FUZZ_EXECUTIONS` says
//! how many there are for each parser, and `FMNIST_FUZZ_SEED` which random ones.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::fs;
use std::io::{Cursor, Write};
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use fmnist::dataset::folder::labels;
use fmnist::dataset::parts::Labelled;
use fmnist::dataset::pictures::cache::Index;
use fmnist::dataset::{cifar, idx, idx_files, npz};
use fmnist::export::npy;
use fmnist::picture::{self, Background};
use fmnist::report::evaluation::Evaluation;
use fmnist::report::summary::Summary;
use fmnist::run::checkpoint::Checkpoint;
use fmnist::run::{Config, split_file};
use fmnist::train::history::History;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::xxh3_128;

#[path = "common/npz_files.rs"]
mod npz_files;

use npz_files::Entry;

/// Counts what the thread has allocated.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn count(bytes: isize) {
    // Memory is also freed when the thread's locals are gone.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        let _ = MOST.try_with(|most| most.set(most.get().max(held.get())));
    });
}

// SAFETY: everything is the system's allocator's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as of the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as of the caller.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A parser, and what is known of its format.
struct Target {
    /// Name of its folder in the corpus.
    name: &'static str,
    /// Whether it took the bytes.
    parse: fn(&[u8]) -> bool,
    /// Makes what surrounds the content right, so that the parser gets past it.
    seal: fn(Vec<u8>) -> Vec<u8>,
    /// Words of the format.
    words: &'static [&'static str],
    /// Bytes it may hold for each byte of input, and besides.
    memory: (usize, usize),
}

const JSON: [&str; 12] = [
    "null",
    "true",
    "-1",
    "1e999",
    "18446744073709551615",
    "\"\\ud800\"",
    "[[[[[[[[",
    "{\"a\":",
    "\"cnn\"",
    "0.1",
    ",",
    "}",
];

const TARGETS: [Target; 17] = [
    Target {
        name: "idx-images",
        parse: |mut bytes| idx::read_any_images(&mut bytes, "images").is_ok(),
        seal: maybe_gzip,
        words: &[],
        memory: (1100, 3 << 20),
    },
    Target {
        name: "idx-labels",
        parse: |mut bytes| idx::read_labels(&mut bytes, "labels", 1000).is_ok(),
        seal: maybe_gzip,
        words: &[],
        memory: (1100, 3 << 20),
    },
    Target {
        name: "cifar",
        parse: |mut bytes| {
            let mut part = Labelled::default();
            cifar::read_records(&mut bytes, "batch", cifar::Form::Cifar10, &mut part).is_ok()
        },
        seal: whole_records,
        words: &[],
        memory: (4, 1 << 16),
    },
    Target {
        name: "npz",
        parse: |bytes| npz::decode(bytes, "arrays").is_ok(),
        seal: zip_checksums,
        words: &[
            "PK\u{1}\u{2}",
            "PK\u{3}\u{4}",
            "PK\u{5}\u{6}",
            "PK\u{6}\u{6}",
            "PK\u{6}\u{7}",
            "x_train.npy",
            "val_labels.npy",
        ],
        memory: (1100, 1 << 18),
    },
    Target {
        name: "npy",
        parse: |bytes| npz::decode(&around_images(bytes), "arrays").is_ok(),
        seal: |bytes| bytes,
        words: &[
            "True",
            "<u1",
            "|b1",
            "(3,",
            "(3, 4, 5)",
            ", 1)",
            ", 3)",
            "99999999999",
            "18446744073709551615",
            "{'descr': ",
            "'shape': ",
            "}",
        ],
        memory: (1100, 1 << 19),
    },
    Target {
        name: "checkpoint",
        parse: |bytes| Checkpoint::decode(bytes).is_ok(),
        seal: checkpoint,
        words: &JSON,
        memory: (16, 1 << 16),
    },
    Target {
        name: "config",
        parse: |bytes| Config::parse(bytes).is_ok(),
        seal: |bytes| bytes,
        words: &JSON,
        memory: (64, 1 << 16),
    },
    Target {
        name: "evaluation",
        parse: |bytes| Evaluation::parse(bytes).is_ok(),
        seal: |bytes| bytes,
        words: &JSON,
        memory: (64, 1 << 16),
    },
    Target {
        name: "probabilities",
        parse: |bytes| npy::decode(bytes, 10).is_ok(),
        seal: |bytes| bytes,
        words: &["(0, 10)", "<f8", "True", "9999999999"],
        memory: (8, 1 << 16),
    },
    Target {
        name: "labels",
        parse: |bytes| labels::parse(bytes, Path::new("labels.csv")).is_ok(),
        seal: |bytes| bytes,
        words: &[
            "path,label",
            "split",
            "train",
            "Dev",
            ",",
            "\"",
            "\\",
            "\n",
            "../",
            "\u{feff}",
        ],
        memory: (64, 1 << 18),
    },
    Target {
        name: "picture",
        parse: |bytes| picture::decode(bytes, "picture", Background::White).is_ok(),
        seal: png_checksums,
        words: &[
            "IHDR",
            "IDAT",
            "tRNS",
            "eXIf",
            "acTL",
            "fcTL",
            "iTXt",
            "zTXtRaw profile type exif\0\0",
            "tiff:Orientation=",
            "VP8X",
            "ALPH",
            "\u{1}\u{2}",
        ],
        memory: (0, 1 << 30),
    },
    Target {
        name: "history",
        parse: |bytes| History::parse(bytes, Path::new("history.csv")).is_ok(),
        seal: |bytes| bytes,
        words: &["nan", "inf", "-", "\"", "\n", "dense,", "1e999"],
        memory: (64, 1 << 18),
    },
    Target {
        name: "summary",
        parse: |bytes| Summary::parse(bytes).is_ok(),
        seal: |bytes| bytes,
        words: &JSON,
        memory: (64, 1 << 16),
    },
    Target {
        name: "mapping",
        parse: |bytes| {
            let text = std::str::from_utf8(bytes);
            text.is_ok_and(|text| idx_files::parse_mapping(text, "mapping", 0).is_ok())
        },
        seal: |bytes| bytes,
        words: &["\n", " ", "0 48", "65536", "-1", "4294967295"],
        memory: (64, 1 << 16),
    },
    Target {
        name: "cifar-names",
        parse: |bytes| {
            let text = std::str::from_utf8(bytes);
            text.is_ok_and(|text| cifar::parse_names(text, "names").is_ok())
        },
        seal: |bytes| bytes,
        words: &["\n", "\n\n", " ", "\u{202e}"],
        memory: (64, 1 << 16),
    },
    Target {
        name: "split",
        parse: |bytes| split_file::parse(bytes, Path::new("split.csv")).is_ok(),
        seal: |bytes| bytes,
        words: &["path,class,part,content", ",", "\"", "\n", "train"],
        memory: (64, 1 << 18),
    },
    Target {
        name: "cache",
        parse: |bytes| Index::read(&mut Cursor::new(bytes), bytes.len() as u64).is_ok(),
        seal: cache_index,
        words: &JSON,
        memory: (64, 1 << 16),
    },
];

/// An index of the length it has, and its hash.
fn cache_index(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len().saturating_sub(24));
    let start = bytes.windows(9).position(|at| at == b"{\"shape\":");
    let index = bytes[start.unwrap_or(0)..].to_vec();
    bytes.extend((index.len() as u64).to_le_bytes());
    bytes.extend(xxh3_128(&index).to_le_bytes());
    bytes
}

/// An archive with these bytes in the place of the images, and the labels of three.
fn around_images(bytes: &[u8]) -> Vec<u8> {
    let pack = match bytes.len() % 2 {
        0 => Entry::stored,
        _ => Entry::deflated,
    };
    let labels = npz_files::npy("|u1", &[3], &[0, 1, 2]);
    npz_files::zip(&[
        pack("x_train.npy", bytes),
        Entry::stored("y_train.npy", &labels),
    ])
}

fn whole_records(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len().next_multiple_of(3073), 0);
    bytes
}

/// Entries of the directory with the checksums of what is stored.
fn zip_checksums(mut bytes: Vec<u8>) -> Vec<u8> {
    let word = |bytes: &[u8], at: usize| {
        let word = bytes.get(at..at + 4)?;
        Some(u32::from_le_bytes(word.try_into().ok()?) as usize)
    };
    let entries: Vec<usize> = (0..bytes.len())
        .filter(|&at| bytes[at..].starts_with(b"PK\x01\x02"))
        .collect();
    for at in entries {
        let sum = || {
            let (size, local) = (word(&bytes, at + 20)?, word(&bytes, at + 42)?);
            let lengths = word(&bytes, local + 26)?;
            let start = local + 30 + (lengths & 0xffff) + (lengths >> 16);
            let mut crc = flate2::Crc::new();
            crc.update(bytes.get(start..start + size)?);
            Some(crc.sum())
        };
        if let Some(sum) = sum() {
            bytes[at + 16..at + 20].copy_from_slice(&sum.to_le_bytes());
        }
    }
    bytes
}

fn maybe_gzip(bytes: Vec<u8>) -> Vec<u8> {
    if bytes.first().is_some_and(|first| first % 2 == 0) {
        return bytes;
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&bytes).expect("memory takes bytes");
    encoder.finish().expect("memory takes bytes")
}

/// A header of the length it has, and a checksum that is right.
fn checkpoint(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len().saturating_sub(32));
    if let Some(end) = bytes.windows(2).rposition(|pair| pair == b"]}")
        && end > 16
    {
        bytes[12..16].copy_from_slice(&(end as u32 + 2 - 16).to_le_bytes());
    }
    let sum = Sha256::digest(&bytes);
    bytes.extend(sum);
    bytes
}

/// Chunks with the checksums that PNG wants.
fn png_checksums(mut bytes: Vec<u8>) -> Vec<u8> {
    let mut at = 8;
    while let Some(head) = bytes.get(at..at + 8) {
        let len = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let Some(end) = at.checked_add(8 + len).filter(|end| end + 4 <= bytes.len()) else {
            break;
        };
        let mut crc = flate2::Crc::new();
        crc.update(&bytes[at + 4..end]);
        bytes[end..end + 4].copy_from_slice(&crc.sum().to_be_bytes());
        at = end + 4;
    }
    bytes
}

fn mutate(bytes: &mut Vec<u8>, seeds: &[Vec<u8>], words: &[&str], random: &mut ChaCha8Rng) {
    for _ in 0..random.random_range(1..6) {
        let at = random.random_range(0..=bytes.len());
        let end = (at + random.random_range(0..=16)).min(bytes.len());
        match random.random_range(0..9) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.random_range(0..8),
            1 if at < bytes.len() => bytes[at] = random.random(),
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..end)),
            4 => {
                let copy = bytes[at..end].to_vec();
                drop(bytes.splice(at..at, copy));
            }
            5 => {
                let numbers = [0, 1, 0x7f, 0xff, 0xffff, 0x7fff_ffff, u32::MAX, 1 << 30];
                let number: u32 = *numbers.choose(random).expect("there are some");
                let number = match random.random() {
                    true => number.to_le_bytes(),
                    false => number.to_be_bytes(),
                };
                drop(bytes.splice(at..(at + 4).min(bytes.len()), number));
            }
            6 => {
                let other = seeds.choose(random).expect("there are seeds");
                let from = random.random_range(0..=other.len());
                bytes.truncate(at);
                bytes.extend(&other[from..]);
            }
            7 if !words.is_empty() => {
                let word = words.choose(random).expect("there are words");
                drop(bytes.splice(at..end, word.bytes()));
            }
            _ => {
                let len = random.random_range(0..64);
                let noise: Vec<u8> = (0..len).map(|_| random.random()).collect();
                drop(bytes.splice(at..at, noise));
            }
        }
    }
}

fn seeds(target: &Target) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/corpus")
        .join(target.name);
    let files = fs::read_dir(&folder).expect("the corpus has a folder for each parser");
    let mut paths: Vec<_> = files.map(|file| file.expect("an entry").path()).collect();
    paths.sort();
    paths
        .iter()
        .map(|path| fs::read(path).expect("a seed"))
        .collect()
}

/// Feeds the parser; returns how many inputs it took.
fn fuzz(target: &Target, executions: u64, seed: u64) -> u64 {
    let seeds = seeds(target);
    for seed in &seeds {
        assert!((target.parse)(seed), "{}: a seed is refused", target.name);
    }
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut taken = 0;
    for execution in 0..executions {
        let mut bytes = seeds.choose(&mut random).expect("there are seeds").clone();
        mutate(&mut bytes, &seeds, target.words, &mut random);
        if random.random() {
            bytes = (target.seal)(bytes);
        }
        let started = Instant::now();
        let before = HELD.get();
        MOST.set(before);
        let parse = AssertUnwindSafe(|| (target.parse)(&bytes));
        let outcome = panic::catch_unwind(parse);
        let held = (MOST.get() - before) as usize;
        let (each, besides) = target.memory;
        let took = started.elapsed();
        if outcome.is_err() || held > each * bytes.len() + besides || took > Duration::from_secs(60)
        {
            let path =
                Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}.crash", target.name));
            fs::write(&path, &bytes).expect("the input can be kept");
            panic!(
                "{}, execution {execution} of seed {seed}: panicked: {}, {held} bytes for {}, {took:?}; \
                 the input is {}",
                target.name,
                outcome.is_err(),
                bytes.len(),
                path.display()
            );
        }
        taken += u64::from(outcome.is_ok_and(|taken| taken));
    }
    taken
}

fn number(name: &str, default: u64) -> u64 {
    let value = std::env::var(name).ok();
    value.map_or(default, |value| value.parse().expect("a number"))
}

#[test]
fn no_input_makes_a_parser_panic_or_take_more_than_its_share() {
    let executions = number("FMNIST_FUZZ_EXECUTIONS", 30_000);
    let seed = number("FMNIST_FUZZ_SEED", 0);
    for target in &TARGETS {
        let started = Instant::now();
        let taken = fuzz(target, executions, seed);
        println!(
            "{}: {executions} executions in {:.1} s, {taken} inputs accepted",
            target.name,
            started.elapsed().as_secs_f64()
        );
        assert!(taken < executions, "{}: nothing was refused", target.name);
    }
}
