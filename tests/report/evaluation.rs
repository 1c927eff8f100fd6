//! What an evaluation looks like: tables for the terminal, pictures.
//!
//! The figures themselves are computed again by `tests/check_evaluation.py`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

use fmnist::dataset::{CLASSES, FASHION_MNIST_CLASSES, FASHION_MNIST_SPEC, PIXELS, Split};
use fmnist::report::confusion::{self, draw_confusion};
use fmnist::report::disagreement::{self, draw_disagreement};
use fmnist::report::evaluation::tables::{p_value, tables};
use fmnist::report::evaluation::{Evaluation, Probabilities};
use fmnist::report::reliability::{self, draw_reliability};
use fmnist::report::test_set::TestSet;
use serde_json::{Value, json};

type Row = [f32; CLASSES];

/// `prediction` with probability `p`, the rest shared by the others.
fn row(prediction: usize, p: f32) -> Row {
    std::array::from_fn(|class| match class == prediction {
        true => p,
        false => (1.0 - p) / 9.0,
    })
}

/// 20 images, two of each class. The dense model takes all shirts for coats, the CNN one of them.
fn evaluation() -> Evaluation {
    let labels: Vec<u16> = (0..20).map(|image| image / 2).collect();
    let dense = labels
        .iter()
        .map(|label| row(if *label == 6 { 4 } else { usize::from(*label) }, 0.75));
    let cnn = (0..20).map(|image| row(if image == 12 { 4 } else { image / 2 }, 0.9375));
    Evaluation::new(
        "Fashion-MNIST",
        &FASHION_MNIST_CLASSES.map(str::to_owned),
        &labels,
        &[("dense", &dense.collect()), ("cnn", &cnn.collect())],
    )
    .unwrap()
}

#[test]
fn tables_show_both_models() {
    let text = tables(&evaluation());
    let first = text.lines().next().unwrap();
    assert_eq!(first, "                            dense            cnn");
    for part in [
        "accuracy                  90.00 %        95.00 % *\n",
        "label in top 2            90.00 %        95.00 % *\n",
        "calibration error         15.00 %         1.25 % *",
        "only dense right                0",
        "only cnn right                  1",
        "both wrong                      1",
        "McNemar's exact test: p = 1.0000",
        "Shirt              2       0.00    0.00   0.00     100.00   50.00  66.67",
        "Shirt            ·     ·     ·     ·     2     ·     ·     ·     ·     ·",
        "Shirt            ·     ·     ·     ·     1     ·     1     ·     ·     ·",
    ] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
}

/// The labels and predictions of 100 images of two classes, of which one is taken for the other.
fn two_classes() -> (Vec<u16>, Vec<Row>) {
    let labels: Vec<u16> = (0..100).map(|image| 5 + 2 * (image % 2)).collect();
    let prediction = |image: usize| if image == 3 { 5 } else { labels[image] };
    let rows = (0..100).map(|image| row(prediction(image).into(), 0.9));
    (labels.clone(), rows.collect())
}

