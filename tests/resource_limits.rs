//! What the program says where the system gives it less than it needs: memory, threads, files.

#![cfg(target_os = "linux")]

mod common;
mod process;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use process::{assert_failure, assert_success, fmnist, folder, output, stderr};

const SHORT: &str = "train --backend cpu --model dense --samples 500 --epochs 1 --quiet --out run";

/// `fmnist ARGS` under a limit that `ulimit` sets.
fn limited(cwd: &Path, limit: &str, args: &str) -> Output {
    let program = fmnist(cwd, &[]);
    let mut shell = Command::new("sh");
    let script = format!("ulimit {limit} && exec \"$0\" \"$@\"");
    shell.args(["-c", &script]).arg(program.get_program());
    shell.args(args.split(' ')).current_dir(cwd);
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    output(shell)
}

/// It did its work, or said in one line why not.
fn assert_ends_well(run: &Output, what: &str) {
    let message = stderr(run);
    match run.status.code() {
        Some(0) => {}
        Some(1) => assert_eq!(message.matches("error: ").count(), 1, "{what}: {message}"),
        _ => panic!("{what}: {run:?}"),
    }
    assert!(!message.contains("panicked"), "{what}: {message}");
}

/// A folder with a finished run, `run`, and a picture, `picture.png`.
fn finished() -> tempfile::TempDir {
    let cwd = folder();
    let run = |args: &str| {
        let args: Vec<&str> = args.split(' ').collect();
        assert_success(&output(fmnist(cwd.path(), &args)));
    };
    run(SHORT);
    run("data show --dataset synthetic --per-class 1 --out picture.png");
    cwd
}

#[test]
fn a_batch_beyond_the_memory_that_is_allowed_is_refused_by_name() {
    let cwd = folder();
    let args = "train --backend cpu --model cnn --batch-size 50000 --out run";
    let refused = limited(cwd.path(), "-v 4000000", args);
    let parts = [
        "--batch-size 50000: ",
        "more than this process under its `ulimit -v` of 3.81 GiB can hold — use at most ",
    ];
    assert_failure(&refused, 1, &parts);
    assert!(!cwd.path().join("run").exists());
}

#[test]
fn with_little_memory_every_command_works_or_says_why_not() {
    let cwd = finished();
    for kib in [150_000, 300_000, 600_000, 1_200_000] {
        for args in [
            "devices",
            "data verify",
            "data show --out shown.png",
            "train --backend cpu --samples 500 --epochs 1 --out other",
            "train --resume run --epochs 2",
            "evaluate run",
            "predict run picture.png",
            "report run",
            "export run --model dense --format onnx --out model.onnx",
            "bench --backend cpu --steps 2",
        ] {
            let run = limited(cwd.path(), &format!("-v {kib}"), args);
            assert_ends_well(&run, &format!("{args}, {kib} KiB"));
            drop(fs::remove_dir_all(cwd.path().join("other")));
            drop(fs::remove_file(cwd.path().join("model.onnx")));
        }
    }
}
