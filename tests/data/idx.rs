//! The IDX reader takes exactly the format and names what is wrong with everything else.

use std::io::{BufRead, BufReader, Read, Write};

use crate::common::idx_files::{gzip, images_file, labels_file};
use flate2::{Compression, write::GzEncoder};
use fmnist::dataset::idx::{self, MAX_ITEMS};
use fmnist::dataset::{CLASSES, FASHION_MNIST_SHAPE, ImageShape};
use proptest::prelude::*;

fn read_images(input: &mut dyn BufRead, file: &str) -> fmnist::Result<Vec<u8>> {
    idx::read_images(input, file, FASHION_MNIST_SHAPE)
}

fn read_labels(input: &mut dyn BufRead, file: &str) -> fmnist::Result<Vec<u8>> {
    let labels = idx::read_labels(input, file, CLASSES)?;
    Ok(labels.into_iter().map(|label| label as u8).collect())
}

type Reader = fn(&mut dyn BufRead, &str) -> fmnist::Result<Vec<u8>>;

/// The message of the error that reading `bytes` must give; it must name the file.
fn error(reader: Reader, bytes: &[u8]) -> String {
    let message = reader(&mut &bytes[..], "folder/some-file")
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("folder/some-file"),
        "does not name the file: {message}"
    );
    message
}

#[track_caller]
fn assert_error(reader: Reader, bytes: &[u8], expected: &str) {
    let message = error(reader, bytes);
    assert!(
        message.contains(expected),
        "`{expected}` is not in: {message}"
    );
}

fn two_images() -> Vec<u8> {
    (0..2 * 784).map(|i| (i % 251) as u8).collect()
}

/// The file with the `u32` at `offset` replaced.
fn with_word(mut file: Vec<u8>, offset: usize, word: u32) -> Vec<u8> {
    file[offset..offset + 4].copy_from_slice(&word.to_be_bytes());
    file
}

#[test]
fn good_files_are_read_packed_or_not() {
    let (pixels, labels) = (two_images(), vec![0, 9, 3]);
    for pack in [<[u8]>::to_vec as fn(&[u8]) -> Vec<u8>, gzip] {
        assert_eq!(
            read_images(&mut &pack(&images_file(&pixels))[..], "i").unwrap(),
            pixels
        );
        assert_eq!(
            read_labels(&mut &pack(&labels_file(&labels))[..], "l").unwrap(),
            labels
        );
    }
}

#[test]
fn wrong_magic_numbers_are_refused() {
    assert_error(
        read_images,
        &labels_file(&[1, 2, 3]),
        "is not an IDX file of images",
    );
    assert_error(
        read_labels,
        &images_file(&two_images()),
        "0x00000801 was expected",
    );
    assert_error(
        read_images,
        b"<!DOCTYPE html><html></html>",
        "is not an IDX file of images",
    );
}

#[test]
fn other_dimensions_are_refused() {
    let file = images_file(&two_images());
    assert_error(
        read_images,
        &with_word(file.clone(), 8, 32),
        "32×28 pixels; 28×28 pixels were expected",
    );
    assert_error(
        read_images,
        &with_word(file, 12, 29),
        "28×29 pixels; 28×28 pixels were expected",
    );
}

#[test]
fn cut_off_files_are_refused_wherever_the_cut_is() {
    let file = images_file(&two_images());
    for length in 0..file.len() {
        assert_error(read_images, &file[..length], "is cut off");
    }
    let packed = gzip(&file);
    for length in 2..packed.len() {
        assert_error(read_images, &packed[..length], "is cut off");
    }
    let labels = labels_file(&[1; 20]);
    for length in 0..labels.len() {
        assert_error(read_labels, &labels[..length], "is cut off");
    }
}

#[test]
fn trailing_bytes_are_refused() {
    let mut file = images_file(&two_images());
    file.push(0);
    assert_error(
        read_images,
        &file,
        "has bytes after the 1,584 bytes its header declares",
    );
    assert_error(
        read_images,
        &gzip(&file),
        "has bytes after the 1,584 bytes its header declares",
    );
}

#[test]
fn whatever_follows_a_gzip_member_is_refused() {
    let one = gzip(&labels_file(&[1, 2]));
    for rest in [vec![0], gzip(&labels_file(&[3])), gzip(b"")] {
        assert_error(
            read_labels,
            &[one.clone(), rest].concat(),
            "after its gzip data",
        );
    }
}

