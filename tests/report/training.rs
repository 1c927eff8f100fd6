//! History, progress, curves, table and summary: what a run shows and leaves behind.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::slice;
use std::sync::{Arc, Mutex};

use fmnist::report::curves::{HEIGHT, Metric, WIDTH, draw_curves};
use fmnist::report::evaluation::LargestClass;
use fmnist::report::summary::{ModelSummary, RunsSummary, Summary, TestClass};
use fmnist::report::table::table;
use fmnist::run::progress::{Progress, Style};
use fmnist::train::history::{EpochRecord, History};

/// Results with the given validation accuracy and loss; the model does better in training.
fn record(model: &str, epoch: usize, accuracy: f64, loss: f64) -> EpochRecord {
    EpochRecord {
        model: model.to_string(),
        epoch,
        train_loss: loss / 2.0,
        train_accuracy: (1.0 + accuracy) / 2.0,
        validation_loss: loss,
        validation_accuracy: accuracy,
        seconds: 12.34,
    }
}

fn history(records: impl IntoIterator<Item = EpochRecord>) -> History {
    History {
        records: records.into_iter().collect(),
    }
}

fn message(error: &anyhow::Error) -> String {
    format!("{error:#}")
}

// History

#[test]
fn csv_has_the_stated_columns_and_keeps_every_bit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.csv");
    let mut history = history([
        record("dense", 1, 0.1 + 0.2, 1.0 / 3.0),
        record("cnn, \"wide\"", 1, f64::MIN_POSITIVE, f64::INFINITY),
    ]);
    history.write_csv(&path).unwrap();
    history.push(record("dense", 2, 0.9, 1e-300));
    history.write_csv(&path).unwrap();

    let text = fs::read_to_string(&path).unwrap();
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some("model,epoch,train_loss,train_accuracy,validation_loss,validation_accuracy,seconds")
    );
    assert_eq!(
        lines.next(),
        Some(
            "dense,1,0.16666666666666666,0.65,\
             0.3333333333333333,0.30000000000000004,12.34"
        )
    );
    assert_eq!(History::read_csv(&path).unwrap(), history);
    assert_eq!(history.models(), ["dense", "cnn, \"wide\""]);
    let epochs: Vec<_> = history.of("dense").map(|r| r.epoch).collect();
    assert_eq!(epochs, [1, 2]);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn csv_keeps_nan_and_the_empty_history() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.csv");
    History::default().write_csv(&path).unwrap();
    assert_eq!(History::read_csv(&path).unwrap(), History::default());

    history([record("cnn", 1, 0.1, f64::NAN)])
        .write_csv(&path)
        .unwrap();
    let read = History::read_csv(&path).unwrap();
    assert!(read.records[0].train_loss.is_nan());
    assert_eq!(read.records[0].validation_accuracy, 0.1);
}

#[test]
fn csv_errors_name_file_line_and_column() {
    let header =
        "model,epoch,train_loss,train_accuracy,validation_loss,validation_accuracy,seconds\n";
    let good = "dense,1,0.5,0.8,0.5,0.8,1.0\n";
    let cases = [
        (String::new(), "line 1"),
        ("model,epoch\n".to_string(), "not `model,epoch`"),
        (
            format!("{header}{good}dense,two,0.5,0.8,0.5,0.8,1\n"),
            "line 3 — column `epoch`",
        ),
        (
            format!("{header}dense,1,0.5,0.8,low,0.8,1\n"),
            "line 2 — column `validation_loss`",
        ),
        (format!("{header}dense,0,0.5,0.8,0.5,0.8,1\n"), "line 2"),
        (
            format!("{header}{good}dense,2,0.5\n"),
            "line 3 — expected 7 values, found 3",
        ),
    ];
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("history.csv");
    for (text, expected) in cases {
        fs::write(&path, &text).unwrap();
        let error = message(&History::read_csv(&path).unwrap_err());
        assert!(error.contains(expected), "{text:?} gave {error}");
        assert!(error.contains("history.csv"), "{error}");
    }
    let missing = dir.path().join("missing").join("history.csv");
    for error in [
        History::read_csv(&missing).unwrap_err(),
        History::default().write_csv(&missing).unwrap_err(),
    ] {
        assert!(
            message(&error).contains(missing.to_str().unwrap()),
            "{error}"
        );
    }
}

