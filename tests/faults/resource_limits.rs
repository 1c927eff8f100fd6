//! What the program says where the system gives it less than it needs: memory, threads, files.

#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Output};

use crate::common::process::{assert_failure, assert_success, fmnist, folder, output, stderr};

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
        "larger than this process under its `ulimit -v` of 3.81 GiB can hold — use at most ",
    ];
    assert_failure(&refused, 1, &parts);
    assert!(!cwd.path().join("run").exists());
}

#[test]
fn with_little_memory_every_command_works_or_says_why_not() {
    let cwd = finished();
    for kib in [150_000, 300_000] {
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

#[test]
fn memory_that_ends_all_the_same_is_told() {
    let cwd = finished();
    // Room for the program, and for little more.
    let program = fs::metadata(env!("CARGO_BIN_EXE_fmnist")).expect("it was built");
    let kib = program.len() / 1024 + 34_000;
    let run = limited(cwd.path(), &format!("-v {kib}"), "evaluate run");
    let parts = [
        "no memory is left: ",
        " more bytes were asked for — end what else uses it, or raise the limit that this process has",
    ];
    assert_failure(&run, 1, &parts);
}

/// Several drivers crash where they are refused memory.
#[test]
fn a_driver_that_may_have_too_little_memory_is_not_opened() {
    let cwd = folder();
    let args = "train --backend wgpu --samples 100 --epochs 1 --out run";
    let refused = limited(cwd.path(), "-v 3000000", args);
    let parts = [
        "cannot be opened: its driver takes more than the 2.86 GiB that `ulimit -v` allows — \
                  raise it to 4.00 GiB, or use --backend cpu",
    ];
    assert_failure(&refused, 1, &parts);
}

/// What a limit of threads binds is not root but any other user.
#[test]
fn without_threads_the_commands_that_need_them_say_so() {
    let cwd = folder();
    let open = |path: &Path| fs::set_permissions(path, PermissionsExt::from_mode(0o755));
    open(cwd.path()).expect("it can be opened");
    let program = cwd.path().join("fmnist");
    fs::copy(env!("CARGO_BIN_EXE_fmnist"), &program).expect("it can be copied");
    open(&program).expect("it can be opened");
    for args in [
        "train --dataset synthetic --backend cpu --out run",
        "train --dataset synthetic --backend cpu --out run --threads 1",
        "bench --backend cpu --steps 2",
        "data show --dataset synthetic --out shown.png",
    ] {
        let mut limited = Command::new("prlimit");
        limited.arg("--nproc=1");
        // Of root's own processes there may be any number; of this user's there are none.
        let user = fs::metadata(cwd.path()).expect("it is there").uid();
        if user == 0 {
            limited.args(["setpriv", "--reuid", "31415", "--clear-groups"]);
        }
        limited.arg("./fmnist").args(args.split(' '));
        limited
            .current_dir(cwd.path())
            .env_remove("FMNIST_DATA_DIR");
        let run = output(limited);
        let parts = [
            "the threads cannot be started (",
            "— choose fewer with --threads, or raise",
        ];
        assert_failure(&run, 1, &parts);
    }
}

#[test]
fn a_limit_of_a_files_size_is_an_error_that_names_the_file() {
    let cwd = finished();
    for (limit, args, file) in [
        ("-f 8", "report run --out other.html", "other.html"),
        (
            "-f 8",
            "export run --model dense --format onnx --out model.onnx",
            "model.onnx",
        ),
        (
            "-f 0",
            "data show --dataset synthetic --out other.png",
            "other.png",
        ),
        ("-f 8", "train --resume run --epochs 2", "run/dense/"),
    ] {
        let run = limited(cwd.path(), limit, args);
        assert_failure(&run, 1, &[file, "File too large"]);
        assert_ends_well(&run, args);
    }
    assert_success(&output(fmnist(cwd.path(), &["train", "--resume", "run"])));
}

#[test]
fn few_open_files_and_a_small_stack_are_borne() {
    let cwd = finished();
    for limit in ["-n 4", "-n 6", "-s 32"] {
        for args in [
            "data verify",
            "train --resume run --epochs 2",
            "evaluate run",
            "predict run picture.png",
            "report run",
        ] {
            assert_ends_well(
                &limited(cwd.path(), limit, args),
                &format!("{args}, {limit}"),
            );
        }
    }
}
