//! A folder of pictures, from the check to the prediction: each command as its user gives it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::common::pictures::png;
use crate::common::pictures_dir;
use crate::common::process::{
    assert_failure, assert_success, fmnist, folder, json, output, stderr, stdout,
};

/// Three classes of 40 pictures each, `width × height`, in shades of three colours.
fn write_pictures(photos: &Path) {
    for (class, base) in [
        ("apple", [180, 30, 40]),
        ("lime", [40, 170, 60]),
        ("plum", [70, 40, 150]),
    ] {
        fs::create_dir_all(photos.join(class)).expect("a folder");
        for nth in 0..40_usize {
            let (width, height) = (20 + nth % 7, 24 + nth % 5);
            let sample = |at: usize| {
                let noise = (at * 31 + nth * 17) % 61;
                base[at % 3] as u8 + noise as u8
            };
            let samples: Vec<u8> = (0..3 * width * height).map(sample).collect();
            let file = png(
                width,
                height,
                png::ColorType::Rgb,
                png::BitDepth::Eight,
                &samples,
            );
            fs::write(photos.join(class).join(format!("{nth}.png")), file).expect("a file");
        }
    }
}

fn run(cwd: &Path, args: &[&str]) -> String {
    let output = output(fmnist(cwd, args));
    assert_success(&output);
    stdout(&output)
}

/// The pictures of a part of a run, and the names of their classes.
fn pictures(cwd: &Path, run: &str, part: &str) -> Vec<(String, String)> {
    let mut split = csv::Reader::from_path(cwd.join(run).join("split.csv")).expect("split.csv");
    let rows = split.deserialize::<(String, String, String, String)>();
    rows.map(|row| row.expect("a row of split.csv"))
        .filter(|(_, _, of, _)| of == part)
        .map(|(path, class, _, _)| (path, class))
        .collect()
}

/// `predict` says of the test pictures what the run's test said.
fn assert_predicts_as_tested(cwd: &Path, run_folder: &str, photos: &Path) {
    let test = pictures(cwd, run_folder, "test");
    let paths: Vec<String> = (test.iter())
        .map(|(path, _)| photos.join(path).display().to_string())
        .collect();
    let mut args = vec!["--backend", "cpu", "predict", "--json", run_folder];
    args.extend(paths.iter().map(String::as_str));
    let lines = run(cwd, &args);
    let answers: Vec<Value> = (lines.lines())
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(answers.len(), test.len());
    let summary = json(&cwd.join(run_folder).join("summary.json"));
    for (model, said) in summary["models"].as_object().expect("models") {
        let is_right = |(answer, (_, class)): &(&Value, &(String, String))| {
            answer["models"][model]["class"] == **class
        };
        let right = answers.iter().zip(&test).filter(is_right).count();
        let accuracy = right as f64 / test.len() as f64;
        assert_eq!(said["test_accuracy"].as_f64(), Some(accuracy), "{model}");
    }
}

/// Trains in the folder `stopped` until a signal ends it in the middle, and goes on: to the end of the run in
/// `run`, of the same command.
fn assert_goes_on(cwd: &Path, signal: &str, train: &[&str], photos: &str) {
    let slow = ["--out", "stopped", "--checkpoint-minutes", "0.0001"];
    let mut child = fmnist(cwd, &[train, &slow].concat())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program can be started");
    let begun = Instant::now();
    let best = cwd.join("stopped/dense/best.ckpt");
    while !best.exists() && begun.elapsed() < Duration::from_secs(60) {
        sleep(Duration::from_millis(5));
    }
    let kill = format!("kill -{signal} {}", child.id());
    let mut shell = Command::new("sh");
    let sent = shell
        .args(["-c", &kill])
        .status()
        .expect("there is a shell");
    assert!(sent.success(), "the run had ended");
    assert!(!child.wait().expect("it ends").success());
    let resume = ["--backend", "cpu", "train", "--resume", "stopped"];
    run(cwd, &[&resume[..], &["--data-dir", photos]].concat());
    for model in ["dense", "cnn"] {
        let [whole, resumed] = ["run", "stopped"].map(|run| {
            fs::read(cwd.join(run).join(model).join("probabilities.npy")).expect("probabilities")
        });
        assert!(whole == resumed, "{model}");
    }
}

/// `evaluate` says of both models what the run's test said.
fn assert_evaluates_as_tested(cwd: &Path) {
    let evaluated = run(cwd, &["--backend", "cpu", "evaluate", "run"]);
    assert_eq!(
        evaluated.matches("(as in summary.json)").count(),
        2,
        "{evaluated}"
    );
}

