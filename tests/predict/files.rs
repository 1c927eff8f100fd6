//! Files that are no pictures, or none that can be read, are named with what is wrong; folders
//! stand for the pictures in them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::common::pictures::{
    SHOP, chunk, corpus, decode, exif, grey_png, interlaced_png, jpeg, paint, png_with,
    raw_profile, rgb_png, test_images, with_chunks, zlib,
};
use fmnist::dataset::FASHION_MNIST_SPEC;
use fmnist::picture::{Background, MAX_FILE_BYTES};
use fmnist::predict::{Show, expand, load, write_png};
use png::{BitDepth, ColorType};

/// The message of the error that loading `path` must give; it must name the file.
fn error(path: &Path) -> String {
    let message = format!(
        "{:#}",
        load(path, Background::Contrast).expect_err("it is no picture")
    );
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
    let none = "is no picture of a kind that is read — convert it to PNG, JPEG, WebP,";
    assert_refused("text.png", b"This is not a picture.\n", none);
    assert_refused("text.bmp", b"BMW and others: no picture at all\n", none);
    assert_refused("film.mp4", b"\0\0\0\x18ftypmp42\0\0\0\0", none);
    let page = b"<!DOCTYPE html><html><svg/></html>";
    assert_refused("page.jpg", page, "is a web page, not a picture");
    let notes = b"\0\x05\x16\x07\0\x02\0\0Mac OS X        ";
    assert_refused("._boot.jpg", notes, "(AppleDouble), not a picture");
    assert_refused("paper.jpg", b"%PDF-1.7\n", "is a PDF document, not");
    for (name, bytes) in [
        ("signature.png", &b"\x89PNG\r\n\x1a\n"[..]),
        ("signature.jpg", b"\xff\xd8\xff"),
        ("signature.gif", b"GIF89a"),
        ("signature.webp", b"RIFF\x40\0\0\0WEBP"),
        ("signature.tif", b"II*\0"),
    ] {
        assert_refused(name, bytes, "is cut off");
    }
}

