//! CIFAR's binary files are read as they are published, and others are refused.

use std::fs;
use std::path::Path;

use fmnist::dataset::ImageShape;
use fmnist::dataset::cifar;
use fmnist::dataset::parts::{Arrays, Labelled};
use proptest::prelude::*;
use tempfile::TempDir;

const VALUES: usize = 3 * 32 * 32;
const NAMES: &str = "airplane\nautomobile\nbird\ncat\ndeer\ndog\nfrog\nhorse\nship\ntruck\n\n";

/// The planes of an image: every value depends on its place and on `kind`.
fn image(kind: u8) -> Vec<u8> {
    (0..VALUES).map(|i| (i % 251) as u8 ^ kind).collect()
}

/// Records of CIFAR-10: images of these kinds with these labels.
fn batch(records: &[(u8, u8)]) -> Vec<u8> {
    let record = |&(label, kind): &(u8, u8)| [vec![label], image(kind)].concat();
    records.iter().flat_map(record).collect()
}

/// Records of CIFAR-100: images of these kinds with these fine labels.
fn fine(records: &[(u8, u8)]) -> Vec<u8> {
    let record = |&(label, kind): &(u8, u8)| [vec![label / 5, label], image(kind)].concat();
    records.iter().flat_map(record).collect()
}

fn part(records: &[(u8, u8)]) -> Labelled {
    Labelled {
        images: records.iter().flat_map(|&(_, kind)| image(kind)).collect(),
        labels: records.iter().map(|&(label, _)| u16::from(label)).collect(),
    }
}

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    folder
}

fn read(folder: &TempDir) -> Arrays {
    assert!(cifar::is_in(folder.path()));
    cifar::read(folder.path()).unwrap()
}

#[track_caller]
fn assert_error(folder: &Path, expected: &str) {
    let message = cifar::read(folder).unwrap_err().to_string();
    assert!(message.contains(&folder.display().to_string()), "{message}");
    assert!(
        message.contains(expected),
        "`{expected}` is not in: {message}"
    );
}

#[test]
fn cifar_10_is_read_batch_after_batch() {
    // More than nine, to see that their numbers are compared and not their names.
    let folder = folder(&[
        ("data_batch_10.bin", &batch(&[(9, 5)])),
        ("data_batch_2.bin", &batch(&[(3, 3), (0, 4)])),
        ("data_batch_1.bin", &batch(&[(6, 1), (9, 2)])),
        ("test_batch.bin", &batch(&[(8, 6)])),
        ("batches.meta.txt", NAMES.as_bytes()),
        ("readme.html", b"<html>"),
    ]);
    let arrays = read(&folder);
    let shape = ImageShape {
        channels: 3,
        height: 32,
        width: 32,
    };
    assert_eq!(arrays.shape, shape);
    assert_eq!(
        arrays.class_names,
        NAMES.split_whitespace().collect::<Vec<_>>()
    );
    let train = [(6, 1), (9, 2), (3, 3), (0, 4), (9, 5)];
    assert_eq!(arrays.parts.train, part(&train));
    assert_eq!(arrays.parts.test, Some(part(&[(8, 6)])));
    assert_eq!(arrays.parts.validation, None);
}

#[test]
fn cifar_100_is_read_with_its_fine_labels() {
    let names: String = (0..100).map(|i| format!("thing {i}\r\n")).collect();
    let folder = folder(&[
        ("train.bin", &fine(&[(99, 1), (0, 2), (49, 3)])),
        ("test.bin", &fine(&[(50, 4)])),
        ("fine_label_names.txt", names.as_bytes()),
        ("coarse_label_names.txt", b"things\n"),
    ]);
    let arrays = read(&folder);
    assert_eq!(arrays.class_names.len(), 100);
    assert_eq!(arrays.class_names[99], "thing 99");
    assert_eq!(arrays.parts.train, part(&[(99, 1), (0, 2), (49, 3)]));
    assert_eq!(arrays.parts.test, Some(part(&[(50, 4)])));
}

#[test]
fn names_and_the_test_part_may_be_lacking() {
    let folder = folder(&[("data_batch_4.bin", &batch(&[(2, 1), (0, 2)]))]);
    let arrays = read(&folder);
    assert_eq!(arrays.class_names, ["class 0", "class 1", "class 2"]);
    assert_eq!(arrays.parts.test, None);
}