#[test]
fn a_folder_of_pictures_is_checked_trained_on_and_used() {
    let cwd = folder();
    let cwd = cwd.path();
    let photos = cwd.join("photos");
    write_pictures(&photos);
    fs::write(photos.join("apple/broken.png"), b"\x89PNG\r\n\x1a\n").expect("a file");
    fs::write(photos.join(".DS_Store"), b"").expect("a file");

    let table = run(cwd, &["data", "check", "photos"]);
    for part in [
        "apple",
        "all ",
        "120 PNG; 20×24 to 26×28",
        "64×64, in colour, each picture whole in the middle of black",
        "1. 1 picture cannot be read and is left out:\n   apple/broken.png",
        "hidden",
    ] {
        assert!(table.contains(part), "{part:?} is not in:\n{table}");
    }
    let check: Value =
        serde_json::from_str(&run(cwd, &["data", "check", "photos", "--json"])).expect("JSON");
    let count = |class: usize| -> u64 {
        let counts =
            ["train", "validation", "test"].map(|part| check["classes"][class][part].as_u64());
        counts.iter().flatten().sum()
    };
    assert_eq!([0, 1, 2].map(count), [40; 3]);
    assert_eq!(check["image"]["channels"], 3);
    assert_eq!(check["skipped"].as_array().map(Vec::len), Some(1));

    let train = [
        "--backend",
        "cpu",
        "train",
        "--data-dir",
        "photos",
        "--image-size",
        "16",
    ];
    let epochs = ["--epochs", "3", "--batch-size", "16"];
    run(cwd, &[&train[..], &epochs, &["--out", "run"]].concat());
    let skipped = fs::read_to_string(cwd.join("run/skipped.csv")).expect("skipped.csv");
    assert!(skipped.contains("apple/broken.png"), "{skipped}");
    let config = json(&cwd.join("run/config.json"));
    assert_eq!(config["preparation"]["resize"], "pad");
    assert_eq!(
        config["class_names"],
        serde_json::json!(["apple", "lime", "plum"])
    );

    assert_evaluates_as_tested(cwd);
    assert_predicts_as_tested(cwd, "run", &photos);
    // The report calls test images by their files.
    let report = fs::read_to_string(cwd.join("run/report.html")).expect("report.html");
    for (path, class) in pictures(cwd, "run", "test") {
        let names = config["class_names"].as_array().expect("a list");
        let label = names
            .iter()
            .position(|name| *name == *class)
            .expect("a class");
        assert!(report.contains(&format!("\"{path}\",{label},")), "{path}");
    }
    run(cwd, &["report", "run", "--out", "again.html"]);
    for format in ["onnx", "safetensors"] {
        let out = format!("cnn.{format}");
        run(
            cwd,
            &[
                "export", "run", "--model", "cnn", "--format", format, "--out", &out,
            ],
        );
    }
    run(
        cwd,
        &[
            "data",
            "show",
            "--data-dir",
            "photos",
            "--out",
            "photos.png",
        ],
    );

    assert_goes_on(cwd, "KILL", &[&train[..], &epochs].concat(), "photos");

    // Other pictures, or prepared in another way: not this run's.
    fs::remove_file(photos.join("lime/3.png")).expect("it can be removed");
    fs::copy(photos.join("plum/1.png"), photos.join("lime/4.png")).expect("a copy");
    let more = [
        "--backend",
        "cpu",
        "train",
        "--resume",
        "run",
        "--epochs",
        "4",
        "--data-dir",
        "photos",
    ];
    let refused = output(fmnist(cwd, &more));
    assert_failure(
        &refused,
        1,
        &["1 picture is gone (lime/3.png)", "is changed (lime/4.png)"],
    );
    let other = output(fmnist(cwd, &[&more[..], &["--image-size", "32"]].concat()));
    assert_failure(
        &other,
        1,
        &["--image-size: a run goes on with its own settings"],
    );
}

#[test]
fn what_is_wrong_with_a_folder_is_said_before_anything_is_trained() {
    let cwd = folder();
    let cwd = cwd.path();
    write_pictures(&cwd.join("photos"));
    fs::create_dir(cwd.join("photos/empty")).expect("a folder");
    for command in [
        &["data", "check", "photos"][..],
        &[
            "--backend",
            "cpu",
            "train",
            "--data-dir",
            "photos",
            "--out",
            "run",
        ],
    ] {
        assert_failure(&output(fmnist(cwd, command)), 1, &["empty"]);
    }
    assert!(!cwd.join("run").exists());
    let checked = output(fmnist(cwd, &["data", "check", "photos", "--json"]));
    assert_failure(&checked, 1, &[]);
    let errors: Value = serde_json::from_str(&stdout(&checked)).expect("JSON");
    assert!(
        errors["errors"][0]
            .as_str()
            .is_some_and(|error| error.contains("empty")),
        "{errors}"
    );

    // A tree is shown as one.
    let text = stderr(&output(fmnist(cwd, &["data", "check", "photos/apple"])));
    assert!(text.contains("\n      cat/   a.jpg"), "{text}");

    // Flags for pictures, without pictures.
    let without = ["data", "check", "--labels", "nowhere.csv"];
    assert_failure(
        &output(fmnist(cwd, &without)),
        1,
        &["--labels is for folders of pictures"],
    );
    let flags = [
        "data",
        "check",
        "--dataset",
        "synthetic",
        "--image-size",
        "32",
    ];
    let refused = output(fmnist(cwd, &flags));
    assert_failure(&refused, 1, &["--image-size is for folders of pictures"]);
    assert!(!stderr(&refused).contains("photos"));
}

