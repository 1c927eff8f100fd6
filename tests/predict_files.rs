//! Files that are no pictures, or none that can be read, are named with what is wrong; folders
//! stand for the pictures in them.

mod pictures;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use fmnist::predict::{MAX_FILE_BYTES, Show, decode, expand, load, write_png};
use pictures::{SHOP, chunk, grey_png, jpeg, paint, png_with, rgb_png, test_images, zlib};
use png::{BitDepth, ColorType};

/// The message of the error that loading `path` must give; it must name the file.
fn error(path: &Path) -> String {
    let message = format!("{:#}", load(path).expect_err("it is no picture"));
    let file = path.display().to_string();
    assert!(message.starts_with(&file), "{message}");
    message
}

/// Writes `bytes` to a file of this name and returns the message of loading it.
#[track_caller]
fn assert_refused(name: &str, bytes: &[u8], expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    let message = error(&path);
    assert!(
        message.contains(expected),
        "`{expected}` is not in: {message}"
    );
}

fn shop_jpeg() -> Vec<u8> {
    jpeg(&paint(&test_images(1)[0], SHOP), |_| ())
}

fn shop_png() -> Vec<u8> {
    rgb_png(&paint(&test_images(1)[0], SHOP))
}

#[test]
fn what_is_no_picture_is_refused() {
    assert_refused("empty.png", b"", "is empty");
    let neither = "neither a PNG nor a JPEG file";
    assert_refused("text.png", b"This is not a picture.\n", neither);
    assert_refused("moving.png", b"GIF89a\x01\0\x01\0\0\0\0;", neither);
    assert_refused("page.jpg", b"<!DOCTYPE html><html></html>", neither);
    assert_refused(
        "signature.png",
        b"\x89PNG\r\n\x1a\n",
        "cannot be decoded as PNG",
    );
    assert_refused(
        "signature.jpg",
        b"\xff\xd8\xff",
        "cannot be decoded as JPEG",
    );
}

#[test]
fn the_name_does_not_matter_but_the_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photo.txt");
    fs::write(&path, shop_jpeg()).unwrap();
    assert!(load(&path).is_ok());
}

#[test]
fn cut_off_pictures_are_refused() {
    let png = shop_png();
    let whole = decode(&png, "").unwrap();
    for end in (8..png.len()).step_by(97).chain(png.len() - 40..png.len()) {
        match decode(&png[..end], "cut.png") {
            Err(error) => assert!(
                error
                    .to_string()
                    .contains("cut.png cannot be decoded as PNG")
            ),
            // All pixels may be there before the end of the file is.
            Ok(picture) => {
                assert!(end >= png.len() - 24, "{end} of {}", png.len());
                assert_eq!(picture, whole);
            }
        }
    }
    let jpeg = shop_jpeg();
    for end in (3..jpeg.len())
        .step_by(97)
        .chain(jpeg.len() - 40..jpeg.len())
    {
        let error = decode(&jpeg[..end], "cut.jpg").expect_err("its end is missing");
        assert!(
            error
                .to_string()
                .contains("cut.jpg cannot be decoded as JPEG")
        );
    }
}

#[test]
fn flipped_bits_of_a_png_file_are_noticed() {
    let file = shop_png();
    for at in (8..file.len() - 12).step_by(61) {
        let mut flipped = file.clone();
        flipped[at] ^= 4;
        assert!(decode(&flipped, "flipped.png").is_err(), "byte {at}");
    }
}

/// A PNG file of a header alone.
fn header_of(width: u32, height: u32) -> Vec<u8> {
    let header = [
        &width.to_be_bytes()[..],
        &height.to_be_bytes(),
        &[8, 6, 0, 0, 0],
    ]
    .concat();
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"IHDR", &header)].concat()
}

#[test]
fn too_many_pixels_are_refused_before_anything_else() {
    let too_many = "20000×20000 pixels, but at most 50 million are read";
    assert_refused("large.png", &header_of(20_000, 20_000), too_many);
    let most = i32::MAX as u32;
    assert_refused("huge.png", &header_of(most, most), "2147483647×2147483647");

    let mut file = shop_jpeg();
    let frame = file.windows(2).position(|pair| pair == b"\xff\xc0");
    let size = frame.expect("it has a frame header") + 5;
    file[size..size + 4].copy_from_slice(&[0x4e, 0x20, 0x4e, 0x20]);
    assert_refused("large.jpg", &file, too_many);
}

#[test]
fn a_header_alone_is_no_picture() {
    assert_refused(
        "most.png",
        &header_of(10_000, 5_000),
        "cannot be decoded as PNG",
    );
    assert_refused("none.png", &header_of(0, 5), "cannot be decoded as PNG");
}

#[test]
fn a_file_that_unpacks_to_far_more_than_its_pixels_is_read_up_to_them() {
    // 28×28 pixels and then 256 MiB of zeros; and as much in metadata.
    let mut rows = Vec::new();
    for row in test_images(1)[0].chunks(28) {
        rows.push(0);
        rows.extend(row);
    }
    rows.resize(256 << 20, 0);
    let header = [0, 0, 0, 28, 0, 0, 0, 28, 8, 0, 0, 0, 0];
    let packed = zlib(&rows);
    let mut text = b"Comment\0\0".to_vec();
    text.extend(&packed);
    let parts = [
        b"\x89PNG\r\n\x1a\n".to_vec(),
        chunk(b"IHDR", &header),
        chunk(b"iCCP", &text),
        chunk(b"zTXt", &text),
        chunk(b"IDAT", &packed),
        chunk(b"IEND", &[]),
    ];
    let picture = decode(&parts.concat(), "bomb.png").unwrap();
    assert_eq!(picture.to_input(), Some(test_images(1)[0]));
}

