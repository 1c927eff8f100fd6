//! Sets of IDX files are found under all their names, and EMNIST's are made like the others.

use std::fs;
use std::path::Path;

use crate::common::idx_files::{gzip, labels_file};
use fmnist::dataset::ImageShape;
use fmnist::dataset::idx_files::{self, IdxSet};
use fmnist::dataset::parts::{Arrays, Labelled};
use proptest::prelude::*;
use tempfile::TempDir;

/// A name and what the file of that name holds.
type Named<'a> = (&'a str, &'a [u8]);

/// A file of grey images.
fn grey(height: u32, width: u32, pixels: &[u8]) -> Vec<u8> {
    let count = pixels.len() as u32 / (height * width);
    let header = [0x0803, count, height, width].map(u32::to_be_bytes);
    [header.as_flattened(), pixels].concat()
}

fn folder(files: &[Named]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

/// The only set of a folder.
fn only_set(folder: &TempDir) -> IdxSet {
    let sets = idx_files::sets_in(folder.path()).unwrap();
    let [set] = sets.try_into().expect("one set");
    set
}

fn read(folder: &TempDir) -> fmnist::Result<Arrays> {
    let sets = idx_files::sets_in(folder.path())?;
    idx_files::read(&sets[0])
}

#[track_caller]
fn assert_error(folder: &TempDir, expected: &str) {
    let message = read(folder).unwrap_err().to_string();
    let folder = folder.path().display().to_string();
    assert!(message.contains(&folder), "{message}");
    assert!(
        message.contains(expected),
        "`{expected}` is not in: {message}"
    );
}

/// Two images of 2×3 pixels.
const PIXELS: [u8; 12] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

#[test]
fn sets_are_found_in_every_spelling() {
    let (images, labels) = (grey(2, 3, &PIXELS), labels_file(&[1, 0]));
    for (prefix, names) in [
        ("", ["train-images-idx3-ubyte", "train-labels-idx1-ubyte"]),
        (
            "",
            ["train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.GZ"],
        ),
        ("", ["train-images.idx3-ubyte", "train-labels.idx1-ubyte"]),
        ("", ["Train_Images.IDX3-ubyte", "TRAIN-LABELS-IDX1-UBYTE"]),
        ("", ["train-images-idx4-ubyte", "train-labels-idx1-ubyte"]),
        (
            "",
            [
                "train-images-idx3-ubyte/train-images.idx3-ubyte",
                "train-labels-idx1-ubyte/train-labels-idx1-ubyte",
            ],
        ),
        (
            "my-own",
            [
                "my own-train-images-idx3-ubyte",
                "My_Own.train-labels-idx1-ubyte.gz",
            ],
        ),
    ] {
        let [images_name, labels_name] = names;
        let packed = |name: &str, bytes: &[u8]| match name.to_lowercase().ends_with(".gz") {
            true => gzip(bytes),
            false => bytes.to_vec(),
        };
        let folder = folder(&[
            (images_name, &packed(images_name, &images)),
            (labels_name, &packed(labels_name, &labels)),
            ("._train-images-idx3-ubyte", b"of macOS"),
            ("contest-images-idx3-ubyte", b"no part"),
            ("train-images.txt", b"no images"),
        ]);
        let set = only_set(&folder);
        assert_eq!(set.prefix, prefix);
        assert_eq!(set.train, names.map(|name| folder.path().join(name)));
        assert_eq!((&set.test, &set.mapping), (&None, &None));
        let arrays = idx_files::read(&set).unwrap();
        assert_eq!(arrays.class_names, ["class 0", "class 1"]);
        let train = Labelled {
            images: PIXELS.to_vec(),
            labels: vec![1, 0],
        };
        assert_eq!(arrays.parts.train, train);
    }
}

#[test]
fn images_to_test_with_have_one_of_two_names() {
    let (images, labels) = (grey(2, 3, &PIXELS), labels_file(&[1, 0]));
    let test_images = grey(2, 3, &PIXELS[6..]);
    for part in ["t10k", "test"] {
        let [test_images_name, test_labels_name] =
            ["images-idx3", "labels-idx1"].map(|kind| format!("{part}-{kind}-ubyte"));
        let folder = folder(&[
            ("train-images-idx3-ubyte", &images),
            ("train-labels-idx1-ubyte", &labels),
            (&test_images_name, &test_images),
            (&test_labels_name, &labels_file(&[0])),
        ]);
        let arrays = read(&folder).unwrap();
        let shape = ImageShape {
            channels: 1,
            height: 2,
            width: 3,
        };
        assert_eq!(arrays.shape, shape);
        let test = Labelled {
            images: PIXELS[6..].to_vec(),
            labels: vec![0],
        };
        assert_eq!(arrays.parts.test, Some(test));
        assert_eq!(arrays.parts.validation, None);
    }
}

#[test]
fn colour_and_many_classes_are_read() {
    let values: Vec<u8> = (0..2 * 3 * 4 * 5).collect();
    let header = [0x0804, 2, 3, 4, 5].map(u32::to_be_bytes);
    let images = [header.as_flattened(), &values].concat();
    let labels = [&[0, 0, 0x0b, 1, 0, 0, 0, 2][..], &[3, 231, 0, 0]].concat();
    let folder = folder(&[
        ("train-images-idx4-ubyte", &images),
        ("train-labels-idx1-ubyte", &labels),
    ]);
    let arrays = read(&folder).unwrap();
    let shape = ImageShape {
        channels: 3,
        height: 4,
        width: 5,
    };
    assert_eq!(arrays.shape, shape);
    assert_eq!(arrays.class_names.len(), 1000);
    assert_eq!(arrays.parts.train.labels, [999, 0]);
    assert_eq!(arrays.parts.train.images, values);
}

/// What EMNIST's files are: the images transposed, the letters' labels from 1 on.
fn emnist(split: &str, labels: &[u8], mapping: &str) -> TempDir {
    let pixels: Vec<u8> = PIXELS
        .iter()
        .copied()
        .cycle()
        .take(6 * labels.len())
        .collect();
    let name = |rest: &str| format!("emnist-{split}-{rest}");
    folder(&[
        (
            &name("train-images-idx3-ubyte.gz"),
            &gzip(&grey(2, 3, &pixels)),
        ),
        (
            &name("train-labels-idx1-ubyte.gz"),
            &gzip(&labels_file(labels)),
        ),
        (
            &name("test-images-idx3-ubyte.gz"),
            &gzip(&grey(2, 3, &PIXELS[..6])),
        ),
        (
            &name("test-labels-idx1-ubyte.gz"),
            &gzip(&labels_file(&labels[..1])),
        ),
        (&name("mapping.txt"), mapping.as_bytes()),
    ])
}

#[test]
fn emnist_is_turned_and_named() {
    let folder = emnist("balanced", &[2, 0, 1], "0 48\n1 65\n2 97\n\n");
    let set = only_set(&folder);
    assert_eq!(set.prefix, "emnist-balanced");
    assert_eq!(
        set.mapping,
        Some(folder.path().join("emnist-balanced-mapping.txt"))
    );
    let arrays = idx_files::read(&set).unwrap();
    let shape = ImageShape {
        channels: 1,
        height: 3,
        width: 2,
    };
    assert_eq!(arrays.shape, shape);
    assert_eq!(arrays.class_names, ["0", "A", "a"]);
    assert_eq!(arrays.parts.train.labels, [2, 0, 1]);
    // 1 2 3 / 4 5 6 is 1 4 / 2 5 / 3 6.
    assert_eq!(arrays.parts.train.images[..6], [1, 4, 2, 5, 3, 6]);
    assert_eq!(arrays.parts.train.images[6..12], [7, 10, 8, 11, 9, 12]);
    assert_eq!(arrays.parts.test.unwrap().images, [1, 4, 2, 5, 3, 6]);
}

#[test]
fn the_letters_of_emnist_count_from_one() {
    let mapping: String = (1..=26)
        .map(|i| format!("{i} {} {}\n", 64 + i, 96 + i))
        .collect();
    let labels: Vec<u8> = (1..=26).rev().collect();
    let arrays = read(&emnist("letters", &labels, &mapping)).unwrap();
    assert_eq!(arrays.class_names.len(), 26);
    assert_eq!(
        (&*arrays.class_names[0], &*arrays.class_names[25]),
        ("A/a", "Z/z")
    );
    assert_eq!(
        arrays.parts.train.labels,
        (0..26).rev().collect::<Vec<u16>>()
    );
    assert_eq!(arrays.parts.test.unwrap().labels, [25]);
    assert_error(
        &emnist("letters", &[1, 0], &mapping),
        "label 0 at position 1; labels from 1 on were expected",
    );
    assert_error(
        &emnist("letters", &[1, 27], &mapping),
        "label 27 at position 1; labels from 0 to 26 were expected",
    );
}

#[test]
fn images_to_validate_with_are_read() {
    let (images, labels) = (grey(2, 3, &PIXELS), labels_file(&[1, 0]));
    for part in ["val", "valid", "Validation"] {
        let named = |what: &str| format!("{part}-{what}-ubyte");
        let [of_images, of_labels] = ["images-idx3", "labels-idx1"].map(named);
        let files: [Named; 4] = [
            ("train-images-idx3-ubyte", &images),
            ("train-labels-idx1-ubyte", &labels),
            (&of_images, &grey(2, 3, &PIXELS[6..])),
            (&of_labels, &labels_file(&[1])),
        ];
        let parts = read(&folder(&files)).unwrap().parts;
        let validation = Labelled {
            images: PIXELS[6..].to_vec(),
            labels: vec![1],
        };
        assert_eq!((parts.validation, parts.test), (Some(validation), None));
        assert_error(&folder(&files[..3]), "has no labels beside it");
        let larger = (of_images.as_str(), &*grey(3, 2, &PIXELS[6..]));
        assert_error(
            &folder(&[files[0], files[1], larger, files[3]]),
            "all images of a dataset must have one size",
        );
    }
}

#[test]
fn several_sets_are_told_apart() {
    let (images, labels) = (grey(2, 3, &PIXELS), labels_file(&[1, 0]));
    let files = ["emnist-digits-", "", "emnist-byclass-"].map(|prefix| {
        ["images-idx3", "labels-idx1"].map(|kind| format!("{prefix}train-{kind}-ubyte"))
    });
    let files: Vec<Named> = files
        .iter()
        .flat_map(|[i, l]| [(&**i, &*images), (&**l, &*labels)])
        .collect();
    let sets = idx_files::sets_in(folder(&files).path()).unwrap();
    let prefixes: Vec<&str> = sets.iter().map(|set| &*set.prefix).collect();
    assert_eq!(prefixes, ["", "emnist-byclass", "emnist-digits"]);
}

#[test]
fn a_folder_without_sets_has_none() {
    let folder = folder(&[("train-images-idx3-ubyte/other", b""), ("cat/1.png", b"")]);
    assert_eq!(idx_files::sets_in(folder.path()).unwrap(), []);
    let error = idx_files::sets_in(Path::new("no/such/folder")).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("no/such/folder could not be read")
    );
}

