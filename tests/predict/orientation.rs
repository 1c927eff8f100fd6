//! Pictures of every kind become what the models saw in training.

use crate::common::pictures::{
    Rgb, SHOP, Scene, chunk, corpus, cosine, decode, exif, exif_of, grey_png, interlaced_png, jpeg,
    paint, png, png_with, raw_profile, rgb_png, test_images, with_chunks, xmp, zlib,
};
use fmnist::dataset::FASHION_MNIST_SPEC;
use fmnist::picture::Background;
use fmnist::predict::{load, write_png};
use png::{BitDepth, ColorType};

fn input(file: &[u8]) -> [u8; 784] {
    let picture = decode(file, "picture").expect("it is a picture");
    picture.to_input().expect("it shows something")
}

/// Forty test images, each made into a file, come back: the mean cosine between an image and what
/// is read of it is at least 0.96, and for 38 of them it is at least 0.9.
///
/// That takes all of it right: shifted by a pixel the images would reach 0.88, mirrored 0.81,
/// negated 0.24.
#[track_caller]
fn assert_come_back(file: impl Fn(&[u8; 784]) -> Vec<u8>) {
    let mut cosines: Vec<f64> = test_images(40)
        .iter()
        .map(|image| cosine(&input(&file(image)), image))
        .collect();
    cosines.sort_by(f64::total_cmp);
    let measured = cosines.iter().sum::<f64>() / 40.0;
    assert!(
        measured >= 0.96 && cosines[2] >= 0.9,
        "mean {measured:.4}, 38 of 40 {:.4}",
        cosines[2]
    );
}

#[test]
fn images_of_the_dataset_stay_as_they_are() {
    for (index, image) in test_images(1000).iter().enumerate() {
        assert_eq!(input(&grey_png(28, 28, image)), *image, "{index}");
    }
}

#[test]
fn images_of_the_dataset_come_back_from_their_negatives() {
    for (index, image) in test_images(1000).iter().enumerate() {
        let negative = image.map(|pixel| 255 - pixel);
        assert_eq!(input(&grey_png(28, 28, &negative)), *image, "{index}");
    }
}

#[test]
fn dark_on_light_and_light_on_dark() {
    assert_come_back(|image| rgb_png(&paint(image, SHOP)));
    let inverted = Scene {
        background: [0; 3],
        object: [255; 3],
        ..SHOP
    };
    assert_come_back(|image| rgb_png(&paint(image, inverted)));
}

#[test]
fn colours_and_little_contrast() {
    for (background, object) in [
        ([250, 245, 235], [20, 30, 90]),
        ([30, 60, 40], [240, 200, 60]),
        ([200; 3], [140; 3]),
    ] {
        let scene = Scene {
            background,
            object,
            ..SHOP
        };
        assert_come_back(|image| rgb_png(&paint(image, scene)));
    }
}

#[test]
fn any_scale_and_any_margins() {
    for (scale, margins) in [
        (1, [3, 10, 4, 9]),
        (2, [0; 4]),
        (10, [0; 4]),
        (3, [400, 300, 200, 500]),
        (19, [1, 2, 3, 4]),
    ] {
        let scene = Scene {
            scale,
            margins,
            ..SHOP
        };
        assert_come_back(|image| rgb_png(&paint(image, scene)));
    }
}

#[test]
fn noise_and_shadow() {
    // A grainy photograph, darker towards its corners.
    let mut state = 1_u32;
    let mut noise = move || {
        // Numerical Recipes' generator; four draws come close enough to a bell curve.
        let mut draw = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state >> 16) / 65_536.0 - 0.5
        };
        14.0 * (draw() + draw() + draw() + draw())
    };
    let noise = std::cell::RefCell::new(&mut noise);
    assert_come_back(|image| {
        let mut picture = paint(image, SHOP);
        let middle = (picture.width as f64 / 2.0, picture.height as f64 / 2.0);
        for (index, pixel) in picture.pixels.iter_mut().enumerate() {
            let x = (index % picture.width) as f64 / middle.0 - 1.0;
            let y = (index / picture.width) as f64 / middle.1 - 1.0;
            let change = noise.borrow_mut()() - 10.0 * (x * x + y * y) / 2.0;
            *pixel = pixel.map(|value| (f64::from(value) + change).round() as u8);
        }
        jpeg(&picture, |_| ())
    });
}