// Progress

#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Vec<u8>>>);

impl Recorder {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Recorder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn train(progress: &Progress, models: &[&str], epochs: usize, loss: f64) {
    std::thread::scope(|scope| {
        for model in models {
            let mut handle = progress.model(model);
            scope.spawn(move || {
                for epoch in 1..=epochs {
                    handle.begin_epoch(epoch, 0);
                    for step in 0..10 {
                        handle.advance(100, (step % 2 == 0).then_some((2.0, 0.5)));
                    }
                    handle.end_epoch(&record(model, epoch, 0.8912, loss));
                }
            });
        }
    });
}

#[test]
fn plain_progress_is_one_clean_line_per_epoch() {
    let recorder = Recorder::default();
    let models = ["dense", "cnn"];
    train(
        &Progress::plain_to(recorder.clone(), &models, 10, 1000),
        &models,
        10,
        0.30124,
    );
    let text = recorder.text();
    assert!(text.ends_with('\n'));
    assert_eq!(text.lines().count(), 20);
    for model in models {
        for epoch in 1..=10 {
            let line = format!(
                "{model:<5}  {epoch:>2}/10  train loss 0.1506 acc 94.56%  \
                 val loss 0.3012 acc 89.12%  12.3 s"
            );
            assert_eq!(text.lines().filter(|l| *l == line).count(), 1, "{text}");
        }
    }
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'));
}

#[test]
fn progress_fits_into_80_columns() {
    for loss in [0.3, 12.3, 123.4, 1e30, f64::NAN, f64::INFINITY] {
        let recorder = Recorder::default();
        let progress = Progress::plain_to(recorder.clone(), &["dense"], 100, 1000);
        train(&progress, &["dense"], 100, loss);
        train(&progress.labelled("#10 ".into()), &["dense"], 100, loss);
        let text = recorder.text();
        assert_eq!(text.lines().count(), 200);
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}

#[test]
fn progress_outlives_a_closed_output() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }
    train(
        &Progress::plain_to(Closed, &["cnn"], 2, 1000),
        &["cnn"],
        2,
        0.5,
    );
}

#[test]
fn quiet_wins_over_the_terminal() {
    assert_eq!(Style::detect(true), Style::Quiet);
}

// Curves

/// The pixels of a PNG file of the stated size.
struct Picture(Vec<u8>);

impl Picture {
    fn read(path: &Path) -> Self {
        let file = io::BufReader::new(fs::File::open(path).unwrap());
        let mut reader = png::Decoder::new(file).read_info().unwrap();
        let info = reader.info();
        assert_eq!((info.width, info.height), (WIDTH, HEIGHT));
        assert_eq!(info.color_type, png::ColorType::Rgb);
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        Self(pixels)
    }

    /// Where in the plot, that is below title and legend, a colour is found, rounded up or down.
    fn find(&self, color: [u8; 3]) -> Vec<(usize, usize)> {
        let width = WIDTH as usize;
        let is_color = |pixel: &[u8]| pixel.iter().zip(color).all(|(a, b)| a.abs_diff(b) <= 1);
        self.0
            .chunks_exact(3)
            .enumerate()
            .filter(|(_, pixel)| is_color(pixel))
            .map(|(i, _)| (i % width, i / width))
            .filter(|(_, y)| *y > 100)
            .collect()
    }
}

const BLUE: [u8; 3] = [0, 114, 178];
const VERMILION: [u8; 3] = [213, 94, 0];
const GREEN: [u8; 3] = [0, 158, 115];
const PALE_BLUE: [u8; 3] = [128, 185, 217];

/// A quarter of the colour over white; for both, vermilion over blue.
const BLUE_BAND: [u8; 3] = [192, 220, 236];
const VERMILION_BAND: [u8; 3] = [245, 215, 192];
const BOTH_BANDS: [u8; 3] = [197, 189, 177];