#[test]
fn a_folder_is_known_by_names_and_other_names_by_sizes() {
    let whole = batch(&[(1, 1)]);
    for (name, bytes, known) in [
        ("data_batch_1.bin", &whole[..], true),
        ("train.bin", &fine(&[(1, 1)]), true),
        ("train.bin", &whole, false),
        // A damaged file of CIFAR-10 is told, not overlooked.
        ("data_batch_1.bin", &whole[1..], true),
        ("data_batch_1.bin", &[], true),
        ("data_batch_one.bin", &whole, false),
        ("data_batch_1.bin.gz", &whole, false),
        ("test_batch.bin", &whole, false),
    ] {
        let folder = folder(&[(name, bytes)]);
        assert_eq!(cifar::is_in(folder.path()), known, "{name}");
        if !known {
            assert_error(
                folder.path(),
                "has no data_batch_1.bin of CIFAR-10 nor train.bin",
            );
        }
    }
    assert!(!cifar::is_in(Path::new("no/such/folder")));
}

#[test]
fn damaged_files_are_named() {
    let whole = batch(&[(1, 1), (0, 2)]);
    let both: [(&str, &[u8]); 2] = [
        ("data_batch_1.bin", &whole),
        ("train.bin", &fine(&[(1, 1)])),
    ];
    assert_error(
        folder(&both).path(),
        "has files of CIFAR-10 and of CIFAR-100",
    );
    let cut: [(&str, &[u8]); 2] = [
        ("data_batch_1.bin", &whole),
        ("data_batch_2.bin", &whole[..4000]),
    ];
    assert_error(
        folder(&cut).path(),
        "data_batch_2.bin is cut off: it ends after 927 of the 3073 bytes of record 1",
    );
    let empty: [(&str, &[u8]); 2] = [("data_batch_1.bin", &whole), ("test_batch.bin", &[])];
    assert_error(folder(&empty).path(), "test_batch.bin holds no images");
}

#[test]
fn labels_without_a_name_are_refused() {
    let with = |names: &[u8], test: &[u8]| {
        folder(&[
            ("data_batch_1.bin", &batch(&[(1, 1), (2, 2), (2, 3)])),
            ("test_batch.bin", test),
            ("batches.meta.txt", names),
        ])
    };
    let test = batch(&[(0, 4)]);
    assert_error(
        with(b"a\nb\n", &test).path(),
        "has label 2 at position 1 (2 images of that class)",
    );
    let more = with(b"a\nb\nc\nd", &test);
    assert_eq!(read(&more).class_names, ["a", "b", "c", "d"]);
    assert_error(
        with(b"a\n\nc\n", &test).path(),
        "batches.meta.txt has no name in line 2",
    );
    assert_error(
        with(b"a\n\xff\n", &test).path(),
        "batches.meta.txt is no text in UTF-8",
    );
    let many = "x\n".repeat(1001);
    assert_error(with(many.as_bytes(), &test).path(), "has 1001 names");
    let long = "x".repeat(300_000);
    assert_error(
        with(long.as_bytes(), &test).path(),
        "batches.meta.txt is longer than",
    );
    let test = batch(&[(3, 4)]);
    assert_error(
        with(b"a\nb\nc", &test).path(),
        "test_batch.bin has label 3 at position 0 (1 image of that class)",
    );
    let unprintable = with(b"a\x1b[31m\nb\nc", &batch(&[(0, 4)]));
    assert_eq!(read(&unprintable).class_names[0], "a [31m");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn records_survive_a_round_trip(
        records in prop::collection::vec((0_u8..100, any::<u8>()), 1..6),
        hundred in any::<bool>(),
    ) {
        let folder = match hundred {
            true => folder(&[("train.bin", &fine(&records))]),
            false => folder(&[("data_batch_1.bin", &batch(&records))]),
        };
        prop_assert_eq!(read(&folder).parts.train, part(&records));
    }

    #[test]
    fn files_of_any_size_are_whole_records_or_an_error(size in 0_usize..20_000) {
        let folder = folder(&[
            ("data_batch_1.bin", &batch(&[(0, 1)])),
            ("data_batch_2.bin", &vec![0; size]),
        ]);
        let read = cifar::read(folder.path());
        prop_assert_eq!(read.is_ok(), size > 0 && size % 3073 == 0);
    }
}
