//! What the program prints arrives, or it says that it did not; and the commands that it tells can be
//! pasted.

#![cfg(target_os = "linux")]

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::common::process::{assert_success, fmnist, folder, output, stderr};
use fmnist::dataset::FASHION_MNIST_SPEC;
use fmnist::predict::write_png;

const SHORT: [&str; 9] = [
    "--backend",
    "cpu",
    "train",
    "--samples",
    "200",
    "--epochs",
    "1",
    "--model",
    "dense",
];

/// A folder with a run in it, `run`, and a picture, `picture.png`.
fn with_run() -> tempfile::TempDir {
    let cwd = folder();
    assert_success(&output(fmnist(
        cwd.path(),
        &[&SHORT[..], &["--out", "run"]].concat(),
    )));
    let image: [u8; 784] = std::array::from_fn(|i| (i % 251) as u8);
    write_png(
        &cwd.path().join("picture.png"),
        &image,
        FASHION_MNIST_SPEC.shape,
    )
    .expect("it can be written");
    cwd
}

/// Every command that prints something on stdout.
const PRINTING: [&[&str]; 15] = [
    &["--version"],
    &["--help"],
    &["help", "train"],
    &["train", "--help"],
    &["devices"],
    &["completions", "bash"],
    &["data", "verify"],
    &["data", "fetch"],
    &["data", "show", "--dataset", "synthetic", "--out", "all.png"],
    &["evaluate", "run"],
    &["predict", "run", "picture.png"],
    &["predict", "--json", "run", "picture.png"],
    &["predict", "run", "picture.png", "picture.png"],
    &["bench", "--model", "dense", "--steps", "1"],
    &["bench", "--model", "dense", "--steps", "1", "--json"],
];

fn with_stdout(cwd: &Path, args: &[&str], stdout: Stdio) -> Output {
    let mut command = fmnist(cwd, args);
    if !matches!(args[0], "--version" | "--help" | "--backend" | "help") {
        command.args(["--backend", "cpu"]);
    }
    command.stdout(stdout).stderr(Stdio::piped());
    output(command)
}

/// stdout on a disk that has no room left.
fn full() -> Stdio {
    let file = OpenOptions::new().write(true).open("/dev/full");
    file.expect("Linux has it").into()
}

#[track_caller]
fn assert_told(ended: &Output) {
    let stderr = stderr(ended);
    assert_eq!(ended.status.code(), Some(1), "{stderr}");
    let errors: Vec<&str> = stderr.lines().filter(|l| l.contains("error")).collect();
    let expected = "error: stdout cannot be written: No space left on device (os error 28) — make \
                    room there, or send the output elsewhere";
    assert_eq!(errors, [expected], "{stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
}

#[test]
fn output_that_has_no_room_is_told() {
    let cwd = with_run();
    for args in PRINTING {
        println!("{args:?}");
        assert_told(&with_stdout(cwd.path(), args, full()));
        drop(fs::remove_file(cwd.path().join("all.png")));
    }
}

#[test]
fn training_ends_with_all_its_files_before_lost_output_is_told() {
    let cwd = folder();
    for (run, more) in [
        ("text", &["--quiet"][..]),
        ("json", &["--log-format", "json"]),
        ("several", &["--log-format", "json", "--runs", "2"]),
    ] {
        let args = [&SHORT[..], &["--out", run], more].concat();
        assert_told(&with_stdout(cwd.path(), &args, full()));
        assert!(cwd.path().join(run).join("report.html").is_file());
    }
}

#[test]
fn a_reader_who_has_gone_is_no_failure() {
    let cwd = with_run();
    for args in PRINTING {
        println!("{args:?}");
        let (reader, writer) = std::io::pipe().expect("a pipe can be made");
        drop(reader);
        let ended = with_stdout(cwd.path(), args, writer.into());
        assert_success(&ended);
        let stderr = stderr(&ended);
        assert!(!stderr.contains("error"), "{stderr}");
        drop(fs::remove_file(cwd.path().join("all.png")));
    }
}

#[test]
fn commands_in_messages_can_be_pasted() {
    let cwd = with_run();
    let mut run = cwd.path().join("run");
    for name in [
        "sp ace/it's \"mine\"",
        "-dash",
        "$HOME & *",
        "new\nline\u{1b}",
    ] {
        println!("{name:?}");
        let moved = cwd.path().join(name);
        let parent = moved.parent().expect("it is in a folder");
        fs::create_dir_all(parent).expect("a folder can be made");
        fs::rename(&run, &moved).expect("it can be moved");
        run = moved;
        let weights = run.join("dense/model.ckpt");
        let before = fs::read(&weights).expect("the run has weights");
        for asking in [&["evaluate"][..], &["predict"]] {
            drop(fs::remove_file(&weights));
            let mut args = asking.to_vec();
            args.extend(["--", name]);
            args.extend((asking == ["predict"]).then_some("picture.png"));
            let refused = output(fmnist(cwd.path(), &args));
            assert_eq!(refused.status.code(), Some(1));
            let message = stderr(&refused);
            let command = message.split('`').nth(1);
            let command = command.unwrap_or_else(|| panic!("no command in: {message}"));
            let program = Path::new(env!("CARGO_BIN_EXE_fmnist"));
            let folder = program.parent().expect("the program is in a folder");
            let path = std::env::var("PATH").unwrap_or_default();
            let mut pasted = Command::new("bash");
            pasted
                .args(["-c", command])
                .current_dir(cwd.path())
                .env("PATH", format!("{}:{path}", folder.display()))
                .env("FMNIST_DATA_DIR", crate::common::data_dir());
            assert_success(&output(pasted));
            assert!(fs::read(&weights).expect("it is there again") == before);
        }
    }
}