fn draw(metric: Metric, subject: &str, history: &History) -> Picture {
    draw_runs(metric, subject, slice::from_ref(history))
}

fn draw_runs(metric: Metric, subject: &str, histories: &[History]) -> Picture {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("curves.png");
    draw_curves(&path, metric, subject, histories).unwrap();
    Picture::read(&path)
}

/// The mean position of the pixels: the centre of a marker.
fn centre(pixels: &[(usize, usize)]) -> (f64, f64) {
    let n = pixels.len() as f64;
    let sum = |f: fn(&(usize, usize)) -> usize| pixels.iter().map(f).sum::<usize>() as f64;
    (sum(|p| p.0) / n, sum(|p| p.1) / n)
}

#[test]
fn points_lie_where_their_values_are() {
    // Gaps between the points leave markers only.
    let losses = [0.1, f64::NAN, 0.4, f64::NAN, 0.5];
    let records = losses.iter().zip(1..).flat_map(|(&loss, epoch)| {
        let dense = EpochRecord {
            train_loss: 0.2,
            ..record("dense", epoch, 0.5, loss)
        };
        [dense, record("cnn", epoch, 0.5, 0.3)]
    });
    let picture = draw(Metric::Loss, "test", &history(records));
    let blue = picture.find(BLUE);
    let column = |from: usize, to: usize| {
        let marker: Vec<_> = blue
            .iter()
            .copied()
            .filter(|(x, _)| (from..to).contains(x))
            .collect();
        assert!((30..200).contains(&marker.len()), "{} pixels", marker.len());
        centre(&marker)
    };
    let (left, middle, right) = (column(0, 400), column(400, 950), column(950, 1280));
    assert!((middle.0 - (left.0 + right.0) / 2.0).abs() <= 1.0);
    let fraction = (left.1 - middle.1) / (left.1 - right.1);
    assert!((fraction - 0.75).abs() < 0.005, "{fraction}");

    // The other model's constant 0.3 is a level line half way between 0.1 and 0.5.
    let vermilion = picture.find(VERMILION);
    let (_, y) = centre(&vermilion);
    assert!((y - (left.1 + right.1) / 2.0).abs() <= 1.0);
    assert!(vermilion.iter().all(|p| (p.1 as f64 - y).abs() <= 6.0));
    assert!(vermilion.iter().any(|p| (p.0 as f64 - left.0).abs() <= 1.0));
    assert!(
        vermilion
            .iter()
            .any(|p| (p.0 as f64 - right.0).abs() <= 1.0)
    );
}

#[test]
fn training_is_drawn_apart_from_validation() {
    let history = history([record("dense", 1, 0.9, 0.3)]);
    let picture = draw(Metric::Accuracy, "test", &history);
    let training = centre(&picture.find(PALE_BLUE));
    let validation = centre(&picture.find(BLUE));
    assert!((training.0 - validation.0).abs() <= 1.0);
    assert!(training.1 + 50.0 < validation.1);
}

#[test]
fn a_single_epoch_is_visible() {
    let history = history([
        record("dense", 1, 0.8, 0.5),
        record("cnn", 1, 0.9, 0.3),
        record("third", 1, 0.85, 0.3),
    ]);
    let picture = draw(Metric::Accuracy, "test", &history);
    let (dense, cnn) = (picture.find(BLUE), picture.find(VERMILION));
    assert!(dense.len() >= 30 && cnn.len() >= 30);
    assert!(centre(&cnn).1 + 300.0 < centre(&dense).1);
}

#[test]
fn long_trainings_fill_the_width() {
    let records = (1..=300).map(|epoch| record("cnn", epoch, 0.9 - 0.1 / epoch as f64, 0.3));
    let columns: Vec<_> = draw(Metric::Accuracy, "test", &history(records))
        .find(BLUE)
        .into_iter()
        .map(|(x, _)| x)
        .collect();
    assert!(columns.iter().min().is_some_and(|x| *x < 150));
    assert!(columns.iter().max().is_some_and(|x| *x > 1200));
}