#[test]
fn a_folder_without_pictures_is_told_by_what_it_holds() {
    let cwd = folder();
    let cwd = cwd.path();
    for class in ["words/cat", "words/dog", "empty-classes/cat", "empty"] {
        fs::create_dir_all(cwd.join(class)).expect("a folder");
    }
    for class in ["cat", "dog"] {
        fs::write(cwd.join("words").join(class).join("a.txt"), "words").expect("a file");
    }
    for (dir, found) in [
        ("words", ", only files that are no pictures (2) —"),
        ("empty-classes", ", only empty folders (1) —"),
        ("empty", ": it is empty —"),
    ] {
        let expected = format!("{dir} holds no dataset{found} name by --data-dir");
        let flags = ["--backend", "cpu", "train", "--data-dir", dir];
        for command in [&["data", "check", dir][..], &flags] {
            assert_failure(&output(fmnist(cwd, command)), 1, &[&expected]);
        }
    }
}

/// Both models of 64×64 in colour, of which the dense one has 6.4 million parameters.
#[cfg(target_os = "linux")]
#[test]
fn a_default_run_takes_300_megabytes_besides_its_images() {
    let cwd = folder();
    let cwd = cwd.path();
    write_pictures(&cwd.join("photos"));
    let args = ["--backend", "cpu", "train", "--data-dir", "photos"];
    let mut child = fmnist(
        cwd,
        &[&args[..], &["--threads", "2", "--epochs", "2"]].concat(),
    )
    .stdout(Stdio::null())
    .stderr(Stdio::null())
    .spawn()
    .expect("the program can be started");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        // It only grows; a process that has ended has none.
        let status = fs::read_to_string(&status).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let kibibytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
        peak = kibibytes.map_or(peak, |kibibytes: u64| 1024 * kibibytes);
        match child.try_wait().expect("it runs") {
            Some(ended) => break ended,
            None => sleep(Duration::from_millis(5)),
        }
    };
    assert!(ended.success());
    let images = 120 * 3 * 64 * 64;
    println!("{peak} bytes at most, {images} of them images");
    assert!(
        peak > images && peak <= images + 300_000_000,
        "{peak} bytes"
    );
}

/// The way from the check over an interrupted training to the prediction on real photographs, in small.
fn real_pictures(name: &str, classes: usize, test: Option<usize>) {
    let cwd = folder();
    let cwd = cwd.path();
    let photos: PathBuf = pictures_dir().join(name);
    let photos_arg = photos.display().to_string();
    let check = run(
        cwd,
        &["data", "check", &photos_arg, "--json", "--image-size", "16"],
    );
    let check: Value = serde_json::from_str(&check).expect("JSON");
    assert_eq!(check["classes"].as_array().map(Vec::len), Some(classes));
    assert_eq!(check["skipped"], serde_json::json!([]));
    let flags = [
        "--backend",
        "cpu",
        "train",
        "--data-dir",
        &photos_arg,
        "--image-size",
        "16",
        "--epochs",
        "2",
    ];
    run(cwd, &[&flags[..], &["--out", "run"]].concat());
    assert_evaluates_as_tested(cwd);
    assert_goes_on(cwd, "INT", &flags, &photos_arg);
    assert_predicts_as_tested(cwd, "run", &photos);
    if let Some(test) = test {
        assert_eq!(pictures(cwd, "run", "test").len(), test);
    }
    // Far better than always the same.
    let summary = json(&cwd.join("run/summary.json"));
    let cnn = &summary["models"]["cnn"];
    if let Some(recalls) = cnn["class_recalls"].as_array() {
        // The test pictures of a class that were recognised, by the matrix that scikit-learn is asked about.
        let evaluation = json(&cwd.join("run/evaluation.json"));
        let of_cnn = (evaluation["models"].as_array().expect("models").iter())
            .find(|model| model["model"] == "cnn")
            .expect("a CNN");
        let expected = of_cnn["classes"].as_array().expect("classes").iter();
        let expected: Vec<&Value> = expected.map(|class| &class["recall"]).collect();
        assert_eq!(recalls.iter().collect::<Vec<_>>(), expected);
        let of_test =
            |class: &Value| serde_json::json!({"name": class["name"], "images": class["test"]});
        let classes = check["classes"].as_array().expect("classes").iter();
        let classes: Vec<Value> = classes.map(of_test).collect();
        assert_eq!(summary["test_classes"], Value::Array(classes));
    } else {
        assert!(cnn["balanced_accuracy"].is_null());
    }
    let accuracy = cnn["validation_accuracy"].as_f64();
    assert!(
        accuracy.is_some_and(|accuracy| accuracy > 1.5 / classes as f64),
        "{accuracy:?}"
    );
}

#[test]
fn signs_for_digits_are_learned() {
    real_pictures("sign-language-digits/images", 10, None);
}

#[test]
fn clothes_are_learned() {
    real_pictures("clothing", 5, Some(150));
}
