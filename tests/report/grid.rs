//! The picture of samples shows the samples, and destroys no file.

use std::fs::{self, File};
use std::io::BufReader;

use fmnist::dataset::FASHION_MNIST_SHAPE;
use fmnist::report::grid::draw_grid;

#[test]
fn every_image_is_at_its_place() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("grid.png");
    let images: Vec<Vec<u8>> = (0..5_u8)
        .map(|n| (0..784).map(|i| (i as u8).wrapping_mul(n + 1)).collect())
        .collect();
    let rows = vec![
        vec![&images[0][..], &images[1], &images[2]],
        vec![&images[3], &images[4]],
    ];
    draw_grid(&path, FASHION_MNIST_SHAPE, &rows, 2).unwrap();

    let mut reader = png::Decoder::new(BufReader::new(File::open(&path).unwrap()))
        .read_info()
        .unwrap();
    let mut picture = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut picture).unwrap();
    assert_eq!(info.color_type, png::ColorType::Grayscale);
    // Two pixels for one, and four between and around.
    let (width, height) = (info.width as usize, info.height as usize);
    assert_eq!((width, height), (3 * 60 + 4, 2 * 60 + 4));
    let mut drawn = vec![255; width * height];
    for (row, images) in rows.iter().enumerate() {
        for (column, image) in images.iter().enumerate() {
            for (y, x) in (0..56).flat_map(|y| (0..56).map(move |x| (y, x))) {
                drawn[(row * 60 + 4 + y) * width + column * 60 + 4 + x] =
                    255 - image[y / 2 * 28 + x / 2];
            }
        }
    }
    assert!(picture == drawn);
}

#[test]
fn an_existing_file_is_not_overwritten() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("grid.png");
    fs::write(&path, b"precious").unwrap();
    let error = draw_grid(&path, FASHION_MNIST_SHAPE, &[vec![&[0; 784]]], 1).unwrap_err();
    assert!(error.to_string().contains("grid.png exists"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"precious");
}

#[test]
fn a_folder_that_is_missing_is_named() {
    let root = tempfile::tempdir().unwrap();
    let error = draw_grid(
        &root.path().join("none").join("grid.png"),
        FASHION_MNIST_SHAPE,
        &[vec![&[0; 784]]],
        1,
    )
    .unwrap_err();
    assert!(
        error.to_string().contains("grid.png cannot be written"),
        "{error}"
    );
}