#[test]
fn nothing_finite_is_said_not_drawn() {
    let picture = draw(
        Metric::Loss,
        "test",
        &history((1..=3).map(|epoch| record("cnn", epoch, 0.1, f64::NAN))),
    );
    assert!(picture.find(BLUE).is_empty());
    // The message's letters in the middle of the empty plot.
    let text = picture.find([50, 50, 50]);
    assert!(text.iter().any(|(x, y)| *x > 400 && *y > 300));
    draw(Metric::Accuracy, "test", &History::default());
    draw_runs(Metric::Accuracy, "test", &[]);
}

#[test]
fn values_of_any_size_are_drawn() {
    let largest = f64::from(f32::MAX);
    for loss in [0.0, -1.0, 1e-300, 1e30, largest, 1e300, f64::MAX] {
        for other in [loss, 0.5] {
            let run = history([
                record("cnn", 1, 0.1, loss),
                record("cnn", usize::MAX, 1.0, other),
            ]);
            draw(Metric::Loss, "test", &run);
            let next = history([record("cnn", 1, 0.2, other)]);
            draw_runs(Metric::Loss, "test", &[run, next]);
        }
    }
}

#[test]
fn hostile_names_do_no_harm() {
    let long = "\u{1b}[31m\r\n\0 é 漢字 \u{202e}".repeat(100_000);
    let picture = draw(Metric::Loss, &long, &history([record(&long, 1, 0.5, 0.5)]));
    assert!(!picture.find(BLUE).is_empty());
    // The title ends where the plot ends.
    let right_margin = (0..100 * WIDTH as usize).filter(|i| i % WIDTH as usize > 1250);
    assert!(right_margin.into_iter().all(|i| picture.0[3 * i] == 255));
}

/// A run with these validation losses, the same in each epoch.
fn level_run(epochs: usize, losses: &[(&str, f64)]) -> History {
    history((1..=epochs).flat_map(|epoch| {
        losses.iter().map(move |&(model, loss)| EpochRecord {
            train_loss: 0.3,
            ..record(model, epoch, 0.5, loss)
        })
    }))
}

#[test]
fn a_band_of_one_deviation_lies_around_the_mean_of_runs() {
    // Of 0.2 and 0.4 the mean is 0.3 and the deviation the root of 2 · 0.1² / (2 − 1). The other
    // models, the same in both runs, show where the bounds are.
    let (low, high) = (0.3 - 0.02f64.sqrt(), 0.3 + 0.02f64.sqrt());
    for epochs in [1, 5] {
        let runs = [0.2, 0.4]
            .map(|loss| level_run(epochs, &[("dense", loss), ("low", low), ("high", high)]));
        let picture = draw_runs(Metric::Loss, "test", &runs);
        let mean = picture.find(BLUE);
        let lower = centre(&picture.find(VERMILION)).1;
        let upper = centre(&picture.find(GREEN)).1;
        assert!((centre(&mean).1 - (lower + upper) / 2.0).abs() <= 1.0);

        // The rulers' markers cover five pixels of the band's ends.
        let band = picture.find(BLUE_BAND);
        let rows = band.iter().map(|(_, y)| *y as f64);
        let (top, bottom) = rows.fold((f64::MAX, 0.0f64), |(a, b), y| (a.min(y), b.max(y)));
        assert!((upper - 2.0..upper + 7.0).contains(&top), "{top} {upper}");
        assert!(
            (lower - 7.0..lower + 2.0).contains(&bottom),
            "{bottom} {lower}"
        );

        let columns = |pixels: &[(usize, usize)]| {
            let columns = pixels.iter().map(|(x, _)| *x);
            (columns.clone().min().unwrap(), columns.max().unwrap())
        };
        let (band, mean) = (columns(&band), columns(&mean));
        assert!(
            band.0.abs_diff(mean.0) <= 6 && band.1.abs_diff(mean.1) <= 6,
            "{band:?} {mean:?}"
        );
    }
}

