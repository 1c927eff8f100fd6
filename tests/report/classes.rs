//! Evaluations of two to a thousand classes, of images of any size and colour.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine};
use fmnist::dataset::{ImageShape, Spec, Split};
use fmnist::report::confusion::{self, draw_confusion};
use fmnist::report::disagreement::draw_disagreement;
use fmnist::report::evaluation::tables::tables;
use fmnist::report::evaluation::{Evaluation, Probabilities};
use fmnist::report::html::{report, write_report};
use fmnist::report::test_set::TestSet;
use serde_json::Value;

use crate::html::{Run, between, embedded};

const COLOUR: ImageShape = ImageShape {
    channels: 3,
    height: 48,
    width: 64,
};

/// A row for each prediction, with 0.9 for it and the rest shared by the others.
fn rows(classes: usize, predictions: impl Iterator<Item = usize>) -> Probabilities {
    let rest = 0.1 / (classes - 1) as f32;
    let row = |prediction| (0..classes).map(move |c| if c == prediction { 0.9 } else { rest });
    Probabilities::new(classes, predictions.flat_map(row).collect())
}

/// Images of noise.
fn test_set(shape: ImageShape, labels: &[u16], probabilities: Vec<Probabilities>) -> TestSet {
    let noise = |i: usize| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_pow(3) >> 40) as u8;
    let images: Vec<u8> = (0..labels.len() * shape.values()).map(noise).collect();
    let spec = Spec::new(shape, probabilities[0].classes());
    TestSet {
        split: Split::new(spec, images, labels.to_vec()).unwrap(),
        probabilities,
    }
}

fn names(classes: usize) -> Vec<String> {
    (0..classes).map(|class| format!("class {class}")).collect()
}

/// Ten images of each class. The dense model takes two of each even class for the next one, and all of
/// class 7 for class 9; the CNN is wrong on nine of ten, each in its own way.
fn many(classes: usize, shape: ImageShape) -> Run {
    let images = 10 * classes;
    let labels: Vec<u16> = (0..images).map(|image| (image % classes) as u16).collect();
    let dense = (0..images).map(|image| match (image % classes, image / classes) {
        (7, _) => 9,
        (label, 0 | 1) if label % 2 == 0 => label + 1,
        (label, _) => label,
    });
    let cnn = (0..images).map(|image| (image + image / classes * (1 + image % 7)) % classes);
    let probabilities = vec![rows(classes, dense), rows(classes, cnn)];
    let test = test_set(shape, &labels, probabilities);
    Run::on(&["dense", "cnn"], &names(classes), test, "")
}

/// Of three classes 5, 3 and 2 images, of which 5, 2 and none are recognised.
fn unequal() -> Run {
    let labels = [0, 0, 0, 0, 0, 1, 1, 1, 2, 2];
    let predictions = [0, 0, 0, 0, 0, 1, 1, 0, 0, 1];
    let probabilities = vec![rows(3, predictions.into_iter())];
    let test = test_set(COLOUR, &labels, probabilities);
    let names = ["dress", "hat", "shoe"].map(str::to_owned);
    Run::on(&["dense"], &names, test, "")
}

#[test]
fn where_classes_are_unequal_the_balanced_accuracy_stands_by_the_accuracy() {
    let run = unequal();
    let text = tables(&run.evaluation);
    // (1 + 2/3 + 0) / 3 of the classes, and 5 of 10 images.
    for part in [
        "accuracy                  70.00 %\nbalanced accuracy         55.56 %\n",
        "\nalways saying “dress”, the largest class, is right on 50.00 %\n",
        "hat                3      66.67   66.67  66.67\n",
    ] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
    let html = report(&[run.data()]).unwrap();
    for part in [
        r#"<th scope="row">balanced accuracy</th><td>55.56 %</td>"#,
        "Always saying “dress”, the largest class, is right on 50.00&nbsp;%.",
    ] {
        assert!(html.contains(part), "{part}");
    }

    let equal = many(10, COLOUR);
    assert_eq!(equal.evaluation.largest_class(), None);
    let pages = [tables(&equal.evaluation), report(&[equal.data()]).unwrap()];
    for page in pages {
        for word in ["balanced", "lways"] {
            assert!(!page.contains(word), "{word} in\n{page}");
        }
    }
}

