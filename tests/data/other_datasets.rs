//! Runs on datasets of the user's own: each is told from every other, whatever it is called.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use fmnist::dataset::{self, DatasetChoice, Preparation};

use crate::common::idx_files::{gzip, images_file, labels_file};
use crate::common::process::{
    assert_failure, assert_success, fmnist, folder, forget_digest, json, output, stderr, stdout,
};

/// The classes of the images: two of each but none of 7.
const LABELS: [u8; 18] = [0, 1, 2, 3, 4, 5, 6, 8, 9, 9, 8, 6, 5, 4, 3, 2, 1, 0];

/// Writes 18 + 18 images that `kind` makes others, with `tint` in the first test image.
fn write_dataset(folder: &Path, kind: u8, tint: u8, packed: bool) {
    fs::create_dir_all(folder).expect("a folder");
    for part in ["train", "t10k"] {
        let value = |i: usize| (i % 251) as u8 ^ kind ^ LABELS[i / 784];
        let mut pixels: Vec<u8> = (0..18 * 784).map(value).collect();
        if part == "t10k" {
            pixels[0] = tint;
        }
        for (name, file) in [
            ("images-idx3-ubyte", images_file(&pixels)),
            ("labels-idx1-ubyte", labels_file(&LABELS)),
        ] {
            match packed {
                true => fs::write(folder.join(format!("{part}-{name}.gz")), gzip(&file)),
                false => fs::write(folder.join(format!("{part}-{name}")), file),
            }
            .expect("a file");
        }
    }
}

/// `fmnist train` on the dataset in `data` for so many epochs, with these flags besides.
fn train(cwd: &Path, data: &str, epochs: &str, more: &[&str]) -> Command {
    let flags = [
        "train",
        "--backend",
        "cpu",
        "--model",
        "dense",
        "--validation",
        "4",
        "--batch-size",
        "4",
        "--data-dir",
        data,
        "--epochs",
        epochs,
    ];
    fmnist(cwd, &[&flags, more].concat())
}

fn run(cwd: &Path, args: &[&str]) -> std::process::Output {
    output(fmnist(cwd, args))
}

/// The beginning of the digest that a run recorded.
fn short(run: &Path) -> String {
    let config = json(&run.join("config.json"));
    let digest = config["dataset_digest"]["all"].as_str().expect("a digest");
    assert_eq!(digest.len(), 64);
    digest[..8].to_owned()
}