#[test]
fn bands_shine_through_each_other() {
    let runs = [0.0, 0.2].map(|more| level_run(3, &[("dense", 0.2 + more), ("cnn", 0.3 + more)]));
    let picture = draw_runs(Metric::Loss, "test", &runs);
    let row = |color| centre(&picture.find(color)).1;
    let (above, between, below) = (row(VERMILION_BAND), row(BOTH_BANDS), row(BLUE_BAND));
    assert!(above < between && between < below);
    // The lines lie upon the bands.
    for line in [BLUE, VERMILION] {
        let columns: HashSet<_> = picture.find(line).into_iter().map(|(x, _)| x).collect();
        assert!(columns.len() > 1000);
    }
}

#[test]
fn equal_runs_look_like_one_but_for_the_title() {
    let run = history([
        record("dense", 1, 0.8, 0.5),
        record("dense", 2, 0.85, 0.4),
        record("dense", 3, 0.86, f64::NAN),
    ]);
    for metric in [Metric::Accuracy, Metric::Loss] {
        let one = draw(metric, "test", &run).0;
        let two = draw_runs(metric, "test", &[run.clone(), run.clone()]).0;
        let row = 3 * WIDTH as usize;
        let (title, plot) = (..50 * row, 100 * row..);
        assert!(one[plot.clone()] == two[plot]);
        assert!(one[title] != two[title]);
    }
}

#[test]
fn an_unwritable_picture_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("missing").join("loss.png");
    let error = draw_curves(&path, Metric::Loss, "test", &[]).unwrap_err();
    assert!(message(&error).contains(path.to_str().unwrap()), "{error}");
}

// Summary and table

fn summary() -> Summary {
    let dense = ModelSummary {
        parameters: 101_770,
        train_accuracy: 0.9123,
        validation_accuracy: 0.8888,
        test_accuracy: 0.8761,
        balanced_accuracy: None,
        class_recalls: Vec::new(),
        test_loss: 0.3456,
        seconds_per_epoch: 0.512,
        total_seconds: 6.12,
    };
    let cnn = ModelSummary {
        parameters: 421_642,
        train_accuracy: 0.9567,
        validation_accuracy: 0.9212,
        test_accuracy: 0.9172,
        balanced_accuracy: None,
        class_recalls: Vec::new(),
        test_loss: 0.2345,
        seconds_per_epoch: 20.66,
        total_seconds: 207.4,
    };
    Summary {
        dataset: "Fashion-MNIST".to_string(),
        backend: "wgpu".to_string(),
        device: "NVIDIA H100 (Vulkan)".to_string(),
        recipe: "standard".to_string(),
        seed: 42,
        epochs: 10,
        largest_class: None,
        test_classes: Vec::new(),
        models: BTreeMap::from([("dense".to_string(), dense), ("cnn".to_string(), cnn)]),
    }
}

#[test]
fn summary_has_the_stated_shape_and_reads_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("summary.json");
    let mut summary = summary();
    summary.write(&path).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(json["dataset"], "Fashion-MNIST");
    assert_eq!(json["backend"], "wgpu");
    assert_eq!(json["device"], "NVIDIA H100 (Vulkan)");
    assert_eq!(json["recipe"], "standard");
    assert_eq!(json["seed"], 42);
    assert_eq!(json["models"]["dense"]["parameters"], 101_770);
    assert_eq!(json["models"]["cnn"]["test_accuracy"], 0.9172);
    for field in [
        "train_accuracy",
        "validation_accuracy",
        "test_loss",
        "seconds_per_epoch",
    ] {
        assert!(json["models"]["cnn"][field].is_f64(), "{field}");
    }
    assert_eq!(Summary::read(&path).unwrap(), summary);

    summary.models.get_mut("cnn").unwrap().test_loss = f64::NAN;
    summary.write(&path).unwrap();
    assert!(
        Summary::read(&path).unwrap().models["cnn"]
            .test_loss
            .is_nan()
    );

    for (field, value, part) in [
        ("test_accuracy", "7.0", "models.cnn: accuracies and recalls"),
        (
            "class_recalls",
            "[0.5]",
            "models.cnn.class_recalls: 0 were expected",
        ),
    ] {
        let mut json: serde_json::Value =
            serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        json["models"]["cnn"][field] = serde_json::from_str(value).unwrap();
        let other = dir.path().join("other.json");
        fs::write(&other, json.to_string()).unwrap();
        let error = message(&Summary::read(&other).unwrap_err());
        assert!(
            error.contains("other.json") && error.contains(part),
            "{error}"
        );
    }

    fs::write(&path, r#"{"dataset": "x"}"#).unwrap();
    let error = message(&Summary::read(&path).unwrap_err());
    assert!(
        error.contains("summary.json") && error.contains("backend"),
        "{error}"
    );
}

