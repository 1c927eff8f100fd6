//! Pictures of every format are decoded to the pixels they were made of, and scaled by area.

use std::io::Cursor;

use crate::common::pictures::{
    Rgb, chunk, corpus, exif, grey_png, jpeg, png, png_with, rgb_png, xmp,
};
use fmnist::dataset::{ImageShape, Resize};
use fmnist::picture::{Background, Format, Picture, decode, load};
use image::{ExtendedColorType, ImageEncoder};
use jpeg_encoder::{ColorType as JpegColor, Encoder, SamplingFactor};
use png::{BitDepth, ColorType};
use proptest::prelude::*;

/// A coloured picture of soft waves, different in every corner.
fn waves(width: usize, height: usize) -> Rgb {
    let pixel = |index: usize| {
        let (x, y) = (index % width, index / width);
        let (x, y) = (
            x as f64 / width.max(128) as f64,
            y as f64 / height.max(128) as f64,
        );
        let wave = |from: f64, to: f64| (from * (1.0 - x) * (1.0 + y) + to * x * (2.0 - y)) as u8;
        [wave(10.0, 120.0), wave(110.0, 20.0), wave(60.0, 90.0)]
    };
    Rgb {
        width,
        height,
        pixels: (0..width * height).map(pixel).collect(),
    }
}

#[track_caller]
fn decoded(bytes: &[u8]) -> Picture {
    decode(bytes, "file", Background::White).unwrap().0
}

#[track_caller]
fn assert_shows(bytes: &[u8], picture: &Rgb) {
    let shown = decoded(bytes);
    assert_eq!((shown.width, shown.height), (picture.width, picture.height));
    assert_eq!(shown.channels, 3);
    assert!(shown.pixels == picture.bytes());
}

/// The mean and the largest difference of two pictures of the same size.
#[track_caller]
fn differences(shown: &Picture, picture: &Rgb) -> (f64, u8) {
    assert_eq!((shown.width, shown.height), (picture.width, picture.height));
    let expected = picture.bytes();
    let pairs = shown.pixels.iter().zip(&expected);
    let differences: Vec<u8> = pairs.map(|(a, b)| a.abs_diff(*b)).collect();
    let sum: f64 = differences.iter().copied().map(f64::from).sum();
    let most = differences.iter().max().copied().unwrap_or_default();
    (sum / expected.len() as f64, most)
}

/// A BMP file of 24 bits per pixel, from the last row up.
fn bmp(picture: &Rgb) -> Vec<u8> {
    let stride = (3 * picture.width).next_multiple_of(4);
    let size = stride * picture.height;
    let mut file = b"BM".to_vec();
    for value in [54 + size, 0, 54, 40, picture.width, picture.height] {
        file.extend((value as u32).to_le_bytes());
    }
    file.extend([1, 0, 24, 0, 0, 0, 0, 0]);
    file.extend((size as u32).to_le_bytes());
    file.extend([0; 16]);
    for row in picture.pixels.chunks_exact(picture.width).rev() {
        let line: Vec<u8> = row.iter().flat_map(|&[r, g, b]| [b, g, r]).collect();
        file.extend(&line);
        file.resize(file.len() + stride - line.len(), 0);
    }
    file
}