#[test]
fn sets_that_are_not_whole_are_refused() {
    let (images, labels) = (grey(2, 3, &PIXELS), labels_file(&[1, 0]));
    let train: [Named; 2] = [
        ("train-images-idx3-ubyte", &images),
        ("train-labels-idx1-ubyte", &labels),
    ];
    let test: [Named; 2] = [
        ("t10k-images-idx3-ubyte", &images),
        ("t10k-labels-idx1-ubyte", &labels),
    ];
    let cases: [(&[Named], &str); 6] = [
        (
            &[train[0]],
            "train-images-idx3-ubyte has no labels beside it",
        ),
        (
            &[train[1]],
            "train-labels-idx1-ubyte has no images beside it",
        ),
        (
            &[train[0], train[1], test[0]],
            "t10k-images-idx3-ubyte has no labels",
        ),
        (
            &test,
            "t10k-images-idx3-ubyte has no images to train on beside it",
        ),
        (
            &[train[0], train[1], ("train-images.idx3-ubyte", &labels)],
            "move the one away that is not meant",
        ),
        (
            &[
                train[0],
                train[1],
                test[0],
                test[1],
                ("test-images-idx3-ubyte", &images),
            ],
            "move the one away that is not meant",
        ),
    ];
    for (files, expected) in cases {
        assert_error(&folder(files), expected);
    }
    // The same file twice, packed and unpacked, contradicts nothing.
    let packed = gzip(&images);
    let twice = [train[0], train[1], ("train-images-idx3-ubyte.gz", &*packed)];
    assert!(read(&folder(&twice)).is_ok());
}