#[test]
fn classes_that_do_not_occur_are_no_part_of_the_means() {
    let (labels, dense) = two_classes();
    let names = FASHION_MNIST_CLASSES.map(str::to_owned);
    let mut cnn = dense.clone();
    let text = |dense: &[Row], cnn: &[Row]| {
        let [dense, cnn] = [dense, cnn].map(|rows| rows.iter().copied().collect());
        let models = [("dense", &dense), ("cnn", &cnn)];
        tables(&Evaluation::new("MNIST", &names, &labels, &models).unwrap())
    };
    // By hand: of class 5 a precision of 50/51, of class 7 a recall of 49/50.
    for part in [
        "recall, macro             99.00 %        99.00 %\n",
        "Bag                0          –       –      –          –       –      –\n",
        "Sneaker           50     100.00   98.00  98.99     100.00   98.00  98.99\n",
        "mean             100      99.02   99.00  99.00      99.02   99.00  99.00\n\n\
         mean of the 2 classes that occur among labels or predictions\n",
    ] {
        let text = text(&dense, &cnn);
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
    // A wrong prediction of another class makes that class occur, with a model that gives it.
    cnn[3] = row(8, 0.9);
    for part in [
        "Bag                0          –       –      –       0.00    0.00   0.00\n",
        "mean of the classes that occur among labels or predictions: dense 2, cnn 3\n",
    ] {
        let text = text(&dense, &cnn);
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
    assert!(!tables(&evaluation()).contains("that occur"));
}

#[test]
fn means_that_earlier_versions_wrote_are_taken_again() {
    let (labels, rows) = two_classes();
    let names = FASHION_MNIST_CLASSES.map(str::to_owned);
    let evaluation = Evaluation::new(
        "MNIST",
        &names,
        &labels,
        &[("cnn", &rows.into_iter().collect())],
    )
    .unwrap();
    let mut earlier = evaluation.clone();
    earlier.models[0].macro_average.f1 /= 5.0;
    let json = serde_json::to_vec(&earlier).unwrap();
    assert_eq!(Evaluation::parse(&json).unwrap(), evaluation);
}

#[test]
fn tables_stay_within_80_columns_whatever_the_names() {
    let mut evaluation = evaluation();
    evaluation.class_names = vec!["a very\u{1b}[31m long name\n".repeat(9); CLASSES];
    for model in &mut evaluation.models {
        model.model = "a model with a name that does not fit".to_owned();
        model.confusion.counts = vec![vec![99_999; CLASSES]; CLASSES];
    }
    let text = tables(&evaluation);
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
        assert!(!line.contains(char::is_control), "{line:?}");
    }
}

#[test]
fn small_p_values_are_bounded() {
    assert_eq!(p_value(1.0), "p = 1.0000");
    assert_eq!(p_value(0.000_123), "p = 0.0001");
    assert_eq!(p_value(0.000_099), "p < 0.0001");
    assert_eq!(p_value(0.0), "p < 0.0001");
}

/// Width, height and RGB pixels.
fn read_png(path: &Path) -> (u32, u32, Vec<u8>) {
    let file = BufReader::new(File::open(path).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    (info.width, info.height, pixels)
}

#[test]
fn confusion_is_shaded_by_the_share_of_the_row() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("confusion-cnn.png");
    let evaluation = evaluation();
    draw_confusion(&path, &evaluation, &evaluation.models[1]).unwrap();
    let (width, height, pixels) = read_png(&path);
    assert_eq!((width, height), confusion::size(CLASSES));
    // Near the lower right corner of a cell, where there is no digit.
    let shade = |label: usize, prediction: usize| {
        let (x, y) = (160 + 89 * prediction + 80, 96 + 74 * label + 66);
        let at = 3 * (y * width as usize + x);
        [pixels[at], pixels[at + 1], pixels[at + 2]]
    };
    let full = [0, 114, 178];
    assert_eq!(shade(0, 0), full);
    assert_eq!(shade(9, 9), full);
    assert_eq!(shade(0, 1), [255; 3]);
    // One of two: √½ of the way from white.
    let half = full.map(|channel| (255.0 - 0.5_f64.sqrt() * (255.0 - f64::from(channel))).round());
    assert_eq!(shade(6, 4).map(f64::from), half);
    assert_eq!(shade(6, 6).map(f64::from), half);
}

#[test]
fn reliability_bars_end_at_the_accuracy() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("reliability.png");
    // Ten images of which six are right, with 0.75 each.
    let rows = [row(3, 0.75); 10].into_iter().collect();
    let labels = [3, 3, 3, 3, 3, 3, 0, 0, 0, 0];
    let names = FASHION_MNIST_CLASSES.map(str::to_owned);
    let evaluation = Evaluation::new("MNIST", &names, &labels, &[("dense", &rows)]).unwrap();
    draw_reliability(&path, &evaluation).unwrap();
    let (width, height, pixels) = read_png(&path);
    let expected = (reliability::PANEL_WIDTH, reliability::HEIGHT);
    assert_eq!((width, height), expected);
    // The highest full-coloured pixel in the middle of the bin of 0.75, as a share of the plot from
    // 98 (100 %) to 508 (0 %).
    let column = 88 + ((11.5 / 15.0) * (640.0 - 88.0 - 32.0)) as usize;
    let blue = |y: &usize| {
        let at = 3 * (y * width as usize + column);
        pixels[at..at + 3] == [0, 114, 178]
    };
    let top = (90..508).find(blue).unwrap() as f64;
    let share = (508.0 - top) / (508.0 - 98.0);
    assert!((share - 0.6).abs() < 0.01, "{share}");
}