/// A TIFF file of samples of so many bits, in one strip behind the header; the directory is last.
fn tiff(width: usize, height: usize, bits: u16, samples: &[u8], orientation: u16) -> Vec<u8> {
    let mut file = b"II*\0".to_vec();
    file.extend((8 + 6 + samples.len() as u32).to_le_bytes());
    file.extend([bits; 3].map(u16::to_le_bytes).as_flattened());
    file.extend(samples);
    let entries: [(u16, u16, u32, u32); 10] = [
        (256, 3, 1, width as u32),
        (257, 3, 1, height as u32),
        (258, 3, 3, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (273, 4, 1, 14),
        (274, 3, 1, orientation.into()),
        (277, 3, 1, 3),
        (278, 3, 1, height as u32),
        (279, 4, 1, samples.len() as u32),
    ];
    file.extend((entries.len() as u16).to_le_bytes());
    for (tag, kind, count, value) in entries {
        file.extend(tag.to_le_bytes());
        file.extend(kind.to_le_bytes());
        file.extend(count.to_le_bytes());
        file.extend(value.to_le_bytes());
    }
    file.extend([0; 4]);
    file
}

/// A lossless WebP file.
fn webp(picture: &Rgb) -> Vec<u8> {
    let mut file = Vec::new();
    image::codecs::webp::WebPEncoder::new_lossless(&mut file)
        .write_image(
            &picture.bytes(),
            picture.width as u32,
            picture.height as u32,
            ExtendedColorType::Rgb8,
        )
        .unwrap();
    file
}

/// The same with a chunk of metadata.
fn webp_with(picture: &Rgb, name: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut file = webp(picture);
    file.extend(name);
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    if file.len() % 2 == 1 {
        file.push(0);
    }
    let size = file.len() as u32 - 8;
    file[4..8].copy_from_slice(&size.to_le_bytes());
    file
}

fn gif(picture: &Rgb) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    let mut encoder = image::codecs::gif::GifEncoder::new_with_speed(&mut file, 1);
    let sides = (picture.width as u32, picture.height as u32);
    encoder
        .encode(&picture.bytes(), sides.0, sides.1, ExtendedColorType::Rgb8)
        .unwrap();
    drop(encoder);
    file.into_inner()
}

/// Of few colours, as GIF files and palettes hold them.
fn stripes(width: usize, height: usize) -> Rgb {
    const COLORS: [[u8; 3]; 4] = [[250, 10, 30], [0, 200, 40], [20, 30, 255], [9, 9, 9]];
    let pixel = |index: usize| COLORS[(index % width / 3 + index / width / 2) % 4];
    Rgb {
        width,
        height,
        pixels: (0..width * height).map(pixel).collect(),
    }
}

#[test]
fn pixels_without_loss_are_what_they_were_whatever_the_format() {
    for (width, height) in [(1, 1), (7, 5), (40, 33), (64, 64)] {
        let picture = waves(width, height);
        assert_shows(&rgb_png(&picture), &picture);
        assert_shows(&bmp(&picture), &picture);
        assert_shows(&webp(&picture), &picture);
        assert_shows(&tiff(width, height, 8, &picture.bytes(), 1), &picture);
        let wide: Vec<u8> = picture
            .bytes()
            .iter()
            .flat_map(|&byte| [77, byte])
            .collect();
        assert_shows(&tiff(width, height, 16, &wide, 1), &picture);
        let wide: Vec<u8> = picture
            .bytes()
            .iter()
            .flat_map(|&byte| [byte, 77])
            .collect();
        let file = png(width, height, ColorType::Rgb, BitDepth::Sixteen, &wide);
        assert_shows(&file, &picture);
        let striped = stripes(width, height);
        assert_shows(&gif(&striped), &striped);
    }
}

#[test]
fn the_format_is_named_whatever_the_ending_says() {
    let folder = tempfile::tempdir().unwrap();
    let picture = stripes(20, 10);
    for (bytes, format) in [
        (rgb_png(&picture), Format::Png),
        (jpeg(&picture, |_| ()), Format::Jpeg),
        (webp(&picture), Format::WebP),
        (bmp(&picture), Format::Bmp),
        (gif(&picture), Format::Gif),
        (tiff(20, 10, 8, &picture.bytes(), 1), Format::Tiff),
    ] {
        for ending in ["jpg", "PNG", "txt", ""] {
            let path = folder.path().join("picture").with_extension(ending);
            std::fs::write(&path, &bytes).unwrap();
            let (shown, found) = load(&path, Background::White).unwrap();
            assert_eq!((shown.width, shown.height, found), (20, 10, format));
        }
    }
}