#[test]
fn pictures_of_other_kinds_are_told_what_to_become() {
    for (bytes, what) in [
        (&b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"[..], "a HEIC picture"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "a HEIC picture"),
        (b"\0\0\0\x18ftypavif\0\0\0\0avifmif1", "an AVIF picture"),
        (
            b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom",
            "a camera's raw picture",
        ),
        (b"II*\0\x10\0\0\0CR\x02\0", "a camera's raw picture"),
        (b"FUJIFILMCCD-RAW 0201", "a camera's raw picture"),
        (b"MM\0+\0\x08\0\0", "a BigTIFF picture"),
        (b"\xff\x0a\xfa\x1f", "a JPEG XL picture"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture"),
        (b"8BPS\0\x01", "a Photoshop picture"),
        (b"\0\0\x01\0\x01\0\x10\x10", "an icon (ICO)"),
        (
            b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>",
            "an SVG drawing",
        ),
        (
            b"\xef\xbb\xbf<?xml version=\"1.0\"?>\n<svg/>",
            "an SVG drawing",
        ),
    ] {
        let expected = format!("photo is {what}, which is not read — convert it to PNG or JPEG");
        assert_refused("photo", bytes, &expected);
    }
}

#[test]
fn apples_own_png_files_are_named() {
    let file = shop_png();
    let parts = [&file[..8], &chunk(b"CgBI", &[0x50, 0, 0x20, 2]), &file[8..]];
    assert_refused("icon.png", &parts.concat(), "Apple's own form (CgBI)");
}

#[test]
fn a_raw_picture_of_a_camera_is_told_from_a_tiff_file() {
    // Its first directory is that of a small copy, as tag 254 says.
    let mut file = corpus("colour.tif");
    let directory = u32::from_le_bytes(file[4..8].try_into().unwrap()) as usize;
    file[directory + 2..][..12].copy_from_slice(&[0xfe, 0, 4, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
    assert_refused("photo.nef", &file, "a camera's raw picture");
}

#[test]
fn bits_in_the_other_order_are_not_taken_for_other_numbers() {
    // Tag 266 says so.
    let mut file = corpus("colour.tif");
    let directory = u32::from_le_bytes(file[4..8].try_into().unwrap()) as usize;
    file[directory + 2..][..12].copy_from_slice(&[0x0a, 1, 3, 0, 1, 0, 0, 0, 2, 0, 0, 0]);
    assert_refused("fax.tif", &file, "a TIFF file of a rare kind");
}

#[test]
fn tiff_files_that_would_take_very_much_are_refused() {
    // Tag 259 is the compression, 322 and 323 are the size of tiles, 324 and 325 where they lie.
    let with = |changes: &[(u16, u32)]| {
        let mut file = corpus("tiles.tif");
        let directory = u32::from_le_bytes(file[4..8].try_into().unwrap()) as usize;
        for entry in file[directory + 2..].chunks_exact_mut(12) {
            let tag = u16::from_le_bytes([entry[0], entry[1]]);
            if let Some((_, value)) = changes.iter().find(|(changed, _)| *changed == tag) {
                entry[2..8].copy_from_slice(&[4, 0, 1, 0, 0, 0]);
                entry[8..].copy_from_slice(&value.to_le_bytes());
            }
        }
        file
    };
    assert!(decode(&with(&[]), "").is_ok());
    assert_refused("jpeg.tif", &with(&[(259, 7)]), "with JPEG compression");
    let tile = with(&[(322, 1 << 20), (323, 1 << 10), (324, 8), (325, 100)]);
    assert_refused("tile.tif", &tile, "save it without tiles");
    let size = [(256, 10_000), (257, 5_001), (322, 1 << 14), (323, 1 << 13)];
    let large = with(&[&size[..], &[(324, 8), (325, 100)]].concat());
    assert_refused(
        "large.tif",
        &large,
        "pixels, but at most 50 million are read",
    );
}

#[test]
fn messages_are_words() {
    // Files of every format with a byte changed, at each place in turn.
    for name in [
        "colour.png",
        "cmyk.jpg",
        "colour.webp",
        "grey.gif",
        "colour.bmp",
        "colour.tif",
    ] {
        let whole = corpus(name);
        let mut refused = 0;
        for at in 0..whole.len().min(400) {
            for value in [0, 7, 0xff] {
                let mut file = whole.clone();
                file[at] = value;
                let Err(error) = decode(&file, "photo") else {
                    continue;
                };
                refused += 1;
                let message = format!("{error:#}");
                // Rust's own words for values have such.
                for sign in ["{", "}", "(\"", "::", "Some", "None", "Err", "[", "_"] {
                    assert!(!message.contains(sign), "{name}, byte {at}: {message}");
                }
                assert!(message.contains(" — "), "{name}, byte {at}: {message}");
            }
        }
        assert!(refused > 0, "{name}: nothing was refused");
    }
}

#[test]
fn the_name_does_not_matter_but_the_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photo.txt");
    fs::write(&path, shop_jpeg()).unwrap();
    assert!(load(&path, Background::Contrast).is_ok());
}

/// Some places in a file, and every one near its end.
fn ends(len: usize) -> impl Iterator<Item = usize> {
    (12..len).filter(move |end| end % 97 == 0 || end + 60 > len)
}

#[track_caller]
fn assert_cut_off(file: &[u8], place: &str) {
    let message = match decode(file, "cut") {
        Ok(_) => panic!("{place}: it is read"),
        Err(error) => error.to_string(),
    };
    assert!(message.starts_with("cut is cut off"), "{place}: {message}");
}

#[test]
fn a_cut_off_png_file_is_refused_unless_its_pixels_are_there() {
    let picture = paint(&test_images(1)[0], SHOP);
    for png in [rgb_png(&picture), interlaced_png(&picture)] {
        let whole = decode(&png, "").unwrap();
        // Behind the pixels come two checksums and the last chunk.
        let pixels = png.len() - 4 - 4 - 12;
        for end in ends(png.len()) {
            // The last bytes of the pixels may be needed, or may say no more than that they end.
            if end < pixels - 4 {
                assert_cut_off(&png[..end], &format!("{end} of {pixels}"));
            } else if end >= pixels {
                let shown = decode(&png[..end], "no end").unwrap();
                assert!(shown == whole, "{end} of {pixels}");
            }
        }
    }
}

/// Files of one scan, of one with restart markers, of several, in grey and in inks.
fn jpegs() -> Vec<Vec<u8>> {
    let picture = paint(&test_images(1)[0], SHOP);
    vec![
        jpeg(&picture, |_| ()),
        jpeg(&picture, |encoder| encoder.set_restart_interval(7)),
        jpeg(&picture, |encoder| encoder.set_progressive(true)),
        corpus("grey.jpg"),
        corpus("cmyk.jpg"),
        corpus("progressive.jpg"),
    ]
}

#[test]
fn a_jpeg_file_without_its_end_marker_is_read_and_a_cut_off_one_is_not() {
    for (index, file) in jpegs().iter().enumerate() {
        let whole = decode(file, "whole").unwrap();
        let data = file.len() - 2;
        assert_eq!(decode(&file[..data], "no end").unwrap(), whole, "{index}");
        assert_eq!(decode(&file[..=data], "half an end").unwrap(), whole);
        // What the last byte or two hold may be nothing but the padding.
        for end in ends(data - 2) {
            assert_cut_off(&file[..end], &format!("file {index}, {end} of {data}"));
        }
    }
}

#[test]
fn an_end_marker_does_not_make_a_cut_off_jpeg_file_whole() {
    for (index, file) in jpegs()[..2].iter().enumerate() {
        let scan = file
            .windows(2)
            .position(|pair| pair == b"\xff\xda")
            .unwrap()
            + 14;
        for end in ends(file.len() - 4).filter(|&end| end > scan) {
            let ended = [&file[..end], b"\xff\xd9"].concat();
            assert_cut_off(&ended, &format!("file {index}, {end}"));
        }
    }
}

#[test]
fn what_phones_put_behind_a_jpeg_file_does_not_matter() {
    for (index, file) in jpegs().iter().enumerate() {
        let whole = decode(file, "whole").unwrap();
        let data = &file[..file.len() - 2];
        // A film may begin with anything, and have another picture in it.
        for code in 0..=254 {
            let film = [[0xff, code, 0, 9], *b"ftyp", *b"mp42", [0xff, 0xda, 0, 3]];
            for end in [&b""[..], b"\xff\xd9", b"\xff\xff\xd9", b"\xff\xd7\xff\xd9"] {
                let long = [data, end, &film.concat(), file].concat();
                let shown = decode(&long, "long").unwrap();
                assert!(shown == whole, "file {index}, {code:x} behind {end:x?}");
            }
        }
    }
}

#[test]
fn cut_off_files_of_other_formats_are_refused() {
    for name in [
        "colour.bmp",
        "palette.bmp",
        "grey.gif",
        "moving.gif",
        "colour.tif",
        "deep.tif",
        "turned.tif",
        "clear.webp",
        "colour.webp",
        "lossless.webp",
        "moving.webp",
        "turned.webp",
    ] {
        let file = corpus(name);
        let whole = decode(&file, name).unwrap();
        for end in ends(file.len()) {
            match decode(&file[..end], "cut") {
                // What comes behind the pixels, or behind the first frame, may be missing.
                Ok(picture) => assert!(picture == whole, "{name}, {end} of {}", file.len()),
                Err(error) => assert!(
                    error.to_string().starts_with("cut is cut off"),
                    "{name}, {end} of {}: {error}",
                    file.len()
                ),
            }
        }
        assert_cut_off(&file[..file.len() / 3], name);
        let behind = [&file[..], b"and something more"].concat();
        assert!(decode(&behind, name).unwrap() == whole, "{name}");
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

    let mut file = corpus("colour.bmp");
    file[18..26].copy_from_slice(&[0x20, 0x4e, 0, 0, 0x20, 0x4e, 0, 0]);
    assert_refused("large.bmp", &file, too_many);
    let mut file = corpus("grey.gif");
    file[6..10].copy_from_slice(&[0x20, 0x4e, 0x20, 0x4e]);
    assert_refused("large.gif", &file, too_many);
    let mut file = corpus("turned.webp");
    file[24..30].copy_from_slice(&[0x1f, 0x4e, 0, 0x1f, 0x4e, 0]);
    assert_refused("large.webp", &file, too_many);
}

#[test]
fn a_header_alone_is_no_picture() {
    assert_refused("most.png", &header_of(10_000, 5_000), "is cut off");
    let none = [header_of(0, 5), chunk(b"IEND", &[])].concat();
    assert_refused("none.png", &none, "cannot be decoded as PNG");
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
fn texts_are_unpacked_up_to_a_bound_however_many_there_are() {
    let file = shop_png();
    let text = |text: &[u8]| {
        let text = [b"Raw profile type exif\0\0", &zlib(text)[..]].concat();
        chunk(b"zTXt", &text)
    };
    let orientation = text(&raw_profile("exif", &exif(6)));
    let with = |chunks: &[u8]| decode(&with_chunks(&file, chunks, false), "text.png").unwrap();
    let upright = decode(&file, "").unwrap();
    assert_ne!(with(&orientation), upright);
    // Four texts of a MiB each: then no more is unpacked.
    let long = text(&[b' '; 1 << 20]);
    let after = |times| with(&[long.repeat(times), orientation.clone()].concat());
    assert_ne!(after(3), upright);
    assert_eq!(after(4), upright);
}

#[test]
fn a_jpeg_file_of_very_many_scans_is_refused() {
    let file = jpeg(&paint(&test_images(1)[0], SHOP), |encoder| {
        encoder.set_progressive(true);
    });
    let mut scans = file.windows(2).enumerate();
    let mut next = || scans.find(|(_, pair)| *pair == b"\xff\xda").unwrap().0;
    let (first, second) = (next(), next());
    let of_scans = |times| {
        let again = file[first..second].repeat(times);
        [&file[..first], &again, &file[second..]].concat()
    };
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
    assert!(error(folder.path()).contains("is a folder that holds no picture;"));

    let large = folder.path().join("large.png");
    let file = File::create(&large).unwrap();
    file.set_len(MAX_FILE_BYTES + 1).unwrap();
    assert!(error(&large).contains("more than 64 MiB"));
    file.set_len(MAX_FILE_BYTES).unwrap();
    assert!(error(&large).contains("is no picture of a kind"));
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
    let jpeg: &[u8] = b"\xff\xd8\xff\xe0";
    let heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic";
    for (name, bytes) in [
        ("b.jpg", &b""[..]),
        ("a.png", b""),
        ("C.JPEG", b""),
        ("d.jfif", jpeg),
        ("E.WebP", b""),
        ("f", jpeg),
        ("g.txt", jpeg),
        ("h.HEIC", heic),
        ("i", heic),
        // What is no picture.
        ("notes.txt", b"b.jpg: a boot"),
        ("png", b""),
        ("paper.pdf", b"%PDF-1.7"),
        // What macOS and Windows leave behind.
        (".DS_Store", b"\0\0\0\x01Bud1"),
        ("._b.jpg", b"\0\x05\x16\x07\0\x02\0\0"),
        (".hidden.jpg", jpeg),
        ("Thumbs.db", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
        ("desktop.ini", b"[.ShellClassInfo]\r\n"),
    ] {
        fs::write(at(name), bytes).unwrap();
    }
    for inner in ["inner.png", "hidden"] {
        fs::create_dir_all(at(inner)).unwrap();
        fs::write(at(inner).join(".e.png"), jpeg).unwrap();
    }
    fs::create_dir(at("empty")).unwrap();

    // What is named is taken, twice if it is named twice.
    let paths = [
        "zz",
        "notes.txt",
        "",
        "empty",
        "hidden",
        ".hidden.jpg",
        "b.jpg",
    ]
    .map(at);
    let pictures = [
        "C.JPEG", "E.WebP", "a.png", "b.jpg", "d.jfif", "f", "g.txt", "h.HEIC", "i",
    ];
    let before = ["zz", "notes.txt"];
    let behind = ["empty", "hidden", ".hidden.jpg", "b.jpg"];
    let expected = [&before[..], &pictures, &behind].concat();
    let expected: Vec<PathBuf> = expected.into_iter().map(at).collect();
    assert_eq!(expand(&paths), expected);
    assert_eq!(expand(&[]), Vec::<PathBuf>::new());
    assert!(error(&at("hidden")).contains("hidden files, and folders in it, do not count"));
}

#[cfg(unix)]
#[test]
fn whatever_else_lies_in_a_folder_is_told_or_left_out() {
    use std::ffi::OsStr;
    use std::os::unix::{ffi::OsStrExt, fs::symlink};

    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let latin_1 = folder.path().join(OsStr::from_bytes(b"a\xe9.png"));
    fs::write(&latin_1, grey_png(28, 28, &test_images(1)[0])).unwrap();
    symlink(at("loop.png"), at("loop.png")).unwrap();
    symlink(at("round"), at("round")).unwrap();
    symlink(at("gone"), at("broken.jpg")).unwrap();
    symlink(folder.path(), at("up.png")).unwrap();
    symlink(&latin_1, at("link")).unwrap();
    for pipe in ["pipe", "pipe.png"] {
        let made = std::process::Command::new("mkfifo").arg(at(pipe)).status();
        assert!(made.unwrap().success());
    }
    let found = expand(&[folder.path().to_owned()]);
    let named = ["broken.jpg", "link", "loop.png", "pipe.png"].map(at);
    assert_eq!(found, [&[latin_1.clone()][..], &named].concat());
    assert!(
        load(&latin_1, Background::Contrast).is_ok()
            && load(&at("link"), Background::Contrast).is_ok()
    );
    assert!(error(&at("broken.jpg")).contains("cannot be read"));
    assert!(error(&at("loop.png")).contains("cannot be read"));
    assert!(error(&at("pipe.png")).contains("is not a file"));
}

#[test]
fn what_is_written_is_read_again_and_nothing_is_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("used.png");
    let image = test_images(1)[0];
    write_png(&path, &image, FASHION_MNIST_SPEC.shape).unwrap();
    assert_eq!(
        load(&path, Background::Contrast).unwrap().to_input(),
        Some(image)
    );

    let message = write_png(&path, &[0; 784], FASHION_MNIST_SPEC.shape)
        .unwrap_err()
        .to_string();
    assert!(message.contains("used.png exists already and is not overwritten"));
    assert_eq!(
        load(&path, Background::Contrast).unwrap().to_input(),
        Some(image)
    );

    let nowhere = folder.path().join("missing/used.png");
    let message = write_png(&nowhere, &image, FASHION_MNIST_SPEC.shape)
        .unwrap_err()
        .to_string();
    assert!(message.contains("missing/used.png cannot be written"));
}

#[test]
fn what_was_seen_is_shown_in_a_file_or_in_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let image = test_images(1)[0];
    let picture = Path::new("photos/boot.jpg");

    let mut file = Show::at(&at("seen.PNG"), 1).unwrap();
    file.write(picture, &image, FASHION_MNIST_SPEC.shape)
        .unwrap();
    assert_eq!(
        load(&at("seen.PNG"), Background::Contrast)
            .unwrap()
            .to_input(),
        Some(image)
    );
    let message = Show::at(&at("seen.png"), 2).unwrap_err().to_string();
    assert!(message.contains("2 pictures — name a folder"), "{message}");

    fs::create_dir(at("old.png")).unwrap();
    for (name, pictures) in [("new/inner", 2), ("new/inner", 1), ("old.png", 2)] {
        let shown = at(name).join("boot.jpg.png");
        let mut folder = Show::at(&at(name), pictures).unwrap();
        if pictures == 1 {
            let message = folder
                .write(picture, &image, FASHION_MNIST_SPEC.shape)
                .unwrap_err()
                .to_string();
            assert!(message.contains("is not overwritten"), "{message}");
        } else {
            folder
                .write(picture, &image, FASHION_MNIST_SPEC.shape)
                .unwrap();
            folder
                .write(Path::new("boot.png"), &image, FASHION_MNIST_SPEC.shape)
                .unwrap();
            // Others of the same name, but for what some systems take for the same.
            folder
                .write(
                    Path::new("others/boot.jpg"),
                    &image,
                    FASHION_MNIST_SPEC.shape,
                )
                .unwrap();
            folder
                .write(Path::new("more/BOOT.JPG"), &image, FASHION_MNIST_SPEC.shape)
                .unwrap();
            for other in ["boot.jpg-2.png", "BOOT.JPG-3.png"] {
                assert!(
                    load(&at(name).join(other), Background::Contrast).is_ok(),
                    "{other}"
                );
            }
        }
        assert_eq!(
            load(&shown, Background::Contrast).unwrap().to_input(),
            Some(image)
        );
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