#[test]
fn table_compares_the_models_side_by_side() {
    let expected = "\
Fashion-MNIST — 10 epochs, recipe standard, seed 42
wgpu — NVIDIA H100 (Vulkan)

                            dense            cnn
------------------------------------------------
parameters                101,770        421,642
train accuracy            91.23 %        95.67 % *
validation accuracy       88.88 %        92.12 % *
test accuracy             87.61 %        91.72 % *
test loss                  0.3456         0.2345 *
time per epoch             0.51 s *       20.7 s
total time                 6.12 s *   3 min 27 s

* better
";
    assert_eq!(table(&[summary()]), expected);
}

/// Classes of so many test images as their names have letters.
fn classes<const N: usize>(names: [&str; N]) -> Vec<TestClass> {
    let class = |name: &str| TestClass {
        name: name.to_owned(),
        images: name.len(),
    };
    names.map(class).to_vec()
}

#[test]
fn of_unequal_classes_the_balanced_accuracy_and_the_largest_class_are_told() {
    let mut runs = runs();
    for (run, more) in runs.iter_mut().zip([-0.001, 0.001, 0.0]) {
        run.largest_class = Some(LargestClass {
            name: "dress".to_owned(),
            share: 0.26,
        });
        run.test_classes = classes(["dress", "hat", "a long name of a class"]);
        for (name, accuracy) in [("dense", 0.7), ("cnn", 0.65)] {
            let model = run.models.get_mut(name).unwrap();
            model.balanced_accuracy = Some(accuracy + more);
            // No image of the test set is a hat.
            model.class_recalls = vec![Some(accuracy + more), None, Some(0.5)];
        }
    }
    let text = table(&runs[..1]);
    // As wide as the longest name.
    for part in [
        "test accuracy                       87.49 %        91.48 % *\n\
         balanced accuracy                   69.90 % *      64.90 %\n\
         test loss ",
        "3 min 26 s\n\n\
         recall of each class (test images)\n\
         \x20 dress (5)                         69.90 % *      64.90 %\n\
         \x20 a long name of a class (22)       50.00 %        50.00 %\n\n\
         * better\n\nalways saying “dress”, the largest class, is right on 26.00 %\n",
    ] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
    let text = table(&runs);
    for label in ["balanced accuracy", "  dress (5)      "] {
        let line = format!("{label:<30}      70.00 ± 0.10 % *      65.00 ± 0.10 %\n");
        assert!(text.contains(&line), "{text}");
    }

    runs[0].test_classes[0].name = "日本".repeat(50);
    let longest = table(&runs).lines().map(console::measure_text_width).max();
    assert!(longest <= Some(80), "{}", table(&runs));

    // They are kept, and files of earlier versions have none.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("summary.json");
    runs[0].write(&path).unwrap();
    assert_eq!(Summary::read(&path).unwrap(), runs[0]);
    summary().write(&path).unwrap();
    let json = fs::read_to_string(&path).unwrap();
    assert!(
        !["balanced", "largest", "class"]
            .iter()
            .any(|word| json.contains(word)),
        "{json}"
    );
    // Of runs of which one has none there is no mean.
    runs[1].models.get_mut("cnn").unwrap().balanced_accuracy = None;
    let models = RunsSummary::of(&runs).unwrap().models;
    assert_eq!(models["cnn"].balanced_accuracy, None);
    assert!(models["dense"].balanced_accuracy.is_some());
    assert!(
        table(&runs).contains("70.00 ± 0.10 % *"),
        "{}",
        table(&runs)
    );
}