#[test]
fn jpeg_of_every_form() {
    use jpeg_encoder::SamplingFactor;
    for sampling in [
        SamplingFactor::R_4_4_4,
        SamplingFactor::R_4_4_0,
        SamplingFactor::R_4_2_0,
        SamplingFactor::R_4_1_1,
    ] {
        for progressive in [false, true] {
            assert_come_back(|image| {
                jpeg(&paint(image, SHOP), |encoder| {
                    encoder.set_sampling_factor(sampling);
                    encoder.set_progressive(progressive);
                    encoder.set_restart_interval(if progressive { 0 } else { 7 });
                })
            });
        }
    }
}

#[test]
fn jpeg_in_grey_and_in_inks() {
    for (color, channels) in [
        (jpeg_encoder::ColorType::Luma, 1),
        (jpeg_encoder::ColorType::Cmyk, 4),
        (jpeg_encoder::ColorType::CmykAsYcck, 4),
    ] {
        assert_come_back(|image| {
            let picture = paint(image, SHOP);
            // All in black ink, where there are inks.
            let samples: Vec<u8> = picture
                .pixels
                .iter()
                .flat_map(|pixel| match channels {
                    1 => vec![pixel[0]],
                    _ => vec![0, 0, 0, 255 - pixel[0]],
                })
                .collect();
            let mut file = Vec::new();
            jpeg_encoder::Encoder::new(&mut file, 90)
                .encode(&samples, picture.width as u16, picture.height as u16, color)
                .unwrap();
            file
        });
    }
}

/// The exif orientation under which a picture that has been turned so many quarters is upright.
const TURNED: [(usize, u8); 4] = [(0, 1), (1, 8), (2, 3), (3, 6)];

#[test]
fn pictures_are_turned_as_their_exif_data_says() {
    for (quarters, orientation) in TURNED {
        let turned =
            |image: &_| (0..quarters).fold(paint(image, SHOP), |picture, _| picture.turned());
        assert_come_back(|image| {
            jpeg(&turned(image), |encoder| {
                encoder.add_exif_metadata(&exif(orientation)).unwrap();
            })
        });
        for image in test_images(10) {
            let picture = turned(image);
            let file = png_with(
                picture.width,
                picture.height,
                ColorType::Rgb,
                BitDepth::Eight,
                &picture.bytes(),
                |info| info.exif_metadata = Some(exif(orientation).into()),
            );
            assert_eq!(input(&file), input(&rgb_png(&paint(image, SHOP))));
        }
    }
}

#[test]
fn an_orientation_in_jpeg_counts_whatever_its_form() {
    let plain = |orientation| {
        let file = jpeg(&paint(&test_images(1)[0], SHOP), |encoder| {
            let exif = exif(orientation);
            encoder.add_exif_metadata(&exif).unwrap();
        });
        decode(&file, "plain").unwrap()
    };
    let with = |app1: &[u8]| {
        let file = jpeg(&paint(&test_images(1)[0], SHOP), |_| ());
        let length = (app1.len() as u16 + 2).to_be_bytes();
        let file = [&file[..2], b"\xff\xe1", &length, app1, &file[2..]].concat();
        decode(&file, "file").unwrap()
    };
    for orientation in 1..=8 {
        for kind in [1, 3, 4] {
            for big_endian in [true, false] {
                let exif = exif_of(orientation, kind, big_endian);
                let shown = with(&[b"Exif\0\0", &exif[..]].concat());
                assert_eq!(shown, plain(orientation), "{orientation}, type {kind}");
            }
        }
        let xmp = [b"http://ns.adobe.com/xap/1.0/\0", &xmp(orientation)[..]].concat();
        assert_eq!(with(&xmp), plain(orientation), "{orientation} in XMP");
    }
}