#[test]
fn a_report_never_averages_over_datasets() {
    let cwd = folder();
    let cwd = cwd.path();
    for (data, kind, tint, out, seed) in [
        ("MNIST/raw", 0, 1, "m0", "0"),
        ("KMNIST/raw", 64, 1, "k1", "1"),
        ("other/MNIST/raw", 128, 1, "o2", "2"),
        // These differ from the first in one pixel of a test image, and in nothing.
        ("again/MNIST/raw", 0, 2, "a3", "3"),
        ("moved", 0, 1, "m4", "4"),
    ] {
        write_dataset(&cwd.join(data), kind, tint, out == "m4");
        assert_success(&output(train(
            cwd,
            data,
            "1",
            &["--seed", seed, "--out", out],
        )));
    }
    let report = |runs: &[&str]| {
        let args = [&["report"], runs, &["--out", "report.html"]].concat();
        assert_success(&run(cwd, &args));
        fs::read_to_string(cwd.join("report.html")).expect("a report")
    };
    let averaged = "mean ± std";

    let html = report(&["m0", "k1"]);
    assert!(!html.contains(averaged));
    for name in ["MNIST/raw", "KMNIST/raw"] {
        assert!(html.contains(&format!("<td>{name}</td>")), "{name}");
        assert!(html.contains(&format!(r#"<p class="subtitle">{name}, 1 epoch"#)));
    }

    for other in ["o2", "a3"] {
        let html = report(&["m0", other]);
        assert!(!html.contains(averaged));
        for run in ["m0", other] {
            let name = format!("MNIST/raw ({}…)", short(&cwd.join(run)));
            assert!(html.contains(&format!("<td>{name}</td>")), "{name}");
            assert!(html.contains(&format!(r#"<p class="subtitle">{name}, 1 epoch"#)));
        }
    }

    // It was moved and packed, and is the same.
    assert_eq!(short(&cwd.join("m0")), short(&cwd.join("m4")));
    let html = report(&["m0", "m4"]);
    assert!(html.contains(averaged));

    // Runs of an earlier version are told apart by their test images.
    for run in ["m0", "k1", "m4"] {
        forget_digest(&cwd.join(run), "raw");
        for file in ["evaluation.json", "summary.json"] {
            let path = cwd.join(run).join(file);
            let mut value = json(&path);
            value["dataset"] = "raw".into();
            fs::write(&path, value.to_string()).expect("a file");
        }
    }
    assert!(report(&["m0", "m4"]).contains(averaged));
    let html = report(&["m0", "k1"]);
    assert!(!html.contains(averaged) && html.contains("<td>raw ("));
}

#[test]
fn a_model_is_measured_on_its_own_dataset_only() {
    let cwd = folder();
    let cwd = cwd.path();
    write_dataset(&cwd.join("MNIST/raw"), 0, 1, false);
    write_dataset(&cwd.join("KMNIST/raw"), 64, 1, false);
    write_dataset(&cwd.join("other/MNIST/raw"), 0, 2, false);
    assert_success(&output(train(cwd, "MNIST/raw", "1", &["--out", "run"])));
    let digest = short(&cwd.join("run"));
    let named = format!("trained on MNIST/raw ({digest}…), but this is");
    for (flags, name) in [
        (["--data-dir", "KMNIST/raw"], "KMNIST/raw ("),
        (["--data-dir", "other/MNIST/raw"], "MNIST/raw ("),
        (["--dataset", "synthetic"], "synthetic (stand-in) ("),
        (["--dataset", "fashion-mnist"], "Fashion-MNIST ("),
    ] {
        let evaluated = run(cwd, &[&["evaluate", "run"], &flags[..]].concat());
        assert_failure(&evaluated, 1, &[&named, name]);
        let resumed = run(cwd, &[&["train", "--resume", "run"], &flags[..]].concat());
        assert_failure(&resumed, 1, &[&named, name]);
    }
    // What differs is said as far as it is known.
    fs::create_dir(cwd.join("relabelled")).expect("a folder");
    for file in fs::read_dir(cwd.join("MNIST/raw")).expect("a folder") {
        let file = file.expect("an entry");
        fs::copy(file.path(), cwd.join("relabelled").join(file.file_name())).expect("a copy");
    }
    let mut labels = LABELS;
    labels.swap(0, 1);
    let path = cwd.join("relabelled/train-labels-idx1-ubyte");
    fs::write(path, labels_file(&labels)).expect("a file");
    for (data, expected) in [
        ("other/MNIST/raw", ": images to test with are others"),
        ("relabelled", "; those to test with are the same — pass"),
    ] {
        let evaluated = run(cwd, &["evaluate", "run", "--data-dir", data]);
        assert_failure(&evaluated, 1, &[expected]);
    }

    // Wherever it is, and however it is packed.
    write_dataset(&cwd.join("elsewhere/digits"), 0, 1, true);
    let evaluated = run(cwd, &["evaluate", "run", "--data-dir", "elsewhere/digits"]);
    assert_success(&evaluated);
    assert!(stdout(&evaluated).contains("18 test images of MNIST/raw"));
    assert!(stdout(&evaluated).contains("as in summary.json"));

    // The headings of the confusion matrix differ.
    let text = stdout(&evaluated);
    let matrix = text.split("taken for\n\n").nth(1).expect("a matrix");
    let heads: Vec<char> = matrix.lines().next().expect("a line").chars().collect();
    let heads: Vec<String> = (heads[heads.len() - 60..].chunks(6))
        .map(|head| head.iter().collect())
        .collect();
    let expected = (0..10).map(|class| format!(" cl… {class}"));
    assert_eq!(heads, expected.collect::<Vec<_>>());

    // The test images in the folder are those of another dataset.
    let own = cwd.join("run/test-images.gz");
    let file = fs::read(cwd.join("other/MNIST/raw/t10k-images-idx3-ubyte")).expect("a file");
    fs::write(&own, gzip(&file)).expect("a file");
    for command in ["evaluate", "report"] {
        let refused = run(cwd, &[command, "run"]);
        assert_failure(
            &refused,
            1,
            &["run/test-images.gz", "other images", &digest],
        );
    }
    // They are missing.
    fs::remove_file(&own).expect("it was there");
    let refused = run(cwd, &["evaluate", "run"]);
    let command = "`fmnist evaluate run --data-dir DIR`";
    assert_failure(
        &refused,
        1,
        &["MNIST/raw (", &digest, "--data-dir", command],
    );
    assert!(
        !stderr(&refused).contains("download"),
        "{}",
        stderr(&refused)
    );
    assert_success(&run(cwd, &["evaluate", "run", "--data-dir", "MNIST/raw"]));

    // An earlier version called the dataset by its last folder.
    forget_digest(&cwd.join("run"), "raw");
    assert_success(&run(cwd, &["evaluate", "run", "--data-dir", "MNIST/raw"]));
    let refused = run(cwd, &["evaluate", "run", "--data-dir", "elsewhere/digits"]);
    let named = "was trained on raw, but this is elsewhere/digits (";
    assert_failure(&refused, 1, &[&named.replace("elsewhere/", "")]);
    let refused = run(cwd, &["evaluate", "run"]);
    assert_failure(&refused, 1, &["was trained on raw — pass its folder"]);
}

#[test]
fn a_run_goes_on_with_its_own_dataset_only() {
    let cwd = folder();
    let cwd = cwd.path();
    write_dataset(&cwd.join("MNIST/raw"), 0, 1, false);
    for runs in ["1", "2"] {
        let out = format!("run {runs}");
        let path = cwd.join(&out);
        assert_success(&output(train(
            cwd,
            "MNIST/raw",
            "1",
            &["--out", &out, "--runs", runs],
        )));
        let digest = short(&path);
        let mut command = fmnist(cwd, &["train", "--resume", &out, "--epochs", "2"]);
        command.env("FMNIST_DATA_DIR", "/nonexistent");
        let refused = output(command);
        let advice = format!("`fmnist train --resume '{out}' --data-dir DIR`");
        assert_failure(&refused, 1, &["MNIST/raw (", &digest, &advice]);
        assert_eq!(stderr(&refused).lines().count(), 1, "{}", stderr(&refused));

        let moved = format!("moved {runs}/digits");
        write_dataset(&cwd.join(&moved), 0, 1, true);
        let flags = ["--resume", &out, "--epochs", "2", "--data-dir", &moved];
        assert_success(&run(cwd, &[&["train"], &flags[..]].concat()));
        // What a run is called does not change.
        let config = json(&path.join("config.json"));
        assert_eq!(config["dataset"], "MNIST/raw");
        let first = if runs == "1" {
            path.clone()
        } else {
            path.join("seed-0")
        };
        let summary = json(&first.join("summary.json"));
        assert_eq!(
            (&summary["dataset"], &summary["epochs"]),
            (&"MNIST/raw".into(), &2.into())
        );
    }

    // One of several is a run on another dataset: on the same images to train on.
    write_dataset(&cwd.join("other"), 0, 2, false);
    let other = train(cwd, "other", "2", &["--out", "other run", "--seed", "1"]);
    assert_success(&output(other));
    fs::remove_dir_all(cwd.join("run 2/seed-1")).expect("it was there");
    fs::rename(cwd.join("other run"), cwd.join("run 2/seed-1")).expect("it can be moved");
    let flags = [
        "--resume",
        "run 2",
        "--epochs",
        "3",
        "--data-dir",
        "MNIST/raw",
    ];
    let refused = run(cwd, &[&["train"], &flags[..]].concat());
    let parts = ["run 2/seed-1 is another run: it was trained on other ("];
    assert_failure(&refused, 1, &parts);
}

/// Its images to validate with were the last ones, and its configuration tells nothing of it.
#[test]
fn a_run_of_an_earlier_version_is_split_as_it_was() {
    let cwd = folder();
    let cwd = cwd.path();
    write_dataset(&cwd.join("digits"), 0, 1, false);
    assert_success(&output(train(cwd, "digits", "1", &["--out", "run"])));
    let whole = dataset::load(
        DatasetChoice::Auto,
        Some(&cwd.join("digits")),
        &Preparation::of_earlier(),
        &mut |_| {},
    );
    let path = cwd.join("run/config.json");
    let mut config = json(&path);
    assert_eq!(config["preparation"]["last_validate"], false);
    let preparation = config["preparation"].as_object_mut().expect("an object");
    preparation.remove("last_validate");
    preparation.remove("validation");
    config["dataset_digest"]["all"] = whole.expect("a dataset").digest.all.into();
    config["validation"] = 4.into();
    fs::remove_dir_all(cwd.join("run")).expect("it is there");
    fs::create_dir(cwd.join("run")).expect("a folder");
    fs::write(&path, config.to_string()).expect("a file");

    let resumed = run(cwd, &["train", "--resume", "run", "--data-dir", "digits"]);
    assert_success(&resumed);
    let said = "digits: 14 images to train on, 4 to validate, 18 to test";
    assert!(stderr(&resumed).contains(said), "{}", stderr(&resumed));
    let evaluated = run(cwd, &["evaluate", "run", "--data-dir", "digits"]);
    assert!(stdout(&evaluated).contains("as in summary.json"));
}

/// Writes images and labels of a part, light things in the middle of black, each with another shade.
fn write_light_things(folder: &Path, part: &str, shade: u8) {
    let pixel = |i: usize| match (i / 28 % 28, i % 28) {
        (8..20, 8..20) => shade + 10 * LABELS[i / 784] + (i / 784) as u8,
        _ => 0,
    };
    let pixels: Vec<u8> = (0..18 * 784).map(pixel).collect();
    let write = |name: &str, bytes| fs::write(folder.join(format!("{part}-{name}-ubyte")), bytes);
    write("images-idx3", images_file(&pixels)).expect("a file");
    write("labels-idx1", labels_file(&LABELS)).expect("a file");
}

#[test]
fn a_run_validates_with_the_files_that_are_there_for_it() {
    let cwd = folder();
    let cwd = cwd.path();
    let digits = cwd.join("digits");
    fs::create_dir(&digits).expect("a folder");
    for (part, shade) in [("train", 40), ("val", 70), ("t10k", 100)] {
        write_light_things(&digits, part, shade);
    }
    let said = "digits: 18 images to train on, 18 to validate, 18 to test";
    let first = "train --backend cpu --model dense --epochs 1 --data-dir digits --out run";
    let trained = run(cwd, &first.split(' ').collect::<Vec<_>>());
    assert_success(&trained);
    assert!(stderr(&trained).contains(said), "{}", stderr(&trained));
    let longer = ["train", "--resume", "run", "--epochs", "2", "--data-dir"];
    let resumed = run(cwd, &[&longer[..], &["digits"]].concat());
    assert_success(&resumed);
    assert!(stderr(&resumed).contains(said), "{}", stderr(&resumed));
    let evaluated = run(cwd, &["evaluate", "run", "--data-dir", "digits"]);
    assert!(stdout(&evaluated).contains("as in summary.json"));
}

fn wait_for(path: &Path, child: &mut Child) {
    let started = Instant::now();
    while !path.exists() {
        let ended = child.try_wait().expect("it can be asked");
        assert!(ended.is_none() && started.elapsed() < Duration::from_secs(60));
        sleep(Duration::from_millis(10));
    }
}

#[test]
fn advice_names_the_folder_that_has_to_be_given_again() {
    let cwd = folder();
    let cwd = cwd.path();
    write_dataset(&cwd.join("my data/raw"), 0, 1, false);
    let mut command = train(cwd, "my data/raw", "50000", &["--out", "run"]);
    command.stderr(Stdio::piped()).stdout(Stdio::null());
    let mut child = command.spawn().expect("the program can be started");
    wait_for(&cwd.join("run/dense/best.ckpt"), &mut child);
    let mut kill = Command::new("sh");
    kill.args(["-c", "kill -INT \"$0\"", &child.id().to_string()]);
    assert!(kill.status().expect("there is a shell").success());
    let stopped = child.wait_with_output().expect("it ends");
    let advice = "go on with `fmnist train --resume run --data-dir 'my data/raw'`";
    assert_eq!(stopped.status.code(), Some(130));
    assert!(stderr(&stopped).contains(advice), "{}", stderr(&stopped));
}

#[test]
fn samples_are_counted() {
    let cwd = folder();
    let cwd = cwd.path();
    write_dataset(&cwd.join("digits"), 0, 1, false);
    for (asked, said) in [
        (
            "1",
            "digits: 1 image per class in 1.png, but none of “class 7”\n",
        ),
        (
            "2",
            "digits: 2 images per class in 2.png, but 1 of “class 0”, 1 of “class 1”, 1 of “class 2”, \
             1 of “class 3”, 1 of “class 4” and 5 more\n",
        ),
    ] {
        let out = format!("{asked}.png");
        let args = [
            "data",
            "show",
            "--data-dir",
            "digits",
            "--per-class",
            asked,
            "--out",
            &out,
        ];
        let shown = run(cwd, &args);
        assert_success(&shown);
        let rows: String = (0..10)
            .map(|class| format!("row {:>3}: class {class}\n", class + 1))
            .collect();
        assert_eq!(stdout(&shown), said.to_owned() + &rows);
    }
}