#[test]
fn of_many_classes_the_lowest_recalls_are_shown() {
    let mut run = summary();
    let names: [String; 100] = std::array::from_fn(|class| format!("class {class}"));
    run.test_classes = classes(names.each_ref().map(String::as_str));
    for (name, more) in [("dense", 0.0), ("cnn", 0.001)] {
        let recall = |class| Some(f64::from(class * 37 % 100) / 100.0 + more);
        run.models.get_mut(name).unwrap().class_recalls = (0..100).map(recall).collect();
    }
    let text = table(&[run]);
    let (_, below) = text
        .split_once("\nthe 20 lowest recalls of 100 classes, by the models' mean (test images)\n")
        .unwrap();
    let shown: Vec<&str> = below.lines().take_while(|line| !line.is_empty()).collect();
    assert_eq!(shown.len(), 20, "{text}");
    // 37 × 73 = 2701.
    for (line, class, recalls) in [
        (0, "class 0 ", ["0.00 %", "0.10 % *"]),
        (1, "class 73 ", ["1.00 %", "1.10 % *"]),
        (19, "class 87 ", ["19.00 %", "19.10 % *"]),
    ] {
        let parts = [class, recalls[0], recalls[1]];
        assert!(
            parts.iter().all(|part| shown[line].contains(part)),
            "{}",
            shown[line]
        );
    }
}

#[test]
fn table_marks_only_what_differs_and_no_single_model() {
    let mut equal = summary();
    let accuracy = equal.models["dense"].test_accuracy;
    // Less apart than the table shows.
    equal.models.get_mut("cnn").unwrap().test_accuracy = accuracy + 1e-6;
    equal.models.get_mut("cnn").unwrap().test_loss = f64::NAN;
    let text = table(slice::from_ref(&equal));
    let row = |label: &str| text.lines().find(|l| l.starts_with(label)).unwrap();
    assert!(!row("test accuracy").contains('*'), "{text}");
    assert!(row("test loss").contains("0.3456 *"), "{text}");
    assert!(row("test loss").ends_with("NaN"), "{text}");

    equal.models.remove("cnn");
    assert!(!table(&[equal]).contains('*'));
}

#[test]
fn table_stays_within_80_columns() {
    let mut summary = summary();
    summary.dataset = "x\u{1b}[31m\n".repeat(50);
    summary.device = "device ".repeat(50);
    let dense = summary.models["dense"].clone();
    summary.models.insert("m".repeat(200), dense);
    let text = table(slice::from_ref(&summary));
    assert!(text.lines().all(|l| l.chars().count() <= 80), "{text}");
    assert!(!text.chars().any(|c| c.is_control() && c != '\n'), "{text}");

    // Two models in several runs; times of hours and losses of runs that diverged.
    summary.models.remove("dense");
    for model in summary.models.values_mut() {
        model.test_loss = 123_456.0;
        model.seconds_per_epoch = 7_000.0;
        model.total_seconds = 70_000.0;
    }
    let mut other = summary.clone();
    for model in other.models.values_mut() {
        model.train_accuracy = 0.1;
        model.test_loss = f64::INFINITY;
        model.total_seconds = 71_000.0;
    }
    let text = table(&[summary, other]);
    assert!(text.contains("1,175 min 00 s ± 707 s"), "{text}");
    assert!(text.lines().all(|l| l.chars().count() <= 80), "{text}");
}

/// Three runs whose figures are those of [`summary`] less some amount, the same, and more by that
/// amount: their mean is the middle and their deviation the amount, the root of 2 d² / (3 − 1).
fn runs() -> Vec<Summary> {
    let run = |seed, sign: f64| {
        let mut summary = Summary { seed, ..summary() };
        for (name, more) in [("dense", sign), ("cnn", 2.0 * sign)] {
            let model = summary.models.get_mut(name).unwrap();
            model.train_accuracy += 0.0005 * more;
            model.validation_accuracy += 0.001 * more;
            model.test_accuracy += 0.0012 * more;
            model.test_loss += 0.003 * more;
            model.seconds_per_epoch += 0.02 * more;
            model.total_seconds += 0.7 * more;
        }
        summary
    };
    vec![run(5, -1.0), run(6, 1.0), run(7, 0.0)]
}