/// Whether it is progressive, and has tables of its own: then, without progression, it has a scan for
/// each component.
const JPEG_FORMS: [(bool, bool); 4] = [(false, false), (false, true), (true, false), (true, true)];

#[test]
fn jpeg_of_every_form_is_near_to_what_it_was() {
    for (width, height) in [
        (1, 1),
        (8, 8),
        (9, 17),
        (37, 21),
        (64, 48),
        (5, 130),
        (130, 5),
    ] {
        let picture = waves(width, height);
        for sampling in [
            SamplingFactor::R_4_4_4,
            SamplingFactor::R_4_4_0,
            SamplingFactor::R_4_2_2,
            SamplingFactor::R_4_2_0,
            SamplingFactor::R_4_1_1,
        ] {
            // Without restart markers and with some, in one row and at the end of each.
            for interval in [0, 1, 3] {
                for (progressive, optimized) in JPEG_FORMS {
                    if optimized && interval > 0 {
                        continue; // the encoder cannot
                    }
                    let file = jpeg(&picture, |encoder| {
                        encoder.set_sampling_factor(sampling);
                        encoder.set_progressive(progressive);
                        encoder.set_optimized_huffman_tables(optimized);
                        encoder.set_restart_interval(interval);
                    });
                    let (mean, _) = differences(&decoded(&file), &picture);
                    assert!(
                        mean < 2.0,
                        "{width}×{height} {sampling:?}, {interval}, {progressive}, {optimized}: {mean}"
                    );
                }
            }
        }
    }
}

#[test]
fn jpeg_in_grey_has_one_channel() {
    let picture = waves(30, 20);
    let grey: Vec<u8> = picture.pixels.iter().map(|pixel| pixel[0]).collect();
    let mut file = Vec::new();
    Encoder::new(&mut file, 95)
        .encode(&grey, 30, 20, JpegColor::Luma)
        .unwrap();
    let shown = decoded(&file);
    assert_eq!((shown.width, shown.height, shown.channels), (30, 20, 1));
    let near = |(a, b): (&u8, &u8)| a.abs_diff(*b) <= 6;
    assert!(shown.pixels.iter().zip(&grey).all(near));
}