#[test]
fn files_that_do_not_fit_each_other_are_refused() {
    let (images, labels) = (grey(2, 3, &PIXELS), labels_file(&[1, 0]));
    let with = |train_labels: &[u8], test_images: &[u8], test_labels: &[u8]| {
        folder(&[
            ("train-images-idx3-ubyte", &images),
            ("train-labels-idx1-ubyte", train_labels),
            ("t10k-images-idx3-ubyte", test_images),
            ("t10k-labels-idx1-ubyte", test_labels),
        ])
    };
    let three = labels_file(&[0, 1, 0]);
    assert_error(
        &with(&three, &images, &labels),
        "train-labels-idx1-ubyte has 3 labels; as many were expected",
    );
    assert_error(
        &with(&labels, &images, &three),
        "t10k-labels-idx1-ubyte has 3 labels",
    );
    assert_error(
        &with(&labels, &grey(3, 2, &PIXELS), &labels),
        "t10k-images-idx3-ubyte holds images of 3×2 pixels, but",
    );
    assert_error(
        &with(&labels, &images, &labels_file(&[0, 2])),
        "t10k-labels-idx1-ubyte has label 2 at position 1 (1 image of that class)",
    );
    assert_error(
        &with(b"nonsense", &images, &labels),
        "train-labels-idx1-ubyte is not an IDX file",
    );
}