#[test]
fn table_of_several_runs_shows_mean_and_deviation() {
    let expected = "\
Fashion-MNIST — 10 epochs, recipe standard, seeds 5–7
wgpu — NVIDIA H100 (Vulkan)

                                   dense                   cnn
--------------------------------------------------------------
parameters                       101,770               421,642
train accuracy            91.23 ± 0.05 %        95.67 ± 0.10 % *
validation accuracy       88.88 ± 0.10 %        92.12 ± 0.20 % *
test accuracy             87.61 ± 0.12 %        91.72 ± 0.24 % *
test loss                0.3456 ± 0.0030       0.2345 ± 0.0060 *
time per epoch             0.51 ± 0.02 s *        20.7 ± 0.0 s
total time                 6.12 ± 0.70 s *    3 min 27 s ± 1 s

mean ± standard deviation of 3 runs
* better
";
    assert_eq!(table(&runs()), expected);
    assert_eq!(table(&[]), "");
}

#[test]
fn table_of_several_runs_compares_what_the_means_look_like() {
    let mut runs = runs();
    for run in &mut runs {
        let accuracy = run.models["dense"].test_accuracy;
        // The mean looks the same, the deviation does not.
        let cnn = run.models.get_mut("cnn").unwrap();
        cnn.test_accuracy = 0.8761 + 3.0 * (accuracy - 0.8761) + 1e-6;
    }
    let text = table(&runs);
    let row = text
        .lines()
        .find(|l| l.starts_with("test accuracy"))
        .unwrap();
    assert!(
        row.ends_with("87.61 ± 0.12 %        87.61 ± 0.36 %"),
        "{text}"
    );

    // Seeds that do not follow each other are listed; a single model is best in nothing.
    for (run, seed) in runs.iter_mut().zip([9, 6, 7]) {
        run.seed = seed;
        run.models.remove("cnn");
    }
    let text = table(&runs);
    assert!(text.contains(", seeds 9, 6, 7\n"), "{text}");
    assert!(
        text.ends_with("6.12 ± 0.70 s\n\nmean ± standard deviation of 3 runs\n"),
        "{text}"
    );
}

#[test]
fn runs_are_summarised_for_programs() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("runs.json");
    let mut runs = runs();
    runs[1].models.get_mut("dense").unwrap().test_loss = f64::NAN;
    let summary = RunsSummary::of(&runs).unwrap();
    summary.write(&path).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(json["recipe"], "standard");
    assert_eq!(json["seeds"], serde_json::json!([5, 6, 7]));
    assert_eq!(json["epochs"], 10);
    let cnn = &json["models"]["cnn"];
    assert_eq!(cnn["parameters"], 421_642);
    let near = |value: &serde_json::Value, expected: f64| {
        let value = value.as_f64().unwrap();
        assert!((value - expected).abs() < 1e-9, "{value} {expected}");
    };
    for (field, mean, std) in [
        ("train_accuracy", 0.9567, 0.001),
        ("validation_accuracy", 0.9212, 0.002),
        ("test_accuracy", 0.9172, 0.0024),
        ("test_loss", 0.2345, 0.006),
        ("seconds_per_epoch", 20.66, 0.04),
        ("total_seconds", 207.4, 1.4),
    ] {
        near(&cnn[field]["mean"], mean);
        near(&cnn[field]["std"], std);
    }
    assert!(json["models"]["dense"]["test_loss"]["mean"].is_null());

    let one = RunsSummary::of(&runs[..1]).unwrap();
    assert_eq!(one.models["cnn"].test_loss.std, None);
    assert_eq!(RunsSummary::of(&[]), None);
}
