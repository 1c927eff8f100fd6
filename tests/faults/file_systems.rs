//! File systems that cannot do all that others can, and users who may write next to nowhere.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use crate::common::process::{
    TRAIN, assert_failure, assert_success, file_system_faults, fmnist, folder, output, stderr,
};

/// `fmnist ARGS` where the file system LACKS something, see `tests/faults/file_system.c`.
fn lacking(lacks: &str, cwd: &Path, args: &[&str]) -> Command {
    let mut command = fmnist(cwd, args);
    command.env("LD_PRELOAD", file_system_faults());
    command.env("LACKS", lacks);
    command
}

/// Neither half a file nor an empty one is left in a folder.
#[track_caller]
fn assert_no_remains(folder: &Path) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = entry.file_name();
        let unfinished = name.to_string_lossy().contains("unfinished");
        assert!(!unfinished, "{name:?} is left");
        let empty = entry.metadata().expect("it is there").len() == 0;
        assert!(!empty || name == ".lock", "{name:?} is empty");
    }
}

#[test]
fn what_a_file_system_cannot_do_is_done_without() {
    for lacks in [
        "flock=38 fsync-folder=22 link=1 rename-new=22",
        "flock=37 fsync-folder=95 link=95 rename-new=1",
        "flock=95 fsync-folder=9 fsync-file=22 link=38 rename-new=38",
        "flock=22 open-folder=13",
    ] {
        let cwd = folder();
        let run = |args: &[&str]| {
            let output = output(lacking(lacks, cwd.path(), args));
            assert!(output.status.success(), "{lacks}: {args:?}: {output:?}");
            stderr(&output)
        };
        let log = run(&[&TRAIN[..], &["--out", "run"]].concat());
        let without_locks = lacks.contains("flock");
        assert_eq!(
            log.matches("warning: run cannot be locked (").count(),
            usize::from(without_locks),
            "{log}"
        );
        let log = run(&["train", "--resume", "run", "--epochs", "2"]);
        assert_eq!(log.contains("cannot be locked"), without_locks, "{log}");
        run(&["report", "run"]);
        run(&["report", "run", "run", "--out", "both.html"]);
        for format in ["onnx", "safetensors"] {
            run(&[
                "export", "run", "--model", "dense", "--format", format, "--out", format,
            ]);
        }
        run(&["data", "show", "--out", "show.png"]);
        run(&["predict", "run", "show.png", "--show", "seen.png"]);
        run(&["predict", "run", "show.png", "--show", "seen"]);
        run(&["completions", "bash"]);
        run(&["man", "pages"]);
        for written in ["", "run", "run/dense", "seen", "pages"] {
            assert_no_remains(&cwd.path().join(written));
        }

        // As if all had arrived when the download was cut off.
        let cache = cwd.path().join("cache");
        fs::create_dir(&cache).expect("a folder");
        for entry in fs::read_dir(crate::common::data_dir()).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy();
            if name.ends_with(".gz") {
                fs::copy(&path, cache.join(format!("{name}.part"))).expect("it can be copied");
            }
        }
        let log = run(&["data", "fetch", "--data-dir", "cache"]);
        assert_eq!(
            log.matches("warning: cache cannot be locked (").count(),
            usize::from(without_locks),
            "{log}"
        );
        assert!(!log.contains("waiting"), "{log}");
        assert_success(&output(fmnist(
            cwd.path(),
            &["data", "verify", "--data-dir", "cache"],
        )));
    }
}

#[test]
fn a_warning_that_there_are_no_locks_is_given_once() {
    let cwd = folder();
    let several = [&TRAIN[..], &["--runs", "2", "--out", "several", "--quiet"]].concat();
    let run = output(lacking("flock=38", cwd.path(), &several));
    assert_success(&run);
    assert_eq!(
        stderr(&run),
        "warning: several cannot be locked (Function not implemented (os error 38)) — let no other \
         process write to it now\n"
    );
}

