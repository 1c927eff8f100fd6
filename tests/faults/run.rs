//! What becomes of a run when things go wrong around it: what the program says, and what is left.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::common::process::{
    assert_failure, assert_success, copy, fmnist, folder, forget_digest, json, output, signal,
    stderr, stdout,
};
use fmnist::run::checkpoint::Checkpoint;
use fmnist::train::history::History;
use tempfile::TempDir;

const SHORT: [&str; 9] = [
    "train",
    "--backend",
    "cpu",
    "--model",
    "dense",
    "--samples",
    "500",
    "--epochs",
    "2",
];
/// Far more epochs than any test waits for.
const LONG: [&str; 9] = [
    "train",
    "--backend",
    "cpu",
    "--model",
    "dense",
    "--samples",
    "500",
    "--epochs",
    "50000",
];

/// A folder with a copy of a finished [`SHORT`] run in it, `run`.
fn finished() -> TempDir {
    static RUN: OnceLock<TempDir> = OnceLock::new();
    let original = RUN.get_or_init(|| {
        let cwd = folder();
        assert_success(&output(fmnist(
            cwd.path(),
            &[&SHORT[..], &["--out", "run"]].concat(),
        )));
        cwd
    });
    let cwd = folder();
    copy(&original.path().join("run"), &cwd.path().join("run"));
    cwd
}

fn resume(cwd: &Path, more: &[&str]) -> Output {
    let resume = ["train", "--resume", "run"];
    output(fmnist(cwd, &[&resume[..], more].concat()))
}

fn weights(cwd: &Path) -> Vec<u8> {
    fs::read(cwd.join("run/dense/model.ckpt")).expect("the model is there")
}

/// Starts a [`LONG`] run in `run` and waits until some epochs are over.
fn started(cwd: &Path) -> Child {
    let mut command = fmnist(cwd, &[&LONG[..], &["--out", "run"]].concat());
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let child = command.spawn().expect("the program can be started");
    wait_for_epochs(cwd, 3);
    child
}

fn wait_for_epochs(cwd: &Path, epochs: usize) {
    let started = Instant::now();
    let path = cwd.join("run/history.csv");
    while History::read_csv(&path).map_or(0, |history| history.records.len()) < epochs {
        assert!(
            started.elapsed() < Duration::from_secs(600),
            "no epoch ends"
        );
        sleep(Duration::from_millis(10));
    }
}

fn ended(child: Child) -> Output {
    child.wait_with_output().expect("it ends")
}

/// Goes on with a [`LONG`] run, stops it after some more epochs, and compares all epochs with those of
/// a run without a stop.
fn assert_goes_on(cwd: &Path) {
    let before = History::read_csv(&cwd.join("run/history.csv"))
        .expect("a history")
        .records;
    let mut command = fmnist(cwd, &["train", "--resume", "run"]);
    let child = command
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    wait_for_epochs(cwd, before.len() + 3);
    signal(&child, "-TERM");
    assert_eq!(ended(child).status.code(), Some(130));
    let after = History::read_csv(&cwd.join("run/history.csv"))
        .expect("a history")
        .records;
    let reference = folder();
    let child = started(reference.path());
    wait_for_epochs(reference.path(), after.len());
    signal(&child, "-KILL");
    ended(child);
    let expected = History::read_csv(&reference.path().join("run/history.csv")).expect("a history");
    for (after, expected) in after.into_iter().zip(expected.records) {
        assert_eq!(
            fmnist::train::history::EpochRecord {
                seconds: expected.seconds,
                ..after
            },
            expected
        );
    }
}

#[test]
fn an_interrupt_saves_and_says_how_to_go_on() {
    for name in ["-INT", "-TERM"] {
        let cwd = folder();
        let child = started(cwd.path());
        signal(&child, name);
        let output = ended(child);
        assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
        let message = stderr(&output);
        assert!(
            message.contains("saved — go on with `fmnist train --resume run`"),
            "{message}"
        );
        assert!(!message.contains("error"), "{message}");
        assert_goes_on(cwd.path());
    }
}