#[test]
fn pictures_take_any_evaluation() {
    let root = tempfile::tempdir().unwrap();
    let names: [String; CLASSES] =
        std::array::from_fn(|class| format!("<\u{1b}{class}> \u{202e}name").repeat(20));
    for labels in [&[][..], &[0, 1, 2]] {
        let rows = labels.iter().map(|_| [f32::NAN; CLASSES]).collect();
        let models = [("dense", &rows), ("cnn", &rows)];
        let evaluation = Evaluation::new("\n", &names, labels, &models).unwrap();
        draw_reliability(&root.path().join("r.png"), &evaluation).unwrap();
        draw_confusion(
            &root.path().join("c.png"),
            &evaluation,
            &evaluation.models[0],
        )
        .unwrap();
        tables(&evaluation);
    }
    let missing = root.path().join("missing").join("reliability.png");
    let error = draw_reliability(&missing, &evaluation()).unwrap_err();
    let error = format!("{error:#}");
    assert!(
        error.contains("reliability.png cannot be written"),
        "{error}"
    );
}

/// Images of one grey each: image `n` has the value `10 + n`.
fn test_set(labels: &[u16], probabilities: [Vec<Row>; 2]) -> TestSet {
    let grey = |n: usize| [10 + n as u8; PIXELS];
    let images = (0..labels.len()).flat_map(grey).collect();
    TestSet {
        split: Split::new(FASHION_MNIST_SPEC, images, labels.to_vec()).unwrap(),
        probabilities: probabilities.map(|rows| rows.into_iter().collect()).into(),
    }
}

#[test]
fn disagreement_shows_the_surest_mistakes_first() {
    // Only the second model is right on the images 1 and 2; the first is surer of its mistake in 2.
    let labels: [u16; 3] = [4, 4, 4];
    let first = vec![row(4, 0.9), row(1, 0.6), row(2, 0.8)];
    let second = vec![row(4, 0.9), row(4, 0.9), row(4, 0.9)];
    let names = FASHION_MNIST_CLASSES.map(str::to_owned);
    let test = test_set(&labels, [first, second]);
    let [first, second] = &test.probabilities[..] else {
        panic!("two models")
    };
    let models = [("dense", first), ("cnn", second)];
    let evaluation = Evaluation::new("MNIST", &names, &labels, &models).unwrap();
    let comparison = evaluation.comparison.as_ref().unwrap();
    assert_eq!(test.only_right(1, 0), [2, 1]);
    assert!(test.only_right(0, 1).is_empty());

    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("disagreement.png");
    draw_disagreement(&path, &evaluation, comparison, &test).unwrap();
    let (width, height, pixels) = read_png(&path);
    let expected = (disagreement::WIDTH, disagreement::HEIGHT);
    assert_eq!((width, height), expected);
    // The middles of the first three places of the second model's part.
    let grey = |place: usize| {
        let (x, y) = (30 + 102 * place + 42, 84 + 322 + 44 + 19 + 42);
        pixels[3 * (y * width as usize + x)]
    };
    assert_eq!([0, 1, 2].map(grey), [255 - 12, 255 - 11, 255]);
}

#[test]
fn a_test_set_comes_back_from_its_files() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path();
    let models = ["dense", "cnn"];
    for model in models {
        fs::create_dir(folder.join(model)).unwrap();
    }
    let nan = vec![[f32::NAN; CLASSES]; 2];
    let written = test_set(&[7, 9], [vec![row(7, 0.5), row(1, 0.3)], nan]);
    written.write(folder, &models).unwrap();
    let read = TestSet::read(folder, &models, FASHION_MNIST_SPEC).unwrap();
    assert_eq!(read.split, written.split);
    assert_eq!(read.probabilities[0], written.probabilities[0]);
    assert!(read.probabilities[1].values().iter().all(|p| p.is_nan()));

    let refused = |name: &str, part: &str| {
        let error = TestSet::read(folder, &models, FASHION_MNIST_SPEC)
            .err()
            .unwrap();
        let error = format!("{error:#}");
        assert!(error.contains(name) && error.contains(part), "{error}");
    };
    let path = folder.join("cnn").join("probabilities.npy");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 4]).unwrap();
    refused("probabilities.npy", "is damaged");
    fs::remove_file(&path).unwrap();
    refused("probabilities.npy", "cannot be read");
    // Three images' files beside two labels and rows of two.
    let three = test_set(&[1, 2, 3], [vec![row(1, 0.5); 3], vec![row(1, 0.5); 3]]);
    three.write(folder, &models[1..]).unwrap();
    refused("probabilities.npy", "other images");
    fs::write(folder.join("test-labels.gz"), "no labels").unwrap();
    refused("test-labels.gz", "");
}