#[test]
fn mappings_must_name_every_label_once() {
    for (mapping, expected) in [
        ("", "does not name the labels from 0 on"),
        ("0 48\n2 50\n", "does not name the labels from 0 on"),
        ("1 48\n2 50\n", "does not name the labels from 0 on"),
        ("0 48\n0 49\n", "has label 0 twice"),
        (
            "0 48\nA 65\n",
            "no label with one or two codes of characters in line 2",
        ),
        ("0\n", "in line 1"),
        ("0 48 49 50\n", "in line 1"),
        ("0 7\n", "in line 1"),
        ("0 32\n", "in line 1"),
        ("0 1114112\n", "in line 1"),
        ("0 48\n", "has label 1 at position 1"),
        ("0 48\n1 \u{fffd}", "in line 2"),
    ] {
        assert_error(&emnist("digits", &[0, 1], mapping), expected);
    }
    let sorted = read(&emnist("digits", &[0, 1], "1\t49 \r\n0 48")).unwrap();
    assert_eq!(sorted.class_names, ["0", "1"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn emnist_is_the_transpose_of_what_its_files_hold(
        height in 1_u32..12,
        width in 1_u32..12,
        count in 1_usize..5,
        seed in any::<u8>(),
    ) {
        let (rows, columns) = (height as usize, width as usize);
        let values: Vec<u8> = (0..count * rows * columns)
            .map(|i| (i as u8).wrapping_mul(29).wrapping_add(seed))
            .collect();
        let folder = folder(&[
            ("emnist-mnist-train-images-idx3-ubyte", &grey(height, width, &values)),
            ("emnist-mnist-train-labels-idx1-ubyte", &labels_file(&vec![0; count])),
        ]);
        let arrays = read(&folder).unwrap();
        prop_assert_eq!((arrays.shape.height, arrays.shape.width), (columns, rows));
        for (index, value) in arrays.parts.train.images.iter().enumerate() {
            let (image, pixel) = (index / (rows * columns), index % (rows * columns));
            let (y, x) = (pixel / rows, pixel % rows);
            prop_assert_eq!(*value, values[image * rows * columns + x * columns + y]);
        }
    }

    #[test]
    fn any_text_is_a_mapping_or_an_error(mapping in "([0-9 ]{0,8}\n){0,4}.{0,8}") {
        if let Ok(arrays) = read(&emnist("digits", &[0, 0], &mapping)) {
            prop_assert!(arrays.class_names.iter().all(|name| !name.is_empty()));
        }
    }
}
