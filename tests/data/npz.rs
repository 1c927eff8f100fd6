//! The NPZ reader takes Keras's and MedMNIST's arrays and names what is wrong with everything else.

use std::path::Path;
use std::time::Instant;

use crate::common::npz_files::{Entry, npy, npy_of, zip};
use fmnist::dataset::ImageShape;
use fmnist::dataset::npz;
use fmnist::dataset::parts::{Arrays, Labelled};
use proptest::prelude::*;

/// A name and the array of that name.
type Named<'a> = (&'a str, &'a [u8]);

const GREY: ImageShape = ImageShape {
    channels: 1,
    height: 2,
    width: 3,
};

/// Three grey images of 2×3 pixels, all values different.
fn pixels() -> Vec<u8> {
    (0..18).collect()
}

fn images() -> Vec<u8> {
    npy("|u1", &[3, 2, 3], &pixels())
}

fn labels(labels: [u8; 3]) -> Vec<u8> {
    npy("|u1", &[3], &labels)
}

/// An archive of these arrays.
fn archive(arrays: &[Named]) -> Vec<u8> {
    let entry = |(name, bytes): &Named| Entry::stored(&format!("{name}.npy"), bytes);
    zip(&arrays.iter().map(entry).collect::<Vec<_>>())
}

/// An archive of images and labels to train on.
fn training(images: &[u8], labels: &[u8]) -> Vec<u8> {
    archive(&[("x_train", images), ("y_train", labels)])
}

#[track_caller]
fn assert_error(bytes: &[u8], expected: &str) {
    let message = npz::decode(bytes, "folder/some.npz")
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("folder/some.npz"),
        "does not name the file: {message}"
    );
    assert!(
        message.contains(expected),
        "`{expected}` is not in: {message}"
    );
}

/// Channels before pixels, by their definition.
fn planar(images: &[u8], pixels: usize) -> Vec<u8> {
    let image = |image: &[u8]| -> Vec<u8> {
        let plane = |channel: usize| image.iter().copied().skip(channel).step_by(3);
        (0..3).flat_map(plane).collect()
    };
    images.chunks(3 * pixels).flat_map(image).collect()
}

fn corpus(name: &str) -> Arrays {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/npz");
    npz::read(&folder.join(name)).expect("NumPy wrote it")
}

#[test]
fn what_numpy_saved_is_read() {
    let arrays = corpus("keras.npz");
    assert_eq!(
        arrays.shape,
        ImageShape {
            channels: 1,
            height: 4,
            width: 5
        }
    );
    assert_eq!(arrays.class_names, ["class 0", "class 1", "class 2"]);
    assert_eq!(arrays.parts.train.images, (0..60).collect::<Vec<u8>>());
    assert_eq!(arrays.parts.train.labels, [0, 1, 2]);
    assert_eq!(arrays.parts.validation, None);
    let test = arrays.parts.test.expect("a test part");
    assert_eq!(test.images, (100..140).collect::<Vec<u8>>());
    assert_eq!(test.labels, [2, 0]);
}

#[test]
fn what_numpy_saved_compressed_is_read() {
    let arrays = corpus("medmnist.npz");
    assert_eq!(
        arrays.shape,
        ImageShape {
            channels: 3,
            height: 4,
            width: 5
        }
    );
    let values: Vec<u8> = (0..180).collect();
    let part = |values: &[u8], more: u8, labels: &[u16]| {
        let values: Vec<u8> = values.iter().map(|value| value + more).collect();
        Labelled {
            images: planar(&values, 20),
            labels: labels.to_vec(),
        }
    };
    assert_eq!(arrays.parts.train, part(&values, 0, &[0, 1, 2]));
    assert_eq!(arrays.parts.validation, Some(part(&values[..60], 7, &[1])));
    assert_eq!(arrays.parts.test, Some(part(&values[60..], 9, &[0, 2])));
}

#[test]
fn grey_images_may_have_an_axis_of_channels() {
    let images = npy("|u1", &[3, 2, 3, 1], &pixels());
    let arrays = npz::decode(&training(&images, &labels([0, 1, 0])), "file").unwrap();
    assert_eq!((arrays.shape, arrays.parts.train.images), (GREY, pixels()));
    assert_eq!(arrays.class_names, ["class 0", "class 1"]);
}

