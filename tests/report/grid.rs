//! The picture of samples shows the samples, and destroys no file.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

use fmnist::dataset::{FASHION_MNIST_SHAPE, ImageShape};
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
    draw_grid(&path, FASHION_MNIST_SHAPE, &rows).unwrap();

    let (color, width, height, picture) = read(&path);
    assert_eq!(color, png::ColorType::Grayscale);
    // Three pixels for one, and four between and around.
    assert_eq!((width, height), (3 * 88 + 4, 2 * 88 + 4));
    let mut drawn = vec![255; width * height];
    for (row, images) in rows.iter().enumerate() {
        for (column, image) in images.iter().enumerate() {
            for (y, x) in (0..84).flat_map(|y| (0..84).map(move |x| (y, x))) {
                drawn[(row * 88 + 4 + y) * width + column * 88 + 4 + x] =
                    255 - image[y / 3 * 28 + x / 3];
            }
        }
    }
    assert!(picture == drawn);
}

/// Colours, width, height and pixels.
fn read(path: &Path) -> (png::ColorType, usize, usize, Vec<u8>) {
    let file = BufReader::new(File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut picture = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut picture).unwrap();
    let (width, height) = (info.width as usize, info.height as usize);
    (info.color_type, width, height, picture)
}

#[test]
fn small_images_are_magnified_and_large_ones_reduced() {
    let root = tempfile::tempdir().unwrap();
    for ((height, width), expected) in [
        ((8, 8), (80, 80)),
        ((32, 32), (64, 64)),
        ((48, 64), (48, 64)),
        ((96, 85), (48, 43)),
        ((256, 256), (64, 64)),
        ((256, 8), (64, 2)),
    ] {
        let shape = ImageShape {
            channels: 3,
            height,
            width,
        };
        // Each channel of one brightness.
        let pixels = height * width;
        let image = [vec![10; pixels], vec![200; pixels], vec![90; pixels]].concat();
        let path = root.path().join(format!("{height}x{width}.png"));
        draw_grid(&path, shape, &[vec![&image[..]]]).unwrap();
        let (color, across, down, picture) = read(&path);
        assert_eq!(color, png::ColorType::Rgb);
        assert_eq!((down - 8, across - 8), expected, "{height}×{width}");
        let coloured = picture.chunks(3).filter(|pixel| *pixel == [10, 200, 90]);
        assert_eq!(coloured.count(), expected.0 * expected.1);
        let white = picture.chunks(3).filter(|pixel| *pixel == [255; 3]);
        assert_eq!(white.count(), across * down - expected.0 * expected.1);
    }
}

#[test]
fn many_rows_stand_side_by_side() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("grid.png");
    let images: Vec<Vec<u8>> = (0..1000).map(|n| vec![(n % 250) as u8; 784]).collect();
    let rows: Vec<Vec<&[u8]>> = images.iter().map(|image| vec![&image[..]; 12]).collect();
    draw_grid(&path, FASHION_MNIST_SHAPE, &rows).unwrap();
    let (_, width, height, picture) = read(&path);
    // Nine blocks of 112 rows, each pixel one pixel.
    assert_eq!((width, height), (9 * (12 * 32 + 24) - 20, 112 * 32 + 4));
    for (row, image) in images.iter().enumerate() {
        let (left, top) = (row / 112 * (12 * 32 + 24) + 4, row % 112 * 32 + 4);
        let pixel = picture[(top + 27) * width + left + 11 * 32 + 27];
        assert_eq!(pixel, 255 - image[0], "row {row}");
    }
}

#[test]
fn an_existing_file_is_not_overwritten() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("grid.png");
    fs::write(&path, b"precious").unwrap();
    let error = draw_grid(&path, FASHION_MNIST_SHAPE, &[vec![&[0; 784]]]).unwrap_err();
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
    )
    .unwrap_err();
    assert!(
        error.to_string().contains("grid.png cannot be written"),
        "{error}"
    );
}