#[test]
fn a_second_interrupt_quits_at_once_and_leaves_the_folder_whole() {
    let cwd = folder();
    let child = started(cwd.path());
    signal(&child, "-INT");
    signal(&child, "-INT");
    let output = ended(child);
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert_goes_on(cwd.path());
}

#[test]
fn a_folder_belongs_to_one_process_until_it_ends() {
    let cwd = folder();
    let first = started(cwd.path());
    let second = resume(cwd.path(), &[]);
    assert_failure(&second, 1, &["run is in use: another process trains there"]);
    signal(&first, "-KILL");
    ended(first);
    assert_goes_on(cwd.path());
}

#[test]
fn a_folder_that_is_deleted_ends_the_run() {
    let cwd = folder();
    let child = started(cwd.path());
    // At once, as the program may be writing there.
    let gone = folder();
    fs::rename(cwd.path().join("run"), gone.path().join("run")).expect("it can be moved");
    drop(gone);
    assert_failure(
        &ended(child),
        1,
        &["cannot be written", "nothing of it is left in run"],
    );
    assert!(!cwd.path().join("run").exists());
}

#[test]
fn a_model_is_not_trained_anew_over_what_is_left_of_it() {
    let cwd = finished();
    let before = weights(cwd.path());
    let last = cwd.path().join("run/dense/last.ckpt");
    let kept = cwd.path().join("last.ckpt");
    fs::rename(&last, &kept).expect("it can be moved");
    let parts = [
        "run/dense/last.ckpt is missing, but run/dense/model.ckpt is there",
        "put the former back",
    ];
    assert_failure(&resume(cwd.path(), &[]), 1, &parts);
    assert!(weights(cwd.path()) == before);
    fs::rename(&kept, &last).expect("it can be moved");
    assert_success(&resume(cwd.path(), &[]));
    assert!(weights(cwd.path()) == before);
}