/// The chunks in which PNG files of several programs state their orientation.
fn stated_in_png(orientation: u8) -> Vec<Vec<u8>> {
    let app1 = [b"Exif\0\0", &exif_of(orientation, 4, false)[..]].concat();
    let xmp = xmp(orientation);
    let key = |key: &str, head: &[u8], text: &[u8]| [key.as_bytes(), b"\0", head, text].concat();
    let profile = "Raw profile type exif";
    vec![
        chunk(b"eXIf", &exif(orientation)),
        chunk(b"eXIf", &app1),
        chunk(b"tEXt", &key(profile, b"", &raw_profile("exif", &app1))),
        chunk(
            b"zTXt",
            &key(profile, b"\0", &zlib(&raw_profile("exif", &app1))),
        ),
        chunk(
            b"zTXt",
            &key(
                "Raw profile type APP1",
                b"\0",
                &zlib(&raw_profile("app1", &app1)),
            ),
        ),
        chunk(
            b"tEXt",
            &key("Raw profile type xmp", b"", &raw_profile("xmp", &xmp)),
        ),
        chunk(b"iTXt", &key("XML:com.adobe.xmp", b"\0\0en\0\0", &xmp)),
        chunk(
            b"iTXt",
            &key("XML:com.adobe.xmp", b"\x01\0\0\0", &zlib(&xmp)),
        ),
    ]
}

#[test]
fn an_orientation_in_png_counts_wherever_it_stands() {
    let image = &test_images(1)[0];
    let upright = decode(&rgb_png(&paint(image, SHOP)), "upright").unwrap();
    for (quarters, orientation) in TURNED {
        let turned = (0..quarters).fold(paint(image, SHOP), |picture, _| picture.turned());
        for (index, stated) in stated_in_png(orientation).iter().enumerate() {
            for late in [false, true] {
                let file = with_chunks(&rgb_png(&turned), stated, late);
                let shown = decode(&file, "file").unwrap();
                assert_eq!(shown, upright, "{orientation}, chunk {index}, late: {late}");
            }
        }
    }
}

#[test]
fn exif_goes_before_text_and_xmp() {
    let file = rgb_png(&paint(&test_images(1)[0], SHOP));
    let with = |chunks: &[u8]| decode(&with_chunks(&file, chunks, false), "file").unwrap();
    let (six, three) = (stated_in_png(6), stated_in_png(3));
    for (first, second) in [(0, 3), (0, 6), (3, 6)] {
        for order in [[&six[first], &three[second]], [&three[second], &six[first]]] {
            let both = order.map(Vec::as_slice).concat();
            assert_eq!(with(&both), with(&six[first]), "{first} before {second}");
        }
    }
}

/// Files that Pillow, ImageMagick and ExifTool made of test image 0.
#[test]
fn files_of_other_programs_are_read() {
    for name in [
        "clear.webp",
        "cmyk.tif",
        "colour.bmp",
        "colour.tif",
        "colour.webp",
        "deep.tif",
        "grey.gif",
        "late.png",
        "lossless.webp",
        "moving.gif",
        "moving.webp",
        "palette.bmp",
        "tiles.tif",
        "turned.tif",
        "turned.webp",
        "xmp.jpg",
        "xmp.png",
    ] {
        let measured = cosine(&input(&corpus(name)), &test_images(1)[0]);
        assert!(measured >= 0.96, "{name}: {measured}");
    }
}

/// A picture of which only the object is visible: `luma` everywhere, the image as alpha.
fn cut_out(image: &[u8; 784], luma: u8, depth: BitDepth) -> Vec<u8> {
    let scene = Scene {
        background: [0; 3],
        object: [255; 3],
        ..SHOP
    };
    let picture = paint(image, scene);
    let samples: Vec<u8> = picture
        .pixels
        .iter()
        .flat_map(|pixel| match depth {
            BitDepth::Sixteen => vec![luma, 0x80, luma, 0x80, luma, 0x80, pixel[0], 0x80],
            _ => vec![luma, pixel[0]],
        })
        .collect();
    let color = match depth {
        BitDepth::Sixteen => ColorType::Rgba,
        _ => ColorType::GrayscaleAlpha,
    };
    png(picture.width, picture.height, color, depth, &samples)
}

#[test]
fn transparent_is_background_whatever_the_object_is_like() {
    for luma in [0, 60, 200, 255] {
        for depth in [BitDepth::Eight, BitDepth::Sixteen] {
            assert_come_back(|image| cut_out(image, luma, depth));
        }
    }
}