#[test]
fn a_jpeg_file_of_very_many_scans_is_refused() {
    let file = jpeg(&paint(&test_images(1)[0], SHOP), |encoder| {
        encoder.set_progressive(true);
    });
    let scan = file.windows(2).rposition(|pair| pair == b"\xff\xda");
    let (before, last) = file.split_at(scan.expect("it has scans"));
    let last = &last[..last.len() - 2];
    let of_scans = |times| [before, &last.repeat(times), b"\xff\xd9"].concat();
    assert!(decode(&of_scans(2), "two.jpg").is_ok());
    assert_refused("scans.jpg", &of_scans(40), "scans; at most 32");
}

#[test]
fn what_comes_behind_the_picture_does_not_matter() {
    let mut file = shop_jpeg();
    let alone = decode(&file, "photo.jpg").unwrap();
    file.extend(b"\xff\xda".repeat(1000));
    assert_eq!(decode(&file, "photo.jpg").unwrap(), alone);
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let folder = tempfile::tempdir().unwrap();
    assert!(error(&folder.path().join("missing.png")).contains("cannot be read"));
    assert!(error(folder.path()).contains("holds no .png, .jpg or .jpeg file"));

    let large = folder.path().join("large.png");
    let file = File::create(&large).unwrap();
    file.set_len(MAX_FILE_BYTES + 1).unwrap();
    assert!(error(&large).contains("more than 64 MiB"));
    file.set_len(MAX_FILE_BYTES).unwrap();
    assert!(error(&large).contains("neither a PNG nor a JPEG"));
}

#[cfg(unix)]
#[test]
fn devices_are_not_read() {
    assert!(error(Path::new("/dev/zero")).contains("is not a file"));
}

#[test]
fn a_folder_stands_for_the_pictures_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for name in ["b.jpg", "a.png", "C.JPEG", "notes.txt", "png", "d.png.bak"] {
        fs::write(at(name), "").unwrap();
    }
    fs::create_dir_all(at("inner.png")).unwrap();
    fs::write(at("inner.png/e.png"), "").unwrap();
    fs::create_dir(at("empty")).unwrap();

    let paths = ["zz", "notes.txt", "", "empty", "b.jpg"].map(at);
    let expected = [
        "zz",
        "notes.txt",
        "C.JPEG",
        "a.png",
        "b.jpg",
        "empty",
        "b.jpg",
    ];
    assert_eq!(expand(&paths), expected.map(at));
    assert_eq!(expand(&[]), Vec::<PathBuf>::new());
}

#[test]
fn what_is_written_is_read_again_and_nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("used.png");
    let image = test_images(1)[0];
    write_png(&path, &image).unwrap();
    assert_eq!(load(&path).unwrap().to_input(), Some(image));

    let message = write_png(&path, &[0; 784]).unwrap_err().to_string();
    assert!(message.contains("used.png exists already and is not overwritten"));
    assert_eq!(load(&path).unwrap().to_input(), Some(image));

    let nowhere = folder.path().join("missing/used.png");
    let message = write_png(&nowhere, &image).unwrap_err().to_string();
    assert!(message.contains("missing/used.png cannot be written"));
}

#[test]
fn what_was_seen_is_shown_in_a_file_or_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let image = test_images(1)[0];
    let picture = Path::new("photos/boot.jpg");

    let file = Show::at(&at("seen.PNG"), 1).unwrap();
    file.write(picture, &image).unwrap();
    assert_eq!(load(&at("seen.PNG")).unwrap().to_input(), Some(image));
    let message = Show::at(&at("seen.png"), 2).unwrap_err().to_string();
    assert!(message.contains("2 pictures — name a folder"), "{message}");

    fs::create_dir(at("old.png")).unwrap();
    for (name, pictures) in [("new/inner", 2), ("new/inner", 1), ("old.png", 2)] {
        let shown = at(name).join("boot.jpg.png");
        let folder = Show::at(&at(name), pictures).unwrap();
        if pictures == 1 {
            let message = folder.write(picture, &image).unwrap_err().to_string();
            assert!(message.contains("is not overwritten"), "{message}");
        } else {
            folder.write(picture, &image).unwrap();
            folder.write(Path::new("boot.png"), &image).unwrap();
        }
        assert_eq!(load(&shown).unwrap().to_input(), Some(image));
    }
    let message = format!("{:#}", Show::at(&at("seen.PNG/inner"), 1).unwrap_err());
    assert!(message.contains("cannot be made"), "{message}");
}

#[test]
fn damaged_exif_data_is_ignored() {
    let image = test_images(1)[0];
    let file = png_with(
        28,
        28,
        ColorType::Grayscale,
        BitDepth::Eight,
        &image,
        |info| {
            info.exif_metadata = Some(b"MM\0*\xff\xff\xff\xff"[..].into());
        },
    );
    assert_eq!(
        decode(&file, "").unwrap(),
        decode(&grey_png(28, 28, &image), "").unwrap()
    );
}
