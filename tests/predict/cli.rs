//! `fmnist predict` and `fmnist export` as their user runs them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::OnceLock;

use crate::common::fashion_mnist;
use crate::common::pictures::{SHOP, grey_png, jpeg, paint, rgb_png, test_images};
use crate::common::process::{assert_failure, assert_success, json, output, stdout};
use fmnist::picture::Background;
use fmnist::predict::load;
use serde_json::Value;
use tempfile::TempDir;

/// `fmnist ARGS` on the CPU.
fn fmnist(args: &[&str]) -> Output {
    let args = [&["--backend", "cpu"], args].concat();
    output(crate::common::process::fmnist(Path::new("."), &args))
}

/// The folder of a short run of both models.
fn run() -> &'static str {
    static RUN: OnceLock<(TempDir, String)> = OnceLock::new();
    let (_, run) = RUN.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let run = path(&folder.path().join("run"));
        let flags = ["--epochs", "1", "--samples", "6400", "--quiet"];
        let output = fmnist(&[&["train", "--out", &run], &flags[..]].concat());
        assert_success(&output);
        (folder, run)
    });
    run
}

fn path(path: &Path) -> String {
    path.to_str().expect("the path is UTF-8").to_owned()
}

fn json_lines(output: &Output) -> Vec<Value> {
    let text = stdout(output);
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().expect("lines of JSON")
}

/// A photograph of test image 0, itself, and a file that is neither.
fn photos() -> (TempDir, [PathBuf; 3]) {
    let folder = tempfile::tempdir().unwrap();
    let files = ["boot.jpg", "boot.png", "notes.png"].map(|name| folder.path().join(name));
    let image = &test_images(1)[0];
    fs::write(&files[0], jpeg(&paint(image, SHOP), |_| ())).unwrap();
    fs::write(&files[1], grey_png(28, 28, image)).unwrap();
    fs::write(&files[2], "boots").unwrap();
    (folder, files)
}

#[test]
fn pictures_of_the_test_set_are_as_right_as_the_test_set() {
    let folder = tempfile::tempdir().unwrap();
    for (index, image) in test_images(10_000).iter().enumerate() {
        let file = folder.path().join(format!("{index:05}.png"));
        fs::write(file, grey_png(28, 28, image)).unwrap();
    }
    let output = fmnist(&["predict", run(), &path(folder.path()), "--json"]);
    assert_success(&output);

    let labels = &fashion_mnist().test.labels;
    let summary = json(&Path::new(run()).join("summary.json"));
    let answers = json_lines(&output);
    assert_eq!(answers.len(), labels.len());
    for model in ["dense", "cnn"] {
        let right = answers.iter().zip(labels).filter(|(answer, label)| {
            answer["models"][model]["label"].as_u64() == Some(u64::from(**label))
        });
        let accuracy = right.count() as f64 / labels.len() as f64;
        let measured = summary["models"][model]["test_accuracy"].as_f64().unwrap();
        assert!((accuracy - measured).abs() < 1e-12, "{model}: {accuracy}");
    }
}

#[test]
fn one_picture_is_told_in_full_and_several_in_a_line_each() {
    let (folder, [photo, ..]) = photos();
    let output = fmnist(&["predict", run(), &path(&photo)]);
    assert_success(&output);
    let text = stdout(&output);
    assert_eq!(text.lines().count(), 12, "{text}");
    let most_probable = text.lines().nth(2).expect("there are twelve");
    assert!(most_probable.starts_with("  Ankle boot   █"), "{text}");

    let output = fmnist(&["predict", run(), &path(folder.path())]);
    assert_eq!(stdout(&output).lines().count(), 2);
    assert_failure(&output, 1, &["notes.png is no picture", "1 of 3 pictures"]);
}

#[test]
fn what_is_shown_is_what_the_models_saw() {
    let (folder, files) = photos();
    let seen = folder.path().join("seen");
    let ask = |pictures: &[PathBuf], show: &Path| {
        let pictures: Vec<String> = pictures.iter().map(|file| path(file)).collect();
        let mut args = vec!["predict", run()];
        args.extend(pictures.iter().map(String::as_str));
        let show = path(show);
        args.extend(["--json", "--show", &show]);
        let output = fmnist(&args);
        (output.status.code(), json_lines(&output))
    };
    let (code, answers) = ask(&files, &seen);
    assert_eq!((code, answers.len()), (Some(1), 3));
    let error = answers[2]["error"].as_str().expect("it is no picture");
    assert!(error.contains("notes.png is no picture"), "{error}");
    let probabilities = answers[0]["models"]["cnn"]["probabilities"]
        .as_array()
        .expect("a list");
    let sum: f64 = probabilities.iter().filter_map(Value::as_f64).sum();
    assert!((sum - 1.0).abs() < 1e-5, "{sum}");

    let shown = seen.join("boot.jpg.png");
    let again = folder.path().join("again.png");
    let (code, answers_again) = ask(std::slice::from_ref(&shown), &again);
    assert_eq!(code, Some(0));
    assert_eq!(answers_again[0]["models"], answers[0]["models"]);
    assert_eq!(
        load(&shown, Background::Contrast).unwrap(),
        load(&again, Background::Contrast).unwrap()
    );
    assert_eq!(
        load(&files[1], Background::Contrast).unwrap(),
        load(&seen.join("boot.png.png"), Background::Contrast).unwrap()
    );
}