/// From the first epochs on every change to the file system fails.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_fails_midway_leaves_the_last_good_checkpoint() {
    for (fault, cause) in [
        ("full", "No space left on device"),
        ("denied", "Permission denied"),
        ("read-only", "Read-only file system"),
    ] {
        let cwd = folder();
        let mut command = fmnist(cwd.path(), &[&LONG[..], &["--out", "run"]].concat());
        command.env("LD_PRELOAD", crate::common::process::file_system_faults());
        command.env("FAULT", fault).env("FAULT_AT", "60");
        let run = output(command);
        let parts = [
            "cannot be",
            cause,
            "the last good checkpoint is run/dense/last.ckpt (epoch ",
            "go on with `fmnist train --resume run`",
        ];
        assert_failure(&run, 1, &parts);
        assert_goes_on(cwd.path());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_place_that_cannot_be_written_is_refused_before_training() {
    let cwd = folder();
    let mut command = fmnist(cwd.path(), &[&SHORT[..], &["--out", "run"]].concat());
    command.env("LD_PRELOAD", crate::common::process::file_system_faults());
    command.env("FAULT", "read-only").env("FAULT_AT", "1");
    let run = output(command);
    assert_failure(
        &run,
        1,
        &["the run folder run cannot be made", "Read-only", "--out"],
    );

    let cwd = finished();
    let mut command = fmnist(cwd.path(), &["train", "--resume", "run"]);
    command.env("LD_PRELOAD", crate::common::process::file_system_faults());
    command.env("FAULT", "read-only").env("FAULT_AT", "1");
    assert_failure(
        &output(command),
        1,
        &["run/.lock cannot be used", "Read-only"],
    );
}

#[test]
fn divergence_stops_the_run_and_spoils_nothing() {
    let cwd = folder();
    let train = [&SHORT[..], &["--learning-rate", "1e15", "--out", "run"]].concat();
    let run = output(fmnist(cwd.path(), &train));
    let parts = [
        "the dense model diverged in step ",
        "of epoch 1",
        "run/dense/last.ckpt (epoch 0)",
        "a smaller --learning-rate",
    ];
    assert_failure(&run, 1, &parts);
    let bytes = fs::read(cwd.path().join("run/dense/last.ckpt")).expect("it is there");
    let checkpoint = Checkpoint::decode(&bytes).expect("it is whole");
    assert!(
        checkpoint
            .state
            .weights
            .iter()
            .flatten()
            .all(|w| w.is_finite())
    );
    assert!(!cwd.path().join("run/dense/model.ckpt").exists());
}

#[test]
fn a_damaged_checkpoint_is_named_and_left_as_it_is() {
    type Damage = fn(&[u8]) -> Vec<u8>;
    let cases: [(&str, Damage); 6] = [
        ("cut off or damaged", |bytes| {
            bytes[..bytes.len() / 2].to_vec()
        }),
        ("cut off", |_| Vec::new()),
        ("cut off or damaged", |bytes| {
            let mut bytes = bytes.to_vec();
            bytes[5000] ^= 8;
            bytes
        }),
        ("version 9 of the format", |bytes| {
            [&bytes[..8], &[9], &bytes[9..]].concat()
        }),
        ("no checkpoint", |_| {
            b"Not a checkpoint, but something else.".to_vec()
        }),
        ("damaged", |bytes| {
            [&bytes[..12], &[255; 4], &bytes[16..]].concat()
        }),
    ];
    for (part, damage) in cases {
        let cwd = finished();
        let path = cwd.path().join("run/dense/last.ckpt");
        let damaged = damage(&fs::read(&path).expect("it is there"));
        fs::write(&path, &damaged).expect("it can be written");
        let model = weights(cwd.path());
        let run = resume(cwd.path(), &["--epochs", "3"]);
        assert_failure(&run, 1, &["run/dense/last.ckpt cannot be used", part]);
        assert!(
            fs::read(&path).expect("it is there") == damaged,
            "it was changed"
        );
        assert!(weights(cwd.path()) == model, "the model was changed");
        assert_success(&output(fmnist(cwd.path(), &["evaluate", "run"])));
        assert_success(&output(fmnist(cwd.path(), &["evaluate", "run", "--best"])));
    }
}

#[test]
fn weights_of_another_run_are_refused() {
    let cwd = finished();
    let other = [&SHORT[..], &["--seed", "9", "--out", "other"]].concat();
    assert_success(&output(fmnist(cwd.path(), &other)));
    for name in ["model.ckpt", "best.ckpt"] {
        let [ours, theirs] = ["run", "other"].map(|run| cwd.path().join(run).join("dense"));
        fs::copy(theirs.join(name), ours.join(name)).expect("it can be copied");
    }
    for command in [&["evaluate", "run"][..], &["evaluate", "run", "--best"]] {
        let refused = output(fmnist(cwd.path(), command));
        let parts = ["a run with other settings", "seed is 9, but 0 in the run"];
        assert_failure(&refused, 1, &parts);
    }
    fs::remove_file(cwd.path().join("run/dense/best.ckpt")).expect("it is there");
    let missing = output(fmnist(cwd.path(), &["evaluate", "run", "--best"]));
    assert_failure(&missing, 1, &["no best weights", "`fmnist evaluate run`"]);
}

/// Also on another backend, whose name it must not get.
#[test]
fn a_run_of_which_nothing_is_left_to_do_is_left_as_it_is() {
    let cwd = finished();
    let path = |name: &str| cwd.path().join("run").join(name);
    let read = |name: &str| fs::read(path(name)).expect("it is there");
    let names = [
        "summary.json",
        "report.html",
        "evaluation.json",
        "history.csv",
        "config.json",
    ];
    let before = names.map(read);
    for backend in ["cpu", "wgpu"] {
        let run = resume(cwd.path(), &["--backend", backend]);
        assert_success(&run);
        assert!(
            stderr(&run).contains("nothing is left to do"),
            "{}",
            stderr(&run)
        );
        assert!(stdout(&run).contains("test accuracy"), "{}", stdout(&run));
        assert!(names.map(read) == before);
    }
    // What has been lost or spoiled since is made anew.
    fs::write(path("evaluation.json"), "{}").expect("it can be written");
    assert_failure(
        &output(fmnist(cwd.path(), &["report", "run"])),
        1,
        &["--resume run"],
    );
    assert_success(&resume(cwd.path(), &[]));
    assert_success(&output(fmnist(cwd.path(), &["report", "run"])));
}

#[test]
fn one_run_of_several_that_was_made_longer_is_named_with_the_remedy() {
    let cwd = folder();
    let train = [&SHORT[..], &["--runs", "2", "--out", "run"]].concat();
    assert_success(&output(fmnist(cwd.path(), &train)));
    let longer = ["train", "--resume", "run/seed-1", "--epochs", "3"];
    assert_success(&output(fmnist(cwd.path(), &longer)));
    let refused = resume(cwd.path(), &[]);
    let parts = ["run/seed-1/dense/last.ckpt", "for 3 epochs", "--epochs 3"];
    assert_failure(&refused, 1, &parts);
    assert_success(&resume(cwd.path(), &["--epochs", "3"]));
}

#[test]
fn test_images_without_their_labels_are_taken_from_the_dataset() {
    for name in ["test-images.gz", "test-labels.gz"] {
        let cwd = finished();
        fs::remove_file(cwd.path().join("run").join(name)).expect("it is there");
        assert_success(&output(fmnist(cwd.path(), &["evaluate", "run"])));
    }
}

#[test]
fn another_runs_checkpoint_is_refused() {
    let cwd = finished();
    let other = [&SHORT[..], &["--hidden", "20", "--out", "other"]].concat();
    assert_success(&output(fmnist(cwd.path(), &other)));
    let [ours, theirs] = ["run", "other"].map(|run| cwd.path().join(run).join("dense/last.ckpt"));
    fs::copy(theirs, ours).expect("it can be copied");
    let run = resume(cwd.path(), &[]);
    let parts = [
        "run/dense/last.ckpt",
        "a run with other settings",
        "dense.hidden",
    ];
    assert_failure(&run, 1, &parts);
}

#[test]
fn a_huge_file_is_refused_before_it_is_read() {
    for (name, what) in [
        ("dense/last.ckpt", &["train", "--resume", "run"][..]),
        ("config.json", &["train", "--resume", "run"]),
        ("dense/model.ckpt", &["evaluate", "run"]),
        ("config.json", &["evaluate", "run"]),
    ] {
        let cwd = finished();
        let file = fs::File::create(cwd.path().join("run").join(name)).expect("a file");
        file.set_len(1 << 40).expect("files may have holes");
        let run = output(fmnist(cwd.path(), what));
        assert_failure(&run, 1, &[name, "has more than", "bytes"]);
    }
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_symbolic_link_nor_read_from_a_device() {
    use std::os::unix::fs::symlink;
    let cwd = finished();
    let run = cwd.path().join("run");
    let elsewhere = cwd.path().join("elsewhere");
    fs::write(&elsewhere, "precious").expect("a file can be written");

    fs::remove_file(run.join(".lock")).expect("it was left");
    symlink(&elsewhere, run.join(".lock")).expect("a link");
    assert_failure(
        &resume(cwd.path(), &[]),
        1,
        &["run/.lock is a symbolic link", "remove it"],
    );
    fs::remove_file(run.join(".lock")).expect("it is there");

    // A file in the way is replaced; what it pointed to stays.
    fs::remove_file(run.join("history.csv")).expect("it is there");
    symlink(&elsewhere, run.join("history.csv")).expect("a link");
    assert_success(&resume(cwd.path(), &[]));
    assert_eq!(
        fs::read_to_string(&elsewhere).expect("it is there"),
        "precious"
    );
    assert!(!run.join("history.csv").is_symlink());

    fs::rename(run.join("dense"), cwd.path().join("dense")).expect("it can be moved");
    symlink(cwd.path().join("dense"), run.join("dense")).expect("a link");
    let before = fs::read(cwd.path().join("dense/last.ckpt")).expect("it is there");
    let resumed = resume(cwd.path(), &["--epochs", "3"]);
    assert_failure(&resumed, 1, &["run/dense is a symbolic link"]);
    assert!(fs::read(cwd.path().join("dense/last.ckpt")).expect("it is there") == before);

    fs::remove_file(run.join("dense")).expect("it is a link");
    fs::create_dir(run.join("dense")).expect("a folder");
    symlink("/dev/zero", run.join("dense/last.ckpt")).expect("a link");
    assert_failure(
        &resume(cwd.path(), &[]),
        1,
        &["run/dense/last.ckpt is not a file"],
    );
}

#[test]
fn changed_settings_are_refused_by_name() {
    let cwd = finished();
    for (flags, parts) in [
        (
            &["--batch-size", "64"][..],
            &["batch_size is 64, but 128 in the run"][..],
        ),
        (&["--seed", "1"], &["seed is 1, but 0 in the run"]),
        (
            &["--samples", "400"],
            &["samples is 400, but 500 in the run"],
        ),
        (
            &["--dropout", "0.5"],
            &["dense.dropout is 0.5, but 0.0 in the run"],
        ),
        (
            &["--shift", "2"],
            &["dense.augment.shift is 2, but 0 in the run"],
        ),
        (
            &["--hidden", "64"],
            &["dense.hidden is [64], but [512,256] in the run"],
        ),
        (
            &["--recipe", "best"],
            &["recipe is \"best\", but \"standard\" in the run"],
        ),
        (
            &["--no-fused"],
            &["kernels is \"reference\", but \"fused\" in the run"],
        ),
        (
            &["--model", "both"],
            &["--model", "the run trains other models"],
        ),
        (&["--epochs", "1"], &["--epochs 1: the run has 2"]),
        (&["--runs", "3"], &["--runs", "holds 1"]),
        (
            &["--dataset", "synthetic"],
            &[
                "the run was trained on Fashion-MNIST (",
                "but this is synthetic",
            ],
        ),
    ] {
        assert_failure(&resume(cwd.path(), flags), 1, parts);
    }
    let same = [
        "--batch-size",
        "128",
        "--seed",
        "0",
        "--recipe",
        "standard",
        "--dropout",
        "0",
    ];
    let before = weights(cwd.path());
    assert_success(&resume(cwd.path(), &same));
    assert!(
        weights(cwd.path()) == before,
        "a finished run stays as it is"
    );
    for other in ["nowhere", "."] {
        let resume = output(fmnist(cwd.path(), &["train", "--resume", other]));
        assert_failure(&resume, 1, &["is not the folder of a run"]);
    }
}

#[test]
fn more_epochs_with_a_fixed_rate_are_those_of_a_longer_run() {
    let cwd = folder();
    let plain = |epochs, out| {
        let args = ["--recipe", "plain", "--epochs", epochs, "--out", out];
        assert_success(&output(fmnist(cwd.path(), &[&SHORT[..7], &args].concat())));
    };
    plain("2", "run");
    plain("4", "longer");
    assert_success(&resume(cwd.path(), &["--epochs", "4"]));
    let longer = fs::read(cwd.path().join("longer/dense/model.ckpt")).expect("it is there");
    assert!(weights(cwd.path()) == longer, "the weights differ");
    assert_eq!(json(&cwd.path().join("run/config.json"))["epochs"], 4);
    assert_eq!(json(&cwd.path().join("run/summary.json"))["epochs"], 4);
}

#[test]
fn several_runs_go_on_together() {
    let cwd = folder();
    let args = [&SHORT[..], &["--runs", "2", "--seed", "5"]].concat();
    assert_success(&output(fmnist(
        cwd.path(),
        &[&args[..], &["--out", "straight"]].concat(),
    )));
    assert_success(&output(fmnist(
        cwd.path(),
        &[&args[..], &["--out", "run"]].concat(),
    )));
    // As if the second one had just begun.
    let second = cwd.path().join("run/seed-6");
    for name in [
        "dense/last.ckpt",
        "dense/best.ckpt",
        "dense/model.ckpt",
        "summary.json",
        "history.csv",
    ] {
        fs::remove_file(second.join(name)).expect("it is there");
    }
    let resumed = resume(cwd.path(), &[]);
    assert_success(&resumed);
    assert!(stdout(&resumed).contains('±'), "{}", stdout(&resumed));
    let model = |run: &str| {
        let path = cwd.path().join(run).join("seed-6/dense/model.ckpt");
        fs::read(path).expect("it is there")
    };
    assert!(model("run") == model("straight"), "the weights differ");
    let evaluated = output(fmnist(cwd.path(), &["evaluate", "run"]));
    assert_failure(&evaluated, 1, &["run is of 2 runs", "seed-5"]);
}

#[test]
fn other_images_under_the_same_name_are_refused() {
    let cwd = folder();
    let data = cwd.path().join("mine");
    fs::create_dir(&data).expect("a folder");
    let write = |first: u8| {
        let pixels = |n: usize| -> Vec<u8> {
            (0..n * 784)
                .map(|i| (i / 784 * 7 + i % 784) as u8 ^ first)
                .collect()
        };
        let labels = |n: usize| (0..n).map(|i| (i % 10) as u8).collect::<Vec<_>>();
        for (part, n) in [("train", 500), ("t10k", 10)] {
            let images = crate::common::idx_files::images_file(&pixels(n));
            fs::write(data.join(format!("{part}-images-idx3-ubyte")), images).expect("a file");
            let labels = crate::common::idx_files::labels_file(&labels(n));
            fs::write(data.join(format!("{part}-labels-idx1-ubyte")), labels).expect("a file");
        }
    };
    write(1);
    let train = [
        "train",
        "--backend",
        "cpu",
        "--model",
        "dense",
        "--epochs",
        "1",
    ];
    let args = [&train[..], &["--data-dir", "mine", "--out", "run"]].concat();
    assert_success(&output(fmnist(cwd.path(), &args)));
    write(2);
    let resumed = || resume(cwd.path(), &["--data-dir", "mine"]);
    assert_failure(
        &resumed(),
        1,
        &["the run was trained on mine (", "but this is mine ("],
    );
    // As earlier versions left it.
    forget_digest(&cwd.path().join("run"), "mine");
    assert_failure(
        &resumed(),
        1,
        &["run/dense/last.ckpt", "training images were others"],
    );
}

/// Nothing of a CPU run reaches for a GPU.
#[test]
fn a_cpu_run_goes_on_where_there_is_no_adapter() {
    for more in [&[][..], &["--no-fused"]] {
        let cwd = folder();
        let args = [&SHORT[..], more, &["--out", "run"]].concat();
        assert_success(&output(fmnist(cwd.path(), &args)));
        let mut command = fmnist(cwd.path(), &["train", "--resume", "run", "--epochs", "3"]);
        command
            .env("VK_ICD_FILENAMES", "/nonexistent")
            .env("VK_DRIVER_FILES", "/nonexistent")
            .env("__EGL_VENDOR_LIBRARY_FILENAMES", "/nonexistent");
        assert_success(&output(command));
    }
}

#[test]
fn an_unfinished_run_says_so() {
    let cwd = folder();
    let child = started(cwd.path());
    signal(&child, "-INT");
    ended(child);
    let evaluated = output(fmnist(cwd.path(), &["evaluate", "run"]));
    assert_failure(&evaluated, 1, &["has not ended", "--resume run", "--best"]);
    let best = output(fmnist(cwd.path(), &["evaluate", "run", "--best"]));
    assert_success(&best);
    assert!(
        stdout(&best).contains("best validation accuracy"),
        "{}",
        stdout(&best)
    );
}

#[test]
fn the_path_of_a_run_is_printed_without_its_control_characters() {
    let cwd = folder();
    let args = [&SHORT[..], &["--out", "a\u{1b}[31m\nb"]].concat();
    let run = output(fmnist(cwd.path(), &args));
    assert_success(&run);
    let log = stderr(&run);
    assert!(
        !log.contains('\u{1b}') && log.contains("saved to a [31m b"),
        "{log}"
    );
    let path: PathBuf = cwd.path().join("a\u{1b}[31m\nb");
    fs::write(path.join("dense/last.ckpt"), "x").expect("a file");
    let resumed = output(fmnist(cwd.path(), &["train", "--resume", "a\u{1b}[31m\nb"]));
    assert_failure(&resumed, 1, &["a [31m b/dense/last.ckpt"]);
    assert!(!stderr(&resumed).contains('\u{1b}'));
}

/// What a program leaves that is killed as it begins: a folder, perhaps its lock and half a file.
#[test]
fn a_folder_without_a_run_in_it_is_taken() {
    for args in [&["--runs", "1"][..], &["--runs", "2"]] {
        let cwd = folder();
        let run = cwd.path().join("run");
        fs::create_dir(&run).expect("a folder");
        fs::write(run.join(".lock"), "").expect("a file");
        fs::write(run.join(".unfinished-abc"), "{").expect("a file");
        let train = [&SHORT[..], args, &["--out", "run"]].concat();
        assert_success(&output(fmnist(cwd.path(), &train)));
    }
    let cwd = folder();
    let two = [&SHORT[..], &["--runs", "2", "--out", "run"]].concat();
    assert_success(&output(fmnist(cwd.path(), &two)));
    let second = cwd.path().join("run/seed-1");
    fs::remove_dir_all(&second).expect("it can be removed");
    fs::create_dir(&second).expect("a folder");
    assert_success(&resume(cwd.path(), &[]));
    assert!(second.join("report.html").exists());
}

#[cfg(unix)]
#[test]
fn a_run_of_several_touches_no_other_run() {
    use std::os::unix::fs::symlink;
    let cwd = finished();
    let other = cwd.path().join("run");
    let config = || fs::read(other.join("config.json")).expect("it is there");
    let before = config();
    let several = [&SHORT[..], &["--runs", "2", "--out", "several"]].concat();
    assert_success(&output(fmnist(cwd.path(), &several)));
    let second = cwd.path().join("several/seed-1");
    fs::remove_dir_all(&second).expect("it can be removed");

    symlink(&other, &second).expect("a link");
    let resumed = output(fmnist(cwd.path(), &["train", "--resume", "several"]));
    assert_failure(&resumed, 1, &["several/seed-1 is a symbolic link"]);
    fs::remove_file(&second).expect("it is a link");

    copy(&other, &second);
    let resumed = output(fmnist(cwd.path(), &["train", "--resume", "several"]));
    assert_failure(
        &resumed,
        1,
        &["several/seed-1 is another run", "seed is 1, but 0"],
    );
    assert!(config() == before && fs::read(second.join("config.json")).expect("a file") == before);
}

#[cfg(unix)]
#[test]
fn a_pipe_in_place_of_the_lock_is_refused() {
    let cwd = finished();
    let lock = cwd.path().join("run/.lock");
    fs::remove_file(&lock).expect("it was left");
    let made = Command::new("mkfifo").arg(&lock).status();
    assert!(made.expect("there is mkfifo").success());
    assert_failure(&resume(cwd.path(), &[]), 1, &["run/.lock is not a file"]);
}

#[test]
fn a_run_made_longer_has_no_results_until_it_ends() {
    let cwd = finished();
    let mut command = fmnist(
        cwd.path(),
        &["train", "--resume", "run", "--epochs", "50000"],
    );
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let child = command.spawn().expect("the program can be started");
    wait_for_epochs(cwd.path(), 4);
    signal(&child, "-INT");
    assert_eq!(ended(child).status.code(), Some(130));
    let evaluated = output(fmnist(cwd.path(), &["evaluate", "run"]));
    assert_failure(&evaluated, 1, &["has not ended", "--resume run"]);
    let reported = output(fmnist(cwd.path(), &["report", "run"]));
    assert_failure(&reported, 1, &["run cannot be reported", "--resume run"]);
}

#[test]
fn the_largest_seed_is_a_seed() {
    let largest = u64::MAX.to_string();
    let cwd = folder();
    let train = [&SHORT[..], &["--seed", &largest, "--out", "run"]].concat();
    assert_success(&output(fmnist(cwd.path(), &train)));
    let evaluated = output(fmnist(cwd.path(), &["evaluate", "run"]));
    assert_success(&evaluated);
    assert!(stdout(&evaluated).contains("as in summary.json"));
    assert_success(&resume(cwd.path(), &["--epochs", "3"]));

    let before = (u64::MAX - 1).to_string();
    let several = ["--seed", &before, "--runs", "2", "--out", "several"];
    let several = output(fmnist(cwd.path(), &[&SHORT[..], &several].concat()));
    assert_success(&several);
    assert!(cwd.path().join(format!("several/seed-{largest}")).is_dir());

    for command in [
        &["train", "--backend", "cpu", "--out", "more"][..],
        &["bench", "--backend", "cpu", "--until-accuracy", "0.9"],
    ] {
        let more = ["--seed", &before, "--runs", "3"];
        let refused = output(fmnist(cwd.path(), &[command, &more].concat()));
        let part = format!(
            "--runs 3: seeds are counted up from --seed {before}, and the largest is {largest}"
        );
        assert_failure(&refused, 1, &[&part]);
    }
}

/// The advice names what the user took too far.
#[test]
fn divergence_is_blamed_on_the_setting_that_is_out_of_line() {
    for (flags, advice) in [
        (&["--weight-decay", "1e6"][..], "a smaller --weight-decay"),
        (&["--learning-rate", "1e9"], "a smaller --learning-rate"),
        (
            &["--weight-decay", "1e6", "--learning-rate", "1e3"],
            "a smaller --learning-rate and --weight-decay",
        ),
    ] {
        let cwd = folder();
        let train = [&SHORT[..SHORT.len() - 1], &["20", "--out", "run"], flags].concat();
        let run = output(fmnist(cwd.path(), &train));
        assert_failure(&run, 1, &["the dense model diverged"]);
        assert!(
            stderr(&run).trim_end().ends_with(advice),
            "{}",
            stderr(&run)
        );
    }
}

#[test]
fn impossible_settings_are_refused_wherever_they_come_from() {
    let wide = vec!["8"; 65].join(",");
    let cwd = finished();
    for (flags, part) in [
        (
            ["--warm-up-epochs", "1e30"],
            "warm_up_epochs cannot be 1000",
        ),
        (["--epochs", "18446744073709551615"], "at most 50000"),
        (["--widths", &wide], "65 stages are too many"),
        (
            ["--batch-size", "55001"],
            "--batch-size 55001: there are 55,000 training images — use at most 55000",
        ),
        (
            ["--warm-up-epochs", "11"],
            "--warm-up-epochs 11: the learning rate would still grow when the run ends after 10 epochs",
        ),
    ] {
        let train = ["train", "--backend", "cpu", "--out", "impossible"];
        let run = output(fmnist(cwd.path(), &[&train[..], &flags].concat()));
        assert_failure(&run, 1, &[part]);
        assert!(!cwd.path().join("impossible").exists());
    }
    for (model, flag) in [
        ("dense", "--widths"),
        ("dense", "--cnn-hidden"),
        ("cnn", "--hidden"),
    ] {
        let train = ["train", "--model", model, flag, "8", "--out", "impossible"];
        let part = format!("{flag} is of the ");
        assert_failure(&output(fmnist(cwd.path(), &train)), 1, &[&part]);
    }
    let path = cwd.path().join("run/config.json");
    let config = fs::read_to_string(&path).expect("it is there");
    for (from, to, part) in [
        (
            "\"batch_size\": 128",
            "\"batch_size\": 0",
            "batch_size must be at least 1",
        ),
        (
            "\"dropout\": 0.0",
            "\"dropout\": 1.0",
            "dropout cannot be 1",
        ),
        ("\"model\": \"dense\"", "\"model\": \"cnn\"", "blocks"),
        (
            "\"epochs\": 2",
            "\"runs\": 0, \"epochs\": 2",
            "0 is no possible number of runs",
        ),
    ] {
        assert!(config.contains(from), "{config}");
        fs::write(&path, config.replacen(from, to, 1)).expect("it can be written");
        for command in [&["train", "--resume", "run"][..], &["evaluate", "run"]] {
            let refused = output(fmnist(cwd.path(), command));
            assert_failure(
                &refused,
                1,
                &["run/config.json is not a run's configuration", part],
            );
        }
    }
}