#[test]
fn of_many_classes_the_most_frequent_mistakes_are_told() {
    for (classes, kinds) in [(100, "51"), (1000, "501")] {
        let run = many(classes, COLOUR);
        let text = tables(&run.evaluation);
        let title =
            format!("\ndense: the 20 most confused of {kinds} pairs, in place of a matrix\n");
        assert!(text.contains(&title), "{text}");
        for line in [
            "class 7                   class 9                         10     100.00 %",
            "class 0                   class 1                          2      20.00 %",
            // Of equals the first: 0, 2, …, 36 with the seventh make twenty.
            "class 36                  class 37                         2      20.00 %",
            // Of ten images eight are recognised, and no other is taken for it.
            "class 42          10     100.00   80.00  88.89",
            // All ten are recognised, and two more.
            "class 43          10      83.33  100.00  90.91",
        ] {
            assert!(text.contains(line), "{line:?} is missing in\n{text}");
        }
        assert!(!text.contains("class 38                  class 39"));
        // 1000 − 100 − 10, and 10,000 − 1,000 − 10.
        let accuracy = if classes == 100 { "89.00" } else { "89.90" };
        assert!(text.contains(&format!("accuracy                  {accuracy} %")));
        assert!(
            text.lines().all(|line| line.chars().count() <= 80),
            "{text}"
        );
    }
    let perfect = (0..21).map(|image| image as u16).collect::<Vec<_>>();
    let right = rows(21, 0..21);
    let models = [("dense", &right)];
    let evaluation = Evaluation::new("x", &names(21), &perfect, &models).unwrap();
    assert!(tables(&evaluation).ends_with("\ndense: no mistakes\n"));
}

/// Width, height and pixels.
fn read_png(bytes: impl std::io::BufRead + std::io::Seek) -> (usize, usize, Vec<u8>) {
    let mut reader = png::Decoder::new(bytes).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    (info.width as usize, info.height as usize, pixels)
}

#[test]
fn a_confusion_matrix_of_any_number_of_classes_is_drawn() {
    let root = tempfile::tempdir().unwrap();
    // The size of a cell, whose lower right corner has the shade.
    for (classes, (across, down)) in [
        (2, (445, 370)),
        (10, (89, 74)),
        (11, (89, 74)),
        (20, (70, 60)),
        (100, (14, 12)),
        (1000, (1, 1)),
    ] {
        let labels: Vec<u16> = (0..2 * classes).map(|i| (i % classes) as u16).collect();
        // Of the last class one of two images is taken for the first.
        let predictions = (0..2 * classes).map(|i| i % classes * usize::from(i + 1 != classes));
        let rows = rows(classes, predictions);
        let models = [("dense", &rows)];
        let evaluation = Evaluation::new("x", &names(classes), &labels, &models).unwrap();
        let path = root.path().join(format!("{classes}.png"));
        draw_confusion(&path, &evaluation, &evaluation.models[0]).unwrap();
        let (width, height, pixels) = read_png(BufReader::new(File::open(&path).unwrap()));
        let size = confusion::size(classes);
        assert_eq!((width, height), (size.0 as usize, size.1 as usize));
        assert!(width <= 1600 && height <= 1600, "{classes}: {size:?}");
        let shade = |label: usize, prediction: usize| {
            let inset = |side: usize| side - 1 - side / 10;
            let x = 160 + across * prediction + inset(across);
            let y = 96 + down * label + inset(down);
            let at = 3 * (y * width + x);
            [0, 1, 2].map(|channel| f64::from(pixels[at + channel]))
        };
        let full = [0.0, 114.0, 178.0];
        let half = full.map(|channel: f64| (255.0 - 0.5_f64.sqrt() * (255.0 - channel)).round());
        // A pixel of the picture is the mean of four, which cells of one pixel may share.
        if classes < 1000 {
            assert_eq!(shade(0, 0), full, "{classes}");
            assert_eq!(shade(classes - 1, 0), half, "{classes}");
            assert_eq!(shade(0, classes - 1), [255.0; 3], "{classes}");
        } else {
            assert!(shade(500, 500)[0] < 100.0 && shade(500, 520) == [255.0; 3]);
        }
    }
}