#[test]
fn labels_of_every_type_of_whole_numbers_are_read() {
    for (descr, width) in [
        ("|u1", 1),
        ("|i1", 1),
        ("<u2", 2),
        (">u2", 2),
        ("<i2", 2),
        (">i2", 2),
        ("<u4", 4),
        (">u4", 4),
        ("<i4", 4),
        (">i4", 4),
        ("<u8", 8),
        (">u8", 8),
        ("<i8", 8),
        (">i8", 8),
    ] {
        let bytes = |label: u64| match descr.starts_with('>') {
            true => label.to_be_bytes()[8 - width..].to_vec(),
            false => label.to_le_bytes()[..width].to_vec(),
        };
        let largest = if width == 1 { 100 } else { 999 };
        let values = [0, largest, 1].map(bytes).concat();
        for shape in [&[3][..], &[3, 1]] {
            let file = training(&images(), &npy(descr, shape, &values));
            let arrays = npz::decode(&file, "file").expect(descr);
            assert_eq!(arrays.parts.train.labels, [0, largest as u16, 1], "{descr}");
            assert_eq!(arrays.class_names.len(), largest as usize + 1);
        }
        let beyond = match (width, descr.contains('i')) {
            (1, false) => continue,
            (_, true) => u64::MAX,
            (_, false) => 1000,
        };
        let label = beyond as i64;
        let file = training(
            &images(),
            &npy(descr, &[3], &[0, 1, beyond].map(bytes).concat()),
        );
        assert_error(
            &file,
            &format!("y_train has label {label} at position 2; labels from 0 to 999 were expected"),
        );
    }
    let truth = npy("|b1", &[3], &[0, 1, 1]);
    let arrays = npz::decode(&training(&images(), &truth), "file").unwrap();
    assert_eq!(arrays.parts.train.labels, [0, 1, 1]);
}

#[test]
fn all_versions_of_the_format_are_read() {
    let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (3, 2, 3), }";
    for version in [1, 2, 3] {
        let images = npy_of(version, header, &pixels());
        let arrays = npz::decode(&training(&images, &labels([0, 1, 2])), "file").unwrap();
        assert_eq!(arrays.parts.train.images, pixels());
    }
    let images = npy_of(4, header, &pixels());
    assert_error(
        &training(&images, &labels([0, 1, 2])),
        "in version 4.0 of the format",
    );
}

#[test]
fn a_class_without_images_between_others_is_kept() {
    let arrays = npz::decode(&training(&images(), &labels([0, 3, 0])), "file").unwrap();
    assert_eq!(arrays.class_names.len(), 4);
}

#[test]
fn other_names_are_refused_with_what_was_found_and_expected() {
    let (images, labels) = (images(), labels([0, 1, 2]));
    let train: [Named; 2] = [("x_train", &images), ("y_train", &labels)];
    let cases: [(&[Named], &str); 6] = [
        (
            &[],
            "holds nothing — expected are arrays named x_train, y_train, x_val",
        ),
        (
            &[("arr_0", &images), ("arr_1", &labels)],
            "holds arr_0, arr_1 — expected are arrays named x_train",
        ),
        (
            &[("x_test", &images), ("y_test", &labels)],
            "holds x_test, y_test — expected",
        ),
        (
            &[train[0]],
            "holds x_train but no y_train — save both, or neither",
        ),
        (
            &[train[0], train[1], ("y_val", &labels)],
            "holds y_val but no x_val",
        ),
        (
            &[train[0], train[1], ("test_images", &images)],
            "holds test_images, x_train, y_train — expected",
        ),
    ];
    for (arrays, expected) in cases {
        assert_error(&archive(arrays), expected);
    }
    let more = [
        train[0],
        train[1],
        ("x_valid", &images),
        ("y_valid", &labels),
    ];
    assert_error(&archive(&more), "train_images, train_labels, val_images");
    let unprintable = archive(&[("\u{1b}[31m", &images)]);
    assert_error(&unprintable, "holds  [31m —");
}