// Cases for tests/check_evaluation.py

/// Leaves test sets with the evaluations of two models where the script computes them again.
#[test]
fn cases_to_compute_again() {
    let any: Vec<u16> = (0..CLASSES as u16).collect();
    let few = [0, 3, 3, 3, 7];
    let many: Vec<u16> = (0..137).collect();
    let mut cases = vec![
        case::<CLASSES>("balanced", 10_000, &any, [2.0, 2.5]),
        case::<CLASSES>("equally good", 3_000, &any, [1.5, 1.5]),
        case::<CLASSES>("few images", 23, &any, [1.0, 2.0]),
        case::<CLASSES>("classes without images", 500, &few, [1.0, 1.5]),
        case::<CLASSES>("one class", 50, &[4], [0.5, 3.0]),
        case::<CLASSES>("perfect", 400, &any, [1e6, 1e6]),
        case::<CLASSES>("useless", 1_000, &any, [0.0, 0.0]),
        case::<2>("one against another", 200, &[0, 1], [1.0, 1.5]),
        case::<137>("more classes", 2_000, &many, [2.0, 3.0]),
    ];
    let (labels, rows) = two_classes();
    cases.push(evaluated("two classes of ten", &labels, &rows, &rows));
    let labels: Vec<u16> = (0..40).map(|i| i % 10).collect();
    // Probabilities with many equals, and a model that diverged.
    let coarse: Vec<Row> = (0..40)
        .map(|i| std::array::from_fn(|class| [0.0, 0.25, 0.5][(i * 7 + class * 5) % 3]))
        .collect();
    let diverged = vec![[f32::NAN; CLASSES]; 40];
    cases.push(evaluated("ties and NaN", &labels, &coarse, &diverged));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("evaluations.json");
    fs::write(path, json!({ "cases": cases }).to_string()).unwrap();
}

/// A test set of labels drawn from `labels`, and two models that raise the label's logit by
/// `skill`.
fn case<const N: usize>(name: &str, images: usize, labels: &[u16], skill: [f32; 2]) -> Value {
    let mut random = Random(images as u64);
    let labels: Vec<u16> = (0..images)
        .map(|_| labels[(random.next() * labels.len() as f32) as usize])
        .collect();
    let [first, second] = skill.map(|skill| {
        let row = |label: &u16| {
            let mut logits: [f32; N] = std::array::from_fn(|_| 4.0 * random.next());
            logits[usize::from(*label)] += skill;
            softmax(logits)
        };
        labels.iter().map(row).collect::<Vec<_>>()
    });
    evaluated(name, &labels, &first, &second)
}

fn evaluated<const N: usize>(
    name: &str,
    labels: &[u16],
    dense: &[[f32; N]],
    cnn: &[[f32; N]],
) -> Value {
    let class_names: [String; N] = std::array::from_fn(|class| format!("class {class}"));
    let [dense, cnn] = [dense, cnn].map(|rows| rows.iter().copied().collect::<Probabilities>());
    let models = [("dense", &dense), ("cnn", &cnn)];
    let evaluation = Evaluation::new(name, &class_names, labels, &models).unwrap();
    let balanced =
        (evaluation.models.iter()).map(|model| (&model.model, model.confusion.balanced_accuracy()));
    json!({
        "name": name,
        "labels": labels,
        "probabilities": { "dense": rows(&dense), "cnn": rows(&cnn) },
        "evaluation": evaluation,
        "largest_class": evaluation.largest_class(),
        "balanced_accuracy": balanced.collect::<BTreeMap<_, _>>(),
    })
}

fn rows(probabilities: &Probabilities) -> Vec<&[f32]> {
    probabilities.rows().collect()
}

fn softmax<const N: usize>(logits: [f32; N]) -> [f32; N] {
    let largest = logits.into_iter().fold(f32::MIN, f32::max);
    let powers = logits.map(|logit| (logit - largest).exp());
    let sum: f32 = powers.iter().sum();
    powers.map(|power| power / sum)
}

/// Knuth's linear congruential generator: good enough to draw cases, the same on every machine.
struct Random(u64);

impl Random {
    /// In [0, 1).
    fn next(&mut self) -> f32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1 << 24) as f32
    }
}