#[test]
fn a_report_of_many_classes_stays_small() {
    let grey = ImageShape {
        channels: 1,
        height: 8,
        width: 8,
    };
    let few = report(&[many(20, grey).data()]).unwrap();
    assert!(few.contains(r#"class="matrix""#) && !few.contains(r#"class="drawn""#));
    for (classes, most) in [(100, 1_000_000), (1000, 3_000_000)] {
        let run = many(classes, grey);
        let html = report(&[run.data()]).unwrap();
        assert!(html.len() < most, "{classes}: {} bytes", html.len());
        assert!(!html.contains(r#"class="matrix""#));
        // Two tables of mistakes and one of classes.
        let section = between(&html, r#"id="run-0-confusion""#, "</section>");
        assert_eq!(section.matches("<tbody><tr>").count(), 2);
        assert_eq!(section.matches("data-list=").count(), 40);
        assert!(section.contains(
            r#"<th scope="row">class 7</th><td class="name">class 9</td><td><button class="link" data-run="0" data-list="cell-0-7-9" aria-label="10 class 7 taken for class 9">10</button></td><td>100.00 %</td>"#
        ));
        let of_classes = between(&html, r#"id="run-0-classes""#, "</section>");
        assert_eq!(of_classes.matches(r#"class="bar c0""#).count(), 20);
        assert!(of_classes.contains(&format!(r#"<th scope="row">class {}</th>"#, classes - 1)));

        // The picture of the first matrix: what is not grey is opaque.
        let png = between(section, "data:image/png;base64,", ")");
        let png = BASE64_STANDARD.decode(png).unwrap();
        let (width, height, pixels) = read_png(std::io::Cursor::new(png));
        assert_eq!((width, height), (classes, classes));
        let shade =
            |label: usize, prediction: usize| pixels[2 * (label * classes + prediction) + 1];
        assert_eq!([shade(7, 9), shade(7, 7), shade(9, 9)], [255, 0, 255]);
        // √0.2 and √0.8 of 255.
        assert_eq!([shade(42, 43), shade(42, 42)], [114, 228]);

        // The counts that are told under the pointer are those of the matrix, and no list is empty.
        let shown = &embedded(&html)["runs"][0];
        for (model, counts) in shown["counts"].as_array().unwrap().iter().enumerate() {
            let counts: Vec<usize> = serde_json::from_value(counts.clone()).unwrap();
            let mut sum = 0;
            for cell in counts.chunks(3) {
                let of_cell = run.evaluation.models[model].confusion.counts[cell[0]][cell[1]];
                assert_eq!(cell[2], of_cell as usize);
                sum += cell[2];
            }
            assert_eq!(sum, 10 * classes);
        }
        let lists = shown["lists"].as_object().unwrap();
        assert_eq!(lists.len(), 40 + 2 + 2);
        let shown = |list: &Value| list["shown"].as_array().unwrap().len();
        assert!(lists.values().all(|list| shown(list) > 0));
        assert_eq!(lists["cell-0-7-9"]["total"], 10);
    }
}

#[test]
fn a_report_of_large_images_in_colour_stays_small() {
    let shape = ImageShape {
        channels: 3,
        height: 96,
        width: 128,
    };
    // Noise cannot be compressed, and one of the models is mostly wrong.
    let run = many(90, shape);
    let html = report(&[run.data()]).unwrap();
    assert!(html.len() < 10_000_000, "{} bytes", html.len());
    // Made smaller, and all at hand that a reader is led to.
    assert!(html.contains("--width: 64; --height: 48; --longer: 64;"));
    let page = embedded(&html);
    let images = page["runs"][0]["images"].as_array().unwrap().len();
    assert!((300..900).contains(&images), "{images}");

    // Two hundred images of twenty classes fit as they are.
    let html = report(&[many(20, COLOUR).data()]).unwrap();
    let page = embedded(&html);
    let list = &page["runs"][0]["lists"]["only-0"];
    assert_eq!(list["total"], list["shown"].as_array().unwrap().len());
}

#[test]
fn images_are_shown_in_their_colours_and_shape() {
    let root = tempfile::tempdir().unwrap();
    for (height, width) in [(8, 8), (48, 64), (64, 48), (256, 256), (256, 20)] {
        let shape = ImageShape {
            channels: 3,
            height,
            width,
        };
        // Only the second model is right. Of one image each channel is of one brightness.
        let probabilities = vec![rows(2, [1].into_iter()), rows(2, [0].into_iter())];
        let mut test = test_set(shape, &[0], probabilities);
        let channels = [200, 10, 90];
        let planes = channels.map(|value| vec![value; height * width]);
        test.split.images = planes.concat().into();
        let models = [
            ("dense", &test.probabilities[0]),
            ("cnn", &test.probabilities[1]),
        ];
        let evaluation = Evaluation::new("x", &names(2), &[0], &models).unwrap();
        let path = root.path().join("disagreement.png");
        let comparison = evaluation.comparison.as_ref().unwrap();
        draw_disagreement(&path, &evaluation, comparison, &test).unwrap();
        let (width_drawn, _, pixels) = read_png(BufReader::new(File::open(&path).unwrap()));
        let coloured: Vec<(usize, usize)> = pixels
            .chunks(3)
            .enumerate()
            .filter(|(_, pixel)| *pixel == channels)
            .map(|(at, _)| (at % width_drawn, at / width_drawn))
            .collect();
        // The longer side is 84 pixels, and the other in proportion, both but for a rounded edge.
        let longer = height.max(width);
        let columns = coloured.iter().map(|(x, _)| *x);
        let lines = coloured.iter().map(|(_, y)| *y);
        let (left, right) = (columns.clone().min().unwrap(), columns.max().unwrap());
        let (top, bottom) = (lines.clone().min().unwrap(), lines.max().unwrap());
        assert_eq!((left, top), (30, 84 + 322 + 44 + 19));
        for (drawn, side) in [(right - left + 1, width), (bottom - top + 1, height)] {
            assert!(
                drawn.abs_diff(84 * side / longer) <= 1,
                "{height}×{width}: {drawn}"
            );
        }
        assert_eq!(coloured.len(), (right - left + 1) * (bottom - top + 1));
    }
}

/// Leaves reports of few and many classes where `tests/check_report.py` opens them in a browser.
#[test]
fn reports_for_the_browser() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reports-of-classes");
    fs::create_dir_all(&folder).unwrap();
    for classes in [2, 100] {
        let run = match classes {
            2 => {
                let labels: Vec<u16> = (0..90).map(|image| u16::from(image % 3 == 0)).collect();
                let prediction = |image: usize| usize::from(image.is_multiple_of(4));
                let dense = rows(2, (0..90).map(prediction));
                let cnn = rows(
                    2,
                    (0..90).map(|image: usize| usize::from(image.is_multiple_of(6))),
                );
                let test = test_set(COLOUR, &labels, vec![dense, cnn]);
                Run::on(&["dense", "cnn"], &names(2), test, "")
            }
            _ => many(classes, COLOUR),
        };
        let path = folder.join(format!("{classes}.html"));
        write_report(&path, &[run.data()]).unwrap();
        let size = fs::metadata(&path).unwrap().len();
        assert!(
            (20_000..10_000_000).contains(&size),
            "{classes}: {size} bytes"
        );
    }
}