#[test]
fn a_side_file_never_costs_a_prediction() {
    let folder = tempfile::tempdir().unwrap();
    let image = grey_png(28, 28, &test_images(1)[0]);
    // What a card from a Mac and a Windows machine holds, twice.
    let cards = ["one", "two"].map(|name| folder.path().join(name));
    for card in &cards {
        fs::create_dir(card).unwrap();
        fs::write(card.join("boot.jfif"), &image).unwrap();
        fs::write(card.join("._boot.jfif"), b"\0\x05\x16\x07").unwrap();
        fs::write(card.join("Thumbs.db"), b"\xd0\xcf\x11\xe0").unwrap();
        fs::write(card.join("desktop.ini"), "[.ShellClassInfo]").unwrap();
    }
    let [one, two, seen] = ["one", "two", "seen"].map(|name| path(&folder.path().join(name)));
    let ask = |show: &str, images: &[&str]| {
        let args = [&["predict", run(), "--json", "--show", show], images].concat();
        fmnist(&args)
    };
    let output = ask(&seen, &[&one, &two]);
    assert_success(&output);
    let answers = json_lines(&output);
    assert_eq!(answers.len(), 2);
    let used = load(&cards[0].join("boot.jfif"), Background::Contrast).unwrap();
    for name in ["boot.jfif.png", "boot.jfif-2.png"] {
        assert_eq!(
            load(&Path::new(&seen).join(name), Background::Contrast).unwrap(),
            used
        );
    }

    // Again: the side files are there, in a folder or as a file.
    let file = path(&Path::new(&seen).join("boot.jfif.png"));
    let boot = path(&cards[0].join("boot.jfif"));
    for (show, images, troubles) in [
        (&seen, &[&one[..], &two][..], "2 of 2 images"),
        (&file, &[&boot[..]][..], "1 of 1 image could"),
    ] {
        let output = ask(show, images);
        assert_eq!(json_lines(&output), answers[..images.len()]);
        assert_failure(
            &output,
            1,
            &["error: --show: ", "is not overwritten", troubles],
        );
    }
}

#[test]
fn a_framed_boot_is_a_boot_and_a_busy_background_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let [framed, busy] = ["framed.png", "busy.png"].map(|name| folder.path().join(name));
    let mut picture = paint(&test_images(1)[0], SHOP);
    let (width, height) = (picture.width, picture.height);
    for y in 0..height {
        for x in 0..width {
            if x == 0 || y == 0 || x == width - 1 || y == height - 1 {
                picture.pixels[y * width + x] = [0; 3];
            }
        }
    }
    fs::write(&framed, rgb_png(&picture)).unwrap();
    for (index, pixel) in picture.pixels.iter_mut().enumerate() {
        if (index % width / 20 + index / width / 20).is_multiple_of(2) {
            *pixel = pixel.map(|value| value / 2);
        }
    }
    fs::write(&busy, rgb_png(&picture)).unwrap();

    let [framed, busy] = [path(&framed), path(&busy)];
    let output = fmnist(&["predict", run(), &framed, &busy, "--json"]);
    assert_success(&output);
    let answers = json_lines(&output);
    assert_eq!(answers[0]["models"]["cnn"]["class"], "Ankle boot");
    assert_eq!(answers[0].get("warning"), None);
    let warning = answers[1]["warning"].as_str().expect("there is one");
    assert!(warning.starts_with(&format!("{busy} shows no plain background, so that")));
    assert!(answers[1]["models"]["cnn"]["class"].is_string());
    let errors = String::from_utf8_lossy(&output.stderr);
    let warnings: Vec<&str> = errors
        .lines()
        .filter(|l| l.starts_with("warning: "))
        .collect();
    assert_eq!(warnings, [format!("warning: {warning}")]);
}

#[test]
fn exports_are_written_once() {
    let folder = tempfile::tempdir().unwrap();
    let export = |model: &str, format: &str, name: &str| {
        let out = path(&folder.path().join(name));
        fmnist(&[
            "export",
            run(),
            "--model",
            model,
            "--format",
            format,
            "--out",
            &out,
        ])
    };
    for (model, format) in [("cnn", "onnx"), ("dense", "safetensors")] {
        let output = export(model, format, format);
        assert_success(&output);
        let size = fs::metadata(folder.path().join(format)).unwrap().len();
        // Four bytes for each of the 421,642 or 535,818 parameters, and some around them.
        let parameters = if model == "cnn" { 421_642 } else { 535_818 };
        assert!((1..4000).contains(&(size - 4 * parameters)), "{size}");

        let before = fs::read(folder.path().join(format)).unwrap();
        let output = export(model, "onnx", format);
        assert_failure(&output, 1, &["is not overwritten"]);
        assert_eq!(fs::read(folder.path().join(format)).unwrap(), before);
    }
    // Of two models one has to be named.
    let out = path(&folder.path().join("which"));
    let output = fmnist(&["export", run(), "--format", "onnx", "--out", &out]);
    assert_failure(&output, 1, &["has several models", "--model"]);
}