#[test]
fn a_name_that_is_there_twice_is_refused() {
    let entry = Entry::stored("x_train.npy", &images());
    let labels = Entry::stored("y_train.npy", &labels([0, 1, 2]));
    assert_error(&zip(&[entry.clone(), labels, entry]), "holds x_train twice");
}

#[test]
fn images_of_other_types_and_shapes_are_refused_with_advice() {
    let labels = labels([0, 1, 2]);
    let floats = npy("<f4", &[3, 2, 3], &[0; 72]);
    for (images, expected) in [
        (floats, "x_train is of type <f4 — save images as uint8"),
        (npy("<i8", &[3, 2, 3], &[0; 144]), "is of type <i8"),
        (npy("|b1", &[3, 2, 3], &[0; 18]), "is of type |b1"),
        (npy("|i1", &[3, 2, 3], &[0; 18]), "is of type |i1"),
        (npy("|O", &[3, 2, 3], &[0; 18]), "is of type |O"),
        (
            npy("|u1", &[3, 6], &pixels()),
            "has shape (3, 6); (images, height, width)",
        ),
        (npy("|u1", &[18], &pixels()), "has shape (18,);"),
        (npy("|u1", &[], &[0]), "has shape ();"),
        (
            npy("|u1", &[3, 1, 2, 3, 1], &pixels()),
            "has shape (3, 1, 2, 3, 1);",
        ),
        (
            npy("|u1", &[3, 3, 2, 2], &[0; 36]),
            "channels must come last",
        ),
        (
            npy("|u1", &[3, 2, 2, 4], &[0; 48]),
            "has shape (3, 2, 2, 4); (images",
        ),
        (npy("|u1", &[0, 2, 3], &[]), "holds no images"),
        (
            npy("|u1", &[3, 0, 3], &[]),
            "sides of 1 to 4096 pixels can be read",
        ),
        (
            npy("|u1", &[3, 1, 4097], &[0; 3 * 4097]),
            "holds images of 1×4097 pixels",
        ),
        (
            npy("|u1", &[1_000_001, 1, 1], &[0]),
            "declares 1,000,001 images; at most 1,000,000",
        ),
        (
            npy("|u1", &[4, 2, 3], &[0; 24]),
            "x_train has 4 images but y_train has 3 labels",
        ),
    ] {
        assert_error(&training(&images, &labels), expected);
    }
    let header = "{'descr': '|u1', 'fortran_order': True, 'shape': (3, 2, 3), }";
    assert_error(
        &training(&npy_of(1, header, &pixels()), &labels),
        "x_train is stored column by column — save numpy.ascontiguousarray",
    );
    let header = "{'descr': [('r', '|u1')], 'fortran_order': False, 'shape': (3, 2, 3), }";
    assert_error(
        &training(&npy_of(1, header, &pixels()), &labels),
        "has a header that is not understood",
    );
}

#[test]
fn labels_of_other_types_and_shapes_are_refused_with_advice() {
    for (labels, expected) in [
        (
            npy("|u1", &[3, 2], &[0; 6]),
            "y_train has shape (3, 2), several labels for each image",
        ),
        (
            npy("<f4", &[3, 10], &[0; 120]),
            "of one-hot labels save .argmax(axis=1)",
        ),
        (
            npy("|u1", &[3, 1, 1], &[0; 3]),
            "has shape (3, 1, 1); (images,) or (images, 1)",
        ),
        (npy("|u1", &[], &[0]), "has shape ();"),
        (
            npy("<f8", &[3], &[0; 24]),
            "is of type <f8 — save labels as whole numbers",
        ),
        (npy("<U5", &[3], &[0; 60]), "is of type <U5"),
        (npy("<i3", &[3], &[0; 9]), "is of type <i3"),
        (npy("|u1", &[0], &[]), "holds no labels"),
        (
            npy("|u1", &[2], &[0; 2]),
            "x_train has 3 images but y_train has 2 labels",
        ),
    ] {
        assert_error(&training(&images(), &labels), expected);
    }
}