#[test]
fn sixteen_bits_and_palettes() {
    assert_come_back(|image| {
        let picture = paint(image, SHOP);
        let samples: Vec<u8> = picture.pixels.iter().flat_map(|p| [p[0], 0x80]).collect();
        png(
            picture.width,
            picture.height,
            ColorType::Grayscale,
            BitDepth::Sixteen,
            &samples,
        )
    });
    // Sixteen shades, of which the first is transparent.
    assert_come_back(|image| {
        let picture = paint(image, SHOP);
        let width = picture.width.next_multiple_of(2);
        let shade = |x: usize, y: usize| match picture.pixels[y * picture.width..].get(x) {
            Some(pixel) if x < picture.width => (255 - pixel[0]) >> 4,
            _ => 0,
        };
        let samples: Vec<u8> = (0..picture.height)
            .flat_map(|y| (0..width / 2).map(move |x| (x, y)))
            .map(|(x, y)| shade(2 * x, y) << 4 | shade(2 * x + 1, y))
            .collect();
        png_with(
            width,
            picture.height,
            ColorType::Indexed,
            BitDepth::Four,
            &samples,
            |info| {
                let palette: Vec<u8> = (0..16_u8).flat_map(|s| [255 - 17 * s; 3]).collect();
                info.palette = Some(palette.into());
                info.trns = Some([0][..].into());
            },
        )
    });
}

#[test]
fn interlaced_files_are_the_same_as_others() {
    for image in test_images(10) {
        let picture = paint(image, SHOP);
        assert_eq!(input(&interlaced_png(&picture)), input(&rgb_png(&picture)));
    }
}

#[test]
fn of_a_moving_picture_the_first_frame_is_taken() {
    let images = test_images(3);
    let mut file = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut file, 28, 28);
    encoder.set_animated(3, 0).unwrap();
    let mut writer = encoder.write_header().unwrap();
    for image in images {
        writer.write_image_data(image).unwrap();
    }
    writer.finish().unwrap();
    assert_eq!(input(&file), images[0]);
}

#[test]
fn the_shape_and_the_place_are_those_of_the_dataset() {
    // A black rectangle of 40×100 on white: the longer side gets 28 pixels, the shorter one 11,
    // with the odd pixel of the rest at the left.
    let mut picture = Rgb {
        width: 300,
        height: 200,
        pixels: vec![[255; 3]; 300 * 200],
    };
    for y in 50..150 {
        picture.pixels[y * 300 + 200..][..40].fill([0; 3]);
    }
    let image = input(&rgb_png(&picture));
    let lit: Vec<usize> = (0..28).filter(|x| image[14 * 28 + x] > 127).collect();
    assert_eq!(lit, (9..20).collect::<Vec<_>>());
    assert!((0..28).all(|y| image[y * 28 + 14] > 127));
}

#[test]
fn pictures_of_any_size_are_fitted_or_show_nothing() {
    for width in 1..40 {
        for height in 1..40 {
            let mut luma = vec![255; width * height];
            let blank = decode(&grey_png(width, height, &luma), "blank").unwrap();
            luma[width * (height / 2) + width / 2] = 0;
            let dot = decode(&grey_png(width, height, &luma), "dot").unwrap();
            if (width, height) == (28, 28) {
                assert_eq!(blank.to_input(), Some([0; 784]));
            } else {
                assert_eq!(blank.to_input(), None, "{width}×{height}");
            }
            // Where the dot is among the outermost pixels it may be the background.
            if width > 2 && height > 2 {
                let image = dot.to_input().expect("it shows a dot");
                assert_eq!(image.iter().max(), Some(&255), "{width}×{height}");
            } else {
                let _ = dot.to_input();
            }
        }
    }
}

#[test]
fn what_is_shown_is_what_was_used() {
    let folder = tempfile::tempdir().unwrap();
    for (index, image) in test_images(40).iter().enumerate() {
        let used = input(&rgb_png(&paint(image, SHOP)));
        let path = folder.path().join(format!("{index}.png"));
        write_png(&path, &used, FASHION_MNIST_SPEC.shape).unwrap();
        assert_eq!(
            load(&path, Background::Contrast).unwrap().to_input(),
            Some(used)
        );
    }
}

#[test]
fn a_grey_file_and_its_coloured_copy_are_the_same() {
    for image in test_images(100) {
        let coloured: Vec<u8> = image.iter().flat_map(|&pixel| [pixel; 3]).collect();
        let file = png(28, 28, ColorType::Rgb, BitDepth::Eight, &coloured);
        assert_eq!(input(&file), *image);
    }
    for image in test_images(20) {
        let picture = paint(image, SHOP);
        let grey: Vec<u8> = picture.pixels.iter().map(|pixel| pixel[0]).collect();
        let file = grey_png(picture.width, picture.height, &grey);
        assert_eq!(input(&file), input(&rgb_png(&picture)));
    }
}