#[test]
fn what_cannot_be_synced_is_an_error_if_the_disk_fails() {
    let cwd = folder();
    assert_success(&output(fmnist(
        cwd.path(),
        &[&TRAIN[..], &["--out", "run"]].concat(),
    )));
    for (lacks, cause) in [
        ("fsync-folder=5", "Input/output error"),
        ("fsync-file=5", "Input/output error"),
        ("fsync-file=28", "No space left on device"),
        // A folder may be one that is not to be read; a file that was just written is not.
        ("fsync-file=13", "Permission denied"),
    ] {
        let train = [&TRAIN[..], &["--out", lacks]].concat();
        assert_failure(&output(lacking(lacks, cwd.path(), &train)), 1, &[cause]);
        for args in [
            &["report", "run", "--out", "report.html"][..],
            &["data", "show", "--out", "show.png"],
            &["man", "pages"],
            &[
                "export",
                "run",
                "--model",
                "dense",
                "--format",
                "onnx",
                "--out",
                "model.onnx",
            ],
        ] {
            let written = output(lacking(lacks, cwd.path(), args));
            assert_failure(&written, 1, &["cannot be written", cause]);
            assert_no_remains(cwd.path());
        }
        for name in ["report.html", "show.png", "model.onnx"] {
            // A file of which only the name may be lost is whole, and stays.
            let path = cwd.path().join(name);
            assert_eq!(path.exists(), lacks.starts_with("fsync-folder"), "{name}");
            drop(fs::remove_file(path));
        }
    }
}

#[test]
fn a_new_file_replaces_none_and_leaves_no_half_where_nothing_spares_a_name() {
    let cwd = folder();
    assert_success(&output(fmnist(
        cwd.path(),
        &[&TRAIN[..], &["--out", "run"]].concat(),
    )));
    let export = [
        "export",
        "run",
        "--model",
        "dense",
        "--format",
        "onnx",
        "--out",
        "model.png",
    ];
    let show = ["data", "show", "--out", "model.png"];
    let lacks = "link=1 rename-new=22";
    let path = cwd.path().join("model.png");
    fs::write(&path, "precious").expect("a file");
    for args in [&export[..], &show] {
        let refused = output(lacking(lacks, cwd.path(), args));
        let parts = ["model.png exists already and is not overwritten"];
        assert_failure(&refused, 1, &parts);
        assert_eq!(fs::read(&path).expect("it is there"), b"precious");
    }
    fs::remove_file(&path).expect("it is there");
    for args in [&export[..], &show] {
        let lacks = format!("{lacks} rename=5");
        let failed = output(lacking(&lacks, cwd.path(), args));
        let parts = ["model.png cannot be written", "Input/output error"];
        assert_failure(&failed, 1, &parts);
        assert!(!path.exists());
        assert_no_remains(cwd.path());
    }
    // What replaces a file that is there.
    let report = ["report", "run", "--out", "model.html"];
    let failed = output(lacking("rename=5", cwd.path(), &report));
    let parts = ["model.html cannot be written: Input/output error"];
    assert_failure(&failed, 1, &parts);
    assert_no_remains(cwd.path());
}

/// The names of the folders in `runs`, in order.
fn runs(cwd: &Path) -> Vec<String> {
    let entries = fs::read_dir(cwd.join("runs")).expect("a folder");
    let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
    let mut names: Vec<String> = entries
        .map(|entry| name(entry).into_string().expect("it is UTF-8"))
        .collect();
    names.sort();
    names
}

#[test]
fn a_default_name_that_another_process_takes_first_is_left_to_it() {
    let cwd = folder();
    let mut train = fmnist(cwd.path(), &TRAIN);
    train.env("LD_PRELOAD", file_system_faults());
    train.env("FAULT", "raced");
    assert_success(&output(train));
    let [theirs, ours] = &runs(cwd.path())[..] else {
        panic!("{:?}", runs(cwd.path()));
    };
    assert!(ours.ends_with("-2") && !theirs.ends_with("-2"));
    let theirs = cwd.path().join("runs").join(theirs);
    assert_eq!(fs::read_dir(theirs).expect("a folder").count(), 0);
    assert!(
        cwd.path()
            .join("runs")
            .join(ours)
            .join("report.html")
            .exists()
    );
}

#[test]
fn runs_that_begin_in_the_same_second_get_folders_of_their_own() {
    let cwd = folder();
    let start = |seed: usize| -> Child {
        let seed = seed.to_string();
        let several = ["--seed", &seed, "--runs", "2"];
        let more = if seed == "0" {
            &several[..]
        } else {
            &several[..2]
        };
        let mut command = fmnist(cwd.path(), &[&TRAIN[..], more].concat());
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().expect("the program can be started")
    };
    let children: Vec<Child> = (0..6).map(start).collect();
    for child in children {
        assert_success(&child.wait_with_output().expect("it ends"));
    }
    let names = runs(cwd.path());
    assert_eq!(names.len(), 6, "{names:?}");
    for name in names {
        let run = cwd.path().join("runs").join(name);
        assert!(run.join("report.html").exists());
    }
}