#[test]
fn parts_must_agree() {
    let (images, train_labels) = (images(), labels([0, 1, 1]));
    let with_test = |test_images: &[u8], test_labels: &[u8]| {
        archive(&[
            ("x_train", &images),
            ("y_train", &train_labels),
            ("x_test", test_images),
            ("y_test", test_labels),
        ])
    };
    let colour = npy("|u1", &[3, 2, 3, 3], &[0; 54]);
    assert_error(
        &with_test(&colour, &train_labels),
        "x_test holds images of 2×3 pixels in 3 channels, but x_train of 2×3 pixels",
    );
    assert_error(
        &with_test(&images, &labels([2, 0, 2])),
        "y_test has label 2 at position 0 (2 images of that class), but y_train has 2 classes only",
    );
}

#[test]
fn what_is_no_archive_of_arrays_is_refused() {
    let (good_images, good_labels) = (images(), labels([0, 1, 2]));
    let good = training(&good_images, &good_labels);
    for bytes in [
        &[][..],
        b"PK\x05\x06",
        b"<!DOCTYPE html>",
        &good[..good.len() - 30],
    ] {
        assert_error(bytes, "is not a whole ZIP archive");
    }
    // A ZIP inside a ZIP, in the place of an array, or beside none.
    assert_error(&training(&good, &good_labels), "x_train is no NumPy array");
    assert_error(
        &zip(&[Entry::stored("inner.npz", &good)]),
        "holds inner.npz — expected",
    );
    for end in 0..good_images.len() {
        assert!(npz::decode(&training(&good_images[..end], &good_labels), "file").is_err());
    }
    assert_error(
        &training(&good_images[..5], &good_labels),
        "x_train is cut off",
    );
    let mut long = good_images.clone();
    long.push(0);
    assert_error(
        &training(&long, &good_labels),
        "(3, 2, 3) do not take 19 bytes",
    );
    let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (3, 2, 3), }";
    let header = format!("{header}{}", " ".repeat(20_000));
    let long = npy_of(2, &header, &pixels());
    assert_error(
        &training(&long, &good_labels),
        "no array of images or labels needs more than 10000",
    );
}

/// An archive whose first array is described in another way than it is.
fn lying(lie: impl FnOnce(&mut Entry)) -> Vec<u8> {
    let mut images = Entry::deflated("x_train.npy", &images());
    lie(&mut images);
    zip(&[images, Entry::stored("y_train.npy", &labels([0, 1, 2]))])
}

#[test]
fn lying_headers_of_the_archive_are_refused() {
    assert!(npz::decode(&lying(|_| {}), "file").is_ok());
    assert_error(&lying(|entry| entry.flags = 1), "x_train is encrypted");
    assert_error(&lying(|entry| entry.method = 12), "x_train is packed by");
    assert_error(&lying(|entry| entry.crc ^= 1), "x_train is damaged");
    assert_error(
        &lying(|entry| entry.size += 1),
        "(3, 2, 3) do not take 19 bytes",
    );
    assert_error(
        &lying(|entry| entry.size = u32::MAX - 1),
        "packed ones cannot stand for",
    );
    assert_error(
        &lying(|entry| entry.packed_size += 100_000),
        "more packed bytes than the file has",
    );
    assert_error(&lying(|entry| entry.packed_size -= 5), "x_train is");
    assert_error(
        &lying(|entry| entry.packed.fill(0xff)),
        "x_train is damaged",
    );
}

#[test]
fn arrays_that_share_bytes_are_refused() {
    let images = Entry::stored("x_train.npy", &npy("|u1", &[1000, 1, 1], &[0; 1000]));
    let labels = |name| Entry::stored(name, &npy("|u1", &[1000], &[0; 1000]));
    let twin = Entry {
        name: "x_test.npy".to_owned(),
        packed: Vec::new(),
        ..images.clone()
    };
    let mut archive = zip(&[images, labels("y_train.npy"), labels("y_test.npy"), twin]);
    // In the directory the place is what stands before the name.
    let name = archive.windows(6).rposition(|name| name == b"x_test");
    let name = name.expect("it is in the directory");
    archive[name - 4..name].copy_from_slice(&[0; 4]);
    assert_error(&archive, "more packed bytes than the file has");
}