#[test]
fn what_is_packed_again_and_again_is_read() {
    let labels = vec![0, 9, 3];
    let mut packed = labels_file(&labels);
    for _ in 0..3 {
        packed = gzip(&packed);
        assert_eq!(read_labels(&mut &packed[..], "l").unwrap(), labels);
    }
    assert_error(read_labels, &gzip(&packed), "is not an IDX file of labels");
    // At each depth the same holds as at the first.
    let inner = gzip(&labels_file(&labels));
    assert_error(read_labels, &gzip(&inner[..20]), "is cut off");
    let trailing = [&inner[..], &[0]].concat();
    assert_error(read_labels, &gzip(&trailing), "after its gzip data");
    let outer = [gzip(&inner), vec![0]].concat();
    assert_error(read_labels, &outer, "after its gzip data");
    assert_error(read_labels, &gzip(&gzip(b"")), "is cut off");
}

#[test]
fn a_small_file_that_stands_for_gigabytes_is_left_early() {
    // 100,000 images of nothing, 78 MB: less than 2 kB when packed twice.
    let mut encoder = GzEncoder::new(
        GzEncoder::new(Vec::new(), Compression::best()),
        Compression::best(),
    );
    let head = with_word(images_file(&[]), 4, 100_000);
    encoder.write_all(&head).unwrap();
    let zeros = vec![0; 784 * 1000];
    for _ in 0..100 {
        encoder.write_all(&zeros).unwrap();
    }
    let bomb = encoder.finish().unwrap().finish().unwrap();
    assert!(bomb.len() < 2_000, "{}", bomb.len());
    assert_error(read_images, &bomb, "unpacks to far more");
}

#[test]
fn labels_of_ten_or_more_are_refused() {
    assert_error(
        read_labels,
        &labels_file(&[0, 9, 10, 1]),
        "label 10 at position 2",
    );
}

#[test]
fn empty_and_enormous_files_are_refused() {
    assert_error(read_images, &images_file(&[]), "holds no images");
    assert_error(read_labels, &labels_file(&[]), "holds no labels");
    let too_many = u32::try_from(MAX_ITEMS + 1).unwrap();
    assert_error(
        read_images,
        &with_word(images_file(&[]), 4, too_many),
        "at most 1000000",
    );
    assert_error(
        read_labels,
        &with_word(labels_file(&[]), 4, u32::MAX),
        "at most 1000000",
    );
}

/// An IDX file with a header of these words.
fn file_of(header: &[u32], data: &[u8]) -> Vec<u8> {
    let words = header.iter().flat_map(|word| word.to_be_bytes());
    words.chain(data.iter().copied()).collect()
}

#[test]
fn images_of_any_size_are_read() {
    let data: Vec<u8> = (0..2 * 3 * 4 * 5).collect();
    let shape = |channels, height, width| ImageShape {
        channels,
        height,
        width,
    };
    for (header, expected) in [
        (&[0x0803, 6, 4, 5][..], shape(1, 4, 5)),
        (&[0x0803, 120, 1, 1], shape(1, 1, 1)),
        (&[0x0804, 2, 3, 4, 5], shape(3, 4, 5)),
        (&[0x0804, 6, 1, 5, 4], shape(1, 5, 4)),
    ] {
        let file = file_of(header, &data);
        let read = idx::read_any_images(&mut &gzip(&file)[..], "file").unwrap();
        assert_eq!(read, (expected, data.clone()));
    }
}

#[test]
fn images_that_make_no_dataset_are_refused() {
    let read = |input: &mut dyn BufRead, file: &str| Ok(idx::read_any_images(input, file)?.1);
    for (header, expected) in [
        (
            &[0x0803, 1, 0, 5][..],
            "0×5 pixels — sides of 1 to 4096 pixels",
        ),
        (&[0x0803, 1, 5, 4097], "5×4097 pixels — sides of 1 to 4096"),
        (&[0x0803, 1, u32::MAX, u32::MAX], "sides of 1 to 4096"),
        (
            &[0x0804, 1, 2, 5, 5],
            "in 2 channels — 1 channel (grey) or 3",
        ),
        (&[0x0804, 1, 32, 32, 3], "in 32 channels"),
        (&[0x0803, 1_000_001, 5, 5], "at most 1000000"),
        (&[0x0803, 1_000_000, 4096, 4096], "is cut off"),
        (&[0x0801, 1], "is not an IDX file of images"),
    ] {
        assert_error(read, &file_of(header, &[0; 25]), expected);
    }
}