#[test]
fn of_two_runs_with_the_same_folder_one_is_refused() {
    let cwd = folder();
    let path = cwd.path().join("run");
    fs::create_dir(&path).expect("a folder");
    let lock = fs::File::create(path.join(".lock")).expect("a file");
    lock.lock().expect("it can be locked");
    let run = output(fmnist(
        cwd.path(),
        &[&TRAIN[..], &["--out", "run"]].concat(),
    ));
    assert_failure(&run, 1, &["run is in use: another process trains there"]);
    assert_eq!(fs::read_dir(&path).expect("a folder").count(), 1);
}

/// Runs what needs the user's cache folder, without any of the folders that tests have else.
fn without_cache(cwd: &Path, args: &[&str], home: Option<&str>) -> Output {
    let mut command = match home {
        Some(home) => {
            let mut command = fmnist(cwd, args);
            command.env("HOME", home);
            command
        }
        None => {
            let mut command = lacking("home=0", cwd, args);
            command.env_remove("HOME");
            command
        }
    };
    command
        .env_remove("FMNIST_DATA_DIR")
        .env_remove("XDG_CACHE_HOME");
    output(command)
}

#[test]
fn who_has_no_home_is_told_where_else_data_can_be() {
    let advice = ["--data-dir", "FMNIST_DATA_DIR", "XDG_CACHE_HOME"];
    for (home, what) in [
        (
            Some("/dev/null"),
            "/dev/null/.cache/fmnist/fashion-mnist cannot hold the download",
        ),
        (
            Some("/proc"),
            "/proc/.cache/fmnist/fashion-mnist cannot hold the download",
        ),
        (None, "this user has no cache folder"),
    ] {
        let cwd = folder();
        let parts = [&advice[..], &[what]].concat();
        let fetched = without_cache(cwd.path(), &["data", "fetch"], home);
        assert_failure(&fetched, 1, &parts);
        let train = [&TRAIN[..], &["--dataset", "fashion-mnist"]].concat();
        assert_failure(&without_cache(cwd.path(), &train, home), 1, &parts);
        assert!(!cwd.path().join("runs").exists());

        if home != Some("/proc") {
            continue;
        }
        let trained = without_cache(cwd.path(), &TRAIN, home);
        assert_success(&trained);
        let log = stderr(&trained);
        for part in [&parts[..], &["warning: NO REAL DATA"]].concat() {
            assert!(log.contains(part), "{part:?} is missing in: {log}");
        }
        assert!(trained.stdout.starts_with(b"synthetic"), "{trained:?}");
    }
}

#[test]
fn a_folder_that_has_all_data_is_not_written_to() {
    let cwd = folder();
    let mut fetch = fmnist(cwd.path(), &["data", "fetch"]);
    fetch.env("LD_PRELOAD", file_system_faults());
    fetch.env("FAULT", "read-only").env("FAULT_AT", "1");
    assert_success(&output(fetch));
}

#[test]
fn a_run_folder_that_cannot_be_made_is_told_before_data_are_loaded() {
    let cwd = folder();
    fs::write(cwd.path().join("file"), "").expect("a file");
    let nowhere = |mut command: Command| {
        command.env("FMNIST_DATA_DIR", "/nonexistent");
        output(command)
    };
    for out in [
        "/proc/run",
        "/proc/runs/run",
        "/dev/null/run",
        "file/run",
        "/proc",
    ] {
        let train = [&TRAIN[..], &["--out", out]].concat();
        let run = nowhere(fmnist(cwd.path(), &train));
        assert_failure(&run, 1, &[out, "--out"]);
    }
    let here = nowhere(fmnist(Path::new("/proc"), &TRAIN));
    assert_failure(
        &here,
        1,
        &["the run folder runs/", "cannot be made", "--out"],
    );

    fs::write(cwd.path().join("runs"), "").expect("a file");
    let run = nowhere(fmnist(cwd.path(), &TRAIN));
    assert_failure(
        &run,
        1,
        &["the run folder runs/", "cannot be made", "--out"],
    );

    // Who goes on with a run makes no folder here.
    let run = output(fmnist(
        cwd.path(),
        &[&TRAIN[..], &["--out", "run"]].concat(),
    ));
    assert_success(&run);
    let run = cwd.path().join("run");
    let resume = ["train", "--resume", run.to_str().expect("it is UTF-8")];
    assert_success(&output(fmnist(Path::new("/proc"), &resume)));
}