#[test]
fn shapes_that_overflow_are_refused() {
    let labels = labels([0, 1, 2]);
    let huge = usize::MAX;
    for shape in [[huge, 2, 3], [3, huge, huge], [1_000_000, 4096, 4096]] {
        let start = Instant::now();
        for _ in 0..100 {
            let file = training(&npy("|u1", &shape, &pixels()), &labels);
            assert!(npz::decode(&file, "file").is_err());
        }
        assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
    }
    let file = training(&npy("|u1", &[1_000_000, 4096, 4096], &pixels()), &labels);
    assert_error(&file, "do not take 18 bytes");
}

#[test]
fn a_bomb_is_left_where_its_header_ends() {
    // 8 MB of zeros behind an array of 18 bytes; once the archive admits to them, once not.
    let bomb = [images(), vec![0; 8 << 20]].concat();
    let bomb = Entry::deflated("x_train.npy", &bomb);
    let labels = Entry::stored("y_train.npy", &labels([0, 1, 2]));
    assert_error(
        &zip(&[bomb.clone(), labels.clone()]),
        "do not take 8,388,626 bytes",
    );
    let size = u32::try_from(images().len()).unwrap();
    assert_error(
        &zip(&[Entry { size, ..bomb }, labels]),
        "x_train is damaged",
    );
}

#[test]
fn a_million_files_are_not_listed() {
    let entries: Vec<Entry> = (0..1001)
        .map(|i| Entry::stored(&i.to_string(), b""))
        .collect();
    assert_error(&zip(&entries), "holds more than 1000 files");
    // Fewer than declared.
    let mut archive = training(&images(), &labels([0, 1, 2]));
    let count = archive.len() - 12;
    archive[count..count + 2].copy_from_slice(&3_u16.to_le_bytes());
    assert_error(&archive, "it holds 2 files but declares 3");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let message = npz::read(Path::new("no/such.npz")).unwrap_err().to_string();
    assert!(
        message.contains("no/such.npz could not be opened"),
        "{message}"
    );
}

proptest! {
    #[test]
    fn arrays_survive_a_round_trip(
        height in 1_usize..9,
        width in 1_usize..9,
        colour in any::<bool>(),
        labels in prop::collection::vec(0_u16..1000, 1..12),
        packed in any::<bool>(),
        seed in any::<u8>(),
    ) {
        let channels = if colour { 3 } else { 1 };
        let count = labels.len();
        let values: Vec<u8> = (0..count * height * width * channels)
            .map(|i| (i as u8).wrapping_mul(37).wrapping_add(seed))
            .collect();
        let images = npy("|u1", &[count, height, width, channels], &values);
        let bytes: Vec<u8> = labels.iter().flat_map(|label| label.to_be_bytes()).collect();
        let entry = if packed { Entry::deflated } else { Entry::stored };
        let file = zip(&[
            entry("train_labels.npy", &npy(">u2", &[count, 1], &bytes)),
            entry("train_images.npy", &images),
        ]);
        let arrays = npz::decode(&file, "file").unwrap();
        prop_assert_eq!(arrays.shape, ImageShape { channels, height, width });
        let expected = if colour { planar(&values, height * width) } else { values };
        prop_assert_eq!(arrays.parts.train, Labelled { images: expected, labels });
    }

    #[test]
    fn a_changed_file_is_an_error_or_a_dataset(
        packed in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<Option<prop::sample::Index>>(),
    ) {
        let entry = if packed { Entry::deflated } else { Entry::stored };
        let mut file = zip(&[
            entry("x_train.npy", &images()),
            entry("y_train.npy", &labels([0, 1, 2])),
        ]);
        for (at, byte) in changes {
            let at = at.index(file.len());
            file[at] = byte;
        }
        if let Some(cut) = cut {
            file.truncate(cut.index(file.len()));
        }
        if let Ok(Arrays { shape, class_names, parts }) = npz::decode(&file, "file") {
            prop_assert_eq!(parts.train.images.len(), parts.train.labels.len() * shape.values());
            prop_assert!(parts.train.labels.iter().all(|&label| usize::from(label) < class_names.len()));
        }
    }
}