#[test]
fn labels_of_two_bytes_are_read() {
    let file = file_of(&[0x0b01, 3], &[0, 1, 1, 44, 3, 231]);
    let labels = idx::read_labels(&mut &file[..], "file", 1000).unwrap();
    assert_eq!(labels, [1, 300, 999]);
    let error = idx::read_labels(&mut &file[..], "file", 999).unwrap_err();
    assert!(error.to_string().contains("label 999 at position 2"));
    let error = idx::read_labels(&mut &file[..file.len() - 1], "file", 999).unwrap_err();
    assert!(error.to_string().contains("is cut off"));
}

#[test]
fn damaged_gzip_data_is_refused() {
    let packed = gzip(&labels_file(&[5; 5000]));
    for position in [3, 12, packed.len() - 6, packed.len() - 2] {
        let mut damaged = packed.clone();
        damaged[position] ^= 0xff;
        error(read_labels, &damaged);
    }
    let mut wrong_crc = packed.clone();
    let crc = packed.len() - 8;
    wrong_crc[crc] ^= 1;
    assert_error(read_labels, &wrong_crc, "could not be unpacked");
}

/// Counts what is taken out of it.
struct Counted<R> {
    inner: R,
    taken: usize,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.taken += read;
        Ok(read)
    }
}

#[test]
fn a_gzip_bomb_is_left_after_the_declared_size() {
    // A header of two images, and half a gigabyte of zeros: half a megabyte packed.
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder
        .write_all(&images_file(&two_images())[..16])
        .unwrap();
    let zeros = vec![0; 1 << 20];
    for _ in 0..512 {
        encoder.write_all(&zeros).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    let mut input = BufReader::with_capacity(
        1024,
        Counted {
            inner: &bomb[..],
            taken: 0,
        },
    );
    let message = read_images(&mut input, "bomb").unwrap_err().to_string();
    assert!(
        message.contains("has bytes after the 1,584 bytes"),
        "{message}"
    );
    let taken = input.into_inner().taken;
    assert!(
        taken < bomb.len() / 10,
        "{taken} of {} bytes were read",
        bomb.len()
    );
}

#[test]
fn a_lying_header_does_not_make_the_reader_allocate() {
    // 784 MB declared, nothing there. Were that allocated and zeroed each time, this would take
    // minutes.
    let file = with_word(images_file(&[]), 4, u32::try_from(MAX_ITEMS).unwrap());
    let start = std::time::Instant::now();
    for _ in 0..100 {
        assert_error(read_images, &file, "is cut off");
    }
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}

proptest! {
    #[test]
    fn images_survive_a_round_trip(
        count in 1_usize..12,
        seed in any::<u8>(),
        packed in any::<bool>(),
        buffer in 1_usize..5000,
    ) {
        let pixels: Vec<u8> = (0..count * 784).map(|i| (i as u8).wrapping_mul(31).wrapping_add(seed)).collect();
        let file = images_file(&pixels);
        let file = if packed { gzip(&file) } else { file };
        let mut input = BufReader::with_capacity(buffer, &file[..]);
        prop_assert_eq!(read_images(&mut input, "file").unwrap(), pixels);
    }

    #[test]
    fn labels_survive_a_round_trip(labels in prop::collection::vec(0_u8..10, 1..3000), packed in any::<bool>()) {
        let file = labels_file(&labels);
        let file = if packed { gzip(&file) } else { file };
        prop_assert_eq!(read_labels(&mut &file[..], "file").unwrap(), labels);
    }

    #[test]
    fn any_bytes_at_all_are_an_error_or_a_dataset(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        for start in [&[][..], &[0x1f, 0x8b, 8, 0], &[0, 0, 8, 3], &[0, 0, 8, 1, 0, 0, 0]] {
            let file = [start, &bytes].concat();
            if let Ok(images) = read_images(&mut &file[..], "file") {
                prop_assert_eq!(images.len() % 784, 0);
            }
            if let Ok(labels) = read_labels(&mut &file[..], "file") {
                prop_assert!(labels.iter().all(|&label| label < 10));
            }
        }
    }
}