#[test]
fn inks_become_lights() {
    // Cyan, magenta, yellow and black, from no ink to all of it.
    for inks in [
        [0, 0, 0, 0],
        [255, 0, 0, 0],
        [0, 255, 0, 0],
        [0, 0, 255, 0],
        [0, 0, 0, 255],
        [200, 100, 50, 0],
        [30, 60, 90, 120],
    ] {
        for color in [JpegColor::Cmyk, JpegColor::CmykAsYcck] {
            for progressive in [false, true] {
                let mut file = Vec::new();
                let mut encoder = Encoder::new(&mut file, 100);
                encoder.set_progressive(progressive);
                encoder
                    .encode(&[inks; 17 * 9].concat(), 17, 9, color)
                    .unwrap();
                let shown = decoded(&file);
                assert_eq!((shown.width, shown.height, shown.channels), (17, 9, 3));
                let [lights @ .., paper] = inks.map(|ink| 255.0 - f64::from(ink));
                for pixel in shown.pixels.chunks_exact(3) {
                    for (value, light) in pixel.iter().zip(lights) {
                        let expected = light * paper / 255.0;
                        let off = (f64::from(*value) - expected).abs();
                        assert!(off < 5.0, "{inks:?} as {color:?}: {pixel:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn palettes_are_resolved_and_transparency_lies_on_white() {
    // Two pixels in a byte: 0 to 3 of the palette, where 1 is half transparent and 2 wholly.
    let file = png_with(
        4,
        1,
        ColorType::Indexed,
        BitDepth::Four,
        &[0x01, 0x23],
        |info| {
            info.palette = Some(
                [[250, 0, 0], [0, 100, 0], [0, 0, 9], [7, 8, 9]]
                    .concat()
                    .into(),
            );
            info.trns = Some([255, 51, 0][..].into());
        },
    );
    let shown = decoded(&file);
    // A fifth of the colour, and four of white.
    let expected = [[250, 0, 0], [204, 224, 204], [255; 3], [7, 8, 9]];
    assert_eq!((shown.channels, shown.pixels), (3, expected.concat()));

    let samples = [0, 255, 0, 51, 200, 0, 100, 255];
    let file = png(2, 2, ColorType::GrayscaleAlpha, BitDepth::Eight, &samples);
    let shown = decoded(&file);
    assert_eq!((shown.channels, shown.pixels), (1, vec![0, 204, 255, 100]));

    let samples = [9, 8, 7, 255, 100, 0, 50, 51];
    let file = png(2, 1, ColorType::Rgba, BitDepth::Eight, &samples);
    let shown = decoded(&file);
    assert_eq!(shown.pixels, [9, 8, 7, 224, 204, 214]);
    let wide = samples.map(|byte| [byte, 0x80]).concat();
    let file = png(2, 1, ColorType::Rgba, BitDepth::Sixteen, &wide);
    assert_eq!(decoded(&file).pixels, shown.pixels);
}

#[test]
fn a_contrast_puts_what_is_white_on_black() {
    for (value, background, expected) in [
        (255, Background::White, [255, 255]),
        (255, Background::Contrast, [255, 0]),
        (100, Background::White, [100, 255]),
        (100, Background::Contrast, [100, 255]),
    ] {
        let file = png(
            2,
            1,
            ColorType::GrayscaleAlpha,
            BitDepth::Eight,
            &[value, 255, value, 0],
        );
        let (shown, _) = decode(&file, "file", background).unwrap();
        assert_eq!(shown.pixels, expected, "{value} on {background:?}");
    }
}

/// What is shown of a picture that is stored with this orientation: EXIF says on which side of it the
/// first row and the first column are seen.
fn shown(stored: &Rgb, orientation: u8) -> Rgb {
    let (row, column) = [
        ("top", "left"),
        ("top", "right"),
        ("bottom", "right"),
        ("bottom", "left"),
        ("left", "top"),
        ("right", "top"),
        ("right", "bottom"),
        ("left", "bottom"),
    ][usize::from(orientation) - 1];
    let (width, height) = match row {
        "top" | "bottom" => (stored.width, stored.height),
        _ => (stored.height, stored.width),
    };
    let mut pixels = vec![[0; 3]; width * height];
    for (index, &pixel) in stored.pixels.iter().enumerate() {
        let (mut x, mut y) = (0, 0);
        for (side, at) in [(row, index / stored.width), (column, index % stored.width)] {
            match side {
                "top" => y = at,
                "bottom" => y = height - 1 - at,
                "left" => x = at,
                _ => x = width - 1 - at,
            }
        }
        pixels[y * width + x] = pixel;
    }
    Rgb {
        width,
        height,
        pixels,
    }
}

#[test]
fn pictures_are_turned_in_every_format_that_says_so() {
    for (width, height) in [(5, 3), (70, 41)] {
        let stored = waves(width, height);
        let bytes = stored.bytes();
        for orientation in 1..=8 {
            let upright = shown(&stored, orientation);
            let exif = exif(orientation);
            let file = png_with(
                width,
                height,
                ColorType::Rgb,
                BitDepth::Eight,
                &bytes,
                |info| {
                    info.exif_metadata = Some(exif.clone().into());
                },
            );
            assert_shows(&file, &upright);
            assert_shows(&webp_with(&stored, b"EXIF", &exif), &upright);
            assert_shows(&webp_with(&stored, b"XMP ", &xmp(orientation)), &upright);
            let file = tiff(width, height, 8, &bytes, orientation.into());
            assert_shows(&file, &upright);
            let file = jpeg(&stored, |encoder| {
                encoder.set_sampling_factor(SamplingFactor::R_4_4_4);
                encoder.add_exif_metadata(&exif).unwrap();
            });
            let (mean, most) = differences(&decoded(&file), &upright);
            assert!(mean < 3.0 && most < 20, "{orientation}: {mean}, {most}");
        }
    }
}

#[test]
fn of_every_format_what_is_cut_off_is_refused() {
    let picture = waves(40, 30);
    let jpeg_of = |progressive: bool, optimized: bool, interval: u16| {
        jpeg(&picture, |encoder| {
            encoder.set_progressive(progressive);
            encoder.set_optimized_huffman_tables(optimized);
            encoder.set_restart_interval(interval);
        })
    };
    let mut files = vec![
        ("png", rgb_png(&picture)),
        ("bmp", bmp(&picture)),
        ("webp", webp(&picture)),
        ("gif", gif(&picture)),
        ("tiff", tiff(40, 30, 8, &picture.bytes(), 1)),
        ("lossy webp", corpus("colour.webp")),
        ("inks", corpus("cmyk.jpg")),
        ("refined jpeg", corpus("progressive.jpg")),
    ];
    for (progressive, optimized) in JPEG_FORMS {
        files.push(("jpeg", jpeg_of(progressive, optimized, 0)));
    }
    for progressive in [false, true] {
        files.push(("jpeg with restarts", jpeg_of(progressive, false, 4)));
    }
    for (index, (name, file)) in files.iter().enumerate() {
        decoded(file);
        for share in [2, 3, 5, 8] {
            let end = file.len() - file.len() / share;
            let error = decode(&file[..end], "cut", Background::White).unwrap_err();
            let message = error.to_string();
            assert!(
                message.starts_with("cut is cut off"),
                "{index} {name}: {message}"
            );
        }
    }
}

#[test]
fn a_part_of_a_jpeg_file_that_has_an_end_marker_is_no_picture_either() {
    let picture = waves(80, 60);
    for interval in [0, 1, 4, 7] {
        let file = jpeg(&picture, |encoder| encoder.set_restart_interval(interval));
        for share in [2, 3, 5, 8] {
            let end = file.len() - file.len() / share;
            let ended = [&file[..end], b"\xff\xd9"].concat();
            let error = decode(&ended, "cut", Background::White).unwrap_err();
            assert!(
                error.to_string().starts_with("cut is cut off"),
                "{interval}"
            );
        }
    }
}

#[test]
fn kinds_of_jpeg_that_are_not_read_are_named() {
    let file = jpeg(&waves(20, 20), |_| ());
    let frame = file
        .windows(2)
        .position(|pair| pair == b"\xff\xc0")
        .unwrap();
    for (at, value, what) in [
        (1, 0xc3, "a lossless JPEG file"),
        (1, 0xc6, "a hierarchical JPEG file"),
        (1, 0xc9, "a JPEG file with arithmetic coding"),
        (4, 12, "a JPEG file of more than 8 bits per channel"),
        (14, 0x22, "a JPEG file of a rare kind"), // more chroma than luma
    ] {
        let mut file = file.clone();
        file[frame + at] = value;
        let error = decode(&file, "photo", Background::White).unwrap_err();
        let expected = format!("photo is {what}, which is not read — convert it to PNG or JPEG");
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn the_same_pixels_have_the_same_hash_however_they_are_stored() {
    let picture = waves(31, 17);
    let hash = |bytes: &[u8]| decoded(bytes).content_hash();
    let of_png = hash(&rgb_png(&picture));
    assert_eq!(of_png, hash(&bmp(&picture)));
    assert_eq!(of_png, hash(&webp(&picture)));
    // Turned in the file and by what the file says.
    let exif = exif(6);
    assert_eq!(
        hash(&webp_with(&picture, b"EXIF", &exif)),
        hash(&bmp(&picture.turned()))
    );

    let grey: Vec<u8> = picture.pixels.iter().map(|pixel| pixel[0]).collect();
    let mut coloured = Rgb {
        pixels: grey.iter().map(|&value| [value; 3]).collect(),
        ..picture.clone()
    };
    let of_grey = hash(&grey_png(31, 17, &grey));
    assert_eq!(of_grey, hash(&rgb_png(&coloured)));
    assert!(decoded(&rgb_png(&coloured)).is_grey() && decoded(&grey_png(31, 17, &grey)).is_grey());
    assert!(!decoded(&rgb_png(&picture)).is_grey());

    // Any other pixel, and any other size, makes another.
    coloured.pixels[100][2] ^= 1;
    assert!(!decoded(&rgb_png(&coloured)).is_grey());
    assert_ne!(of_grey, hash(&rgb_png(&coloured)));
    assert_ne!(of_grey, hash(&grey_png(17, 31, &grey)));
    assert_ne!(of_grey, of_png);
}

#[test]
fn a_hash_is_the_same_in_every_version() {
    // A split by these must not change: recomputed with the reference implementation of XXH3.
    let picture = Picture {
        width: 3,
        height: 2,
        channels: 3,
        pixels: (0..18).collect(),
    };
    assert_eq!(
        picture.content_hash(),
        0x93c5_3145_68b7_16c5_0b81_0070_a339_9666
    );
}

/// The mean over each pixel's share of a plane, straight from the definition: by integrals of the rows
/// and columns that are covered.
fn reference(plane: &[f64], width: usize, to: [usize; 2], from: [[f64; 2]; 2]) -> Vec<f64> {
    let height = plane.len() / width;
    let [new_width, new_height] = to;
    let share = |index: usize, count: usize, [start, end]: [f64; 2]| {
        let length = (end - start) / count as f64;
        [
            start + index as f64 * length,
            start + (index + 1) as f64 * length,
        ]
    };
    let covered = |pixel: usize, [start, end]: [f64; 2]| {
        (end.min(pixel as f64 + 1.0) - start.max(pixel as f64)).max(0.0)
    };
    let mut scaled = Vec::new();
    for y in 0..new_height {
        for x in 0..new_width {
            let (columns, rows) = (share(x, new_width, from[0]), share(y, new_height, from[1]));
            let (mut sum, mut area) = (0.0, 0.0);
            for (row, line) in plane.chunks_exact(width).enumerate().take(height) {
                for (column, value) in line.iter().enumerate() {
                    let part = covered(column, columns) * covered(row, rows);
                    sum += part * value;
                    area += part;
                }
            }
            scaled.push(sum / area);
        }
    }
    scaled
}

#[track_caller]
fn assert_scaled(picture: &Picture, shape: ImageShape, resize: Resize, from: [[f64; 2]; 2]) {
    let image = picture.to_image(shape, resize);
    assert_eq!(image.len(), shape.values());
    for channel in 0..shape.channels {
        let values = picture
            .pixels
            .iter()
            .skip(channel)
            .step_by(picture.channels);
        let plane: Vec<f64> = values.copied().map(f64::from).collect();
        let expected = reference(&plane, picture.width, [shape.width, shape.height], from);
        let plane = &image[channel * shape.pixels()..][..shape.pixels()];
        for (value, expected) in plane.iter().zip(expected) {
            let off = (f64::from(*value) - expected).abs();
            assert!(off < 0.51, "{value} for {expected}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn shrinking_takes_the_mean_over_areas(
        (width, height) in (1_usize..60, 1_usize..60),
        (small_width, small_height) in (1_usize..60, 1_usize..60),
        channels in prop_oneof![Just(1_usize), Just(3)],
        seed in any::<u32>(),
    ) {
        let (small_width, small_height) = (small_width.min(width), small_height.min(height));
        let mut state = seed;
        let mut byte = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let picture = Picture {
            width,
            height,
            channels,
            pixels: (0..width * height * channels).map(|_| byte()).collect(),
        };
        let shape = ImageShape { channels, height: small_height, width: small_width };
        let [w, h] = [width, height].map(|side| side as f64);
        assert_scaled(&picture, shape, Resize::Stretch, [[0.0, w], [0.0, h]]);
        // The middle with the proportions of the image.
        let [x, y] = [small_width, small_height].map(|side| side as f64);
        let (seen_x, seen_y) = (w.min(h * x / y), h.min(w * y / x));
        let middle = |side: f64, seen: f64| [(side - seen) / 2.0, (side + seen) / 2.0];
        assert_scaled(&picture, shape, Resize::Crop, [middle(w, seen_x), middle(h, seen_y)]);
    }
}

/// A picture whose pixels are these greys.
fn grey(width: usize, pixels: &[u8]) -> Picture {
    Picture {
        width,
        height: pixels.len() / width,
        channels: 1,
        pixels: pixels.to_vec(),
    }
}

fn shape(channels: usize, height: usize, width: usize) -> ImageShape {
    ImageShape {
        channels,
        height,
        width,
    }
}

#[test]
fn each_rule_places_a_picture_as_drawn_by_hand() {
    let wide = grey(4, &[10, 20, 30, 40, 50, 60, 70, 80]);
    // Four by two in four by four.
    let image = wide.to_image(shape(1, 4, 4), Resize::Pad);
    let expected = [[0; 4], [10, 20, 30, 40], [50, 60, 70, 80], [0; 4]];
    assert_eq!(image, expected.concat());
    // In two by two: halved, above the rest and below it as much; or the middle; or all of it.
    let image = wide.to_image(shape(1, 2, 2), Resize::Pad);
    assert_eq!(image, [35, 55, 0, 0]);
    let image = wide.to_image(shape(1, 2, 2), Resize::Crop);
    assert_eq!(image, [20, 30, 60, 70]);
    let image = wide.to_image(shape(1, 2, 2), Resize::Stretch);
    assert_eq!(image, [15, 35, 55, 75]);

    let high = grey(2, &[10, 20, 30, 40, 50, 60, 70, 80]);
    let image = high.to_image(shape(1, 4, 4), Resize::Pad);
    let expected = [
        [0, 10, 20, 0],
        [0, 30, 40, 0],
        [0, 50, 60, 0],
        [0, 70, 80, 0],
    ];
    assert_eq!(image, expected.concat());
    let image = high.to_image(shape(1, 2, 2), Resize::Crop);
    assert_eq!(image, [30, 40, 50, 60]);

    // Enlarged: a line between two pixels, and level outside of their middles.
    let image = grey(2, &[0, 40]).to_image(shape(1, 1, 4), Resize::Stretch);
    assert_eq!(image, [0, 10, 30, 40]);
    // A picture of the right size stays as it is.
    for resize in [Resize::Pad, Resize::Crop, Resize::Stretch] {
        assert_eq!(wide.to_image(shape(1, 2, 4), resize), wide.pixels);
    }
}

#[test]
fn channels_become_planes_greys_are_repeated_and_colours_weighed() {
    let picture = Picture {
        width: 2,
        height: 1,
        channels: 3,
        pixels: vec![255, 0, 1, 0, 255, 2],
    };
    let image = picture.to_image(shape(3, 1, 2), Resize::Pad);
    assert_eq!(image, [255, 0, 0, 255, 1, 2]);
    // BT.601: 0.299 red, 0.587 green, 0.114 blue.
    let image = picture.to_image(shape(1, 1, 2), Resize::Pad);
    assert_eq!(image, [76, 150]);
    let image = grey(2, &[7, 9]).to_image(shape(3, 1, 2), Resize::Pad);
    assert_eq!(image, [7, 9, 7, 9, 7, 9]);
}

#[test]
fn a_png_chunk_of_exif_behind_the_pixels_counts_too() {
    let stored = waves(5, 3);
    let file = rgb_png(&stored);
    let end = file.len() - 12;
    let late = [&file[..end], &chunk(b"eXIf", &exif(8)), &file[end..]].concat();
    assert_shows(&late, &shown(&stored, 8));
}
