//! `fmnist report` of folders of which not all can be reported.

use std::fs::{self, File};
use std::path::Path;
use std::process::Output;
use std::sync::OnceLock;

use crate::common::process::{
    TRAIN, assert_failure, assert_success, copy, fmnist, folder, output, stderr,
};
use tempfile::TempDir;

/// A folder `runs` with copies of two runs that have ended, `a` and `b`, and of one of two seeds,
/// `several`.
fn ended() -> TempDir {
    static RUNS: OnceLock<TempDir> = OnceLock::new();
    let original = RUNS.get_or_init(|| {
        let cwd = folder();
        for (seed, more) in [("1", &[][..]), ("2", &[]), ("3", &["--runs", "2"])] {
            let out = format!(
                "runs/{}",
                ["a", "b", "several"][usize::from(seed.as_bytes()[0] - b'1')]
            );
            let args = [&TRAIN[..], &["--seed", seed, "--out", &out], more].concat();
            assert_success(&output(fmnist(cwd.path(), &args)));
        }
        cwd
    });
    let cwd = folder();
    copy(&original.path().join("runs"), &cwd.path().join("runs"));
    cwd
}

fn report(cwd: &Path, args: &[&str]) -> Output {
    output(fmnist(cwd, &[&["report"], args].concat()))
}

fn html(cwd: &Path, name: &str) -> String {
    fs::read_to_string(cwd.join(name)).expect("there is a report")
}

#[test]
fn what_is_no_run_that_has_ended_is_left_out_and_named() {
    let cwd = ended();
    let runs = cwd.path().join("runs");
    fs::write(runs.join("notes.txt"), "a stray file").expect("a file");
    fs::create_dir(runs.join("void")).expect("a folder");
    for (name, file, bytes) in [
        ("unfinished", "summary.json", None),
        ("cut-off", "history.csv", Some(&b"model,ep"[..])),
        ("damaged", "evaluation.json", Some(b"{")),
        ("garbled", "config.json", Some(b"\x1b[31m{}")),
        // Whole, but the labels of other images.
        ("mixed", "test-labels.gz", None),
    ] {
        copy(&runs.join("a"), &runs.join(name));
        let path = runs.join(name).join(file);
        match bytes {
            Some(bytes) => fs::write(path, bytes).expect("it can be written"),
            None => fs::remove_file(path).expect("it is there"),
        }
    }
    let labels = fmnist::dataset::idx::pack_labels(&[3; 10_000]).expect("they can be packed");
    fs::write(runs.join("mixed/test-labels.gz"), labels).expect("it can be written");

    let bad = [
        "notes.txt",
        "void",
        "unfinished",
        "cut-off",
        "damaged",
        "garbled",
        "mixed",
        "nowhere",
    ];
    let bad = bad.map(|name| format!("runs/{name}"));
    let mut args: Vec<&str> = bad.iter().map(String::as_str).collect();
    args.insert(2, "runs/a");
    args.push("runs/b");
    let reported = report(cwd.path(), &args);
    assert_success(&reported);
    let log = stderr(&reported);
    for name in &bad {
        let named = |line: &&str| line.starts_with("warning: left out: ") && line.contains(name);
        assert_eq!(log.lines().filter(named).count(), 1, "{name}: {log}");
    }
    assert_eq!(log.matches("warning: ").count(), bad.len(), "{log}");
    assert!(
        !log.contains('\u{1b}') && log.ends_with("saved to report.html\n"),
        "{log}"
    );
    let page = html(cwd.path(), "report.html");
    assert!(page.contains("2 runs compared"), "{}", &page[..500]);

    // Each alone, and all of them, are an error, and what was written stays.
    for name in &bad {
        assert_failure(&report(cwd.path(), &[name]), 1, &[name]);
    }
    let bad: Vec<&str> = bad.iter().map(String::as_str).collect();
    let refused = report(cwd.path(), &bad);
    assert_failure(&refused, 1, &["none of these can be reported", "runs/void"]);
    assert!(html(cwd.path(), "report.html") == page);
}

#[test]
fn of_several_seeds_those_that_are_missing_or_damaged_are_left_out() {
    let cwd = ended();
    let several = cwd.path().join("runs/several");
    assert_success(&report(cwd.path(), &["runs/several"]));
    assert!(html(&several, "report.html").contains("2 runs compared"));

    let second = several.join("seed-4");
    fs::remove_file(second.join("history.csv")).expect("it is there");
    let reported = report(cwd.path(), &["runs/several"]);
    assert_success(&reported);
    let log = stderr(&reported);
    assert!(
        log.starts_with("warning: left out: runs/several/seed-4 cannot be reported"),
        "{log}"
    );
    assert!(!html(&several, "report.html").contains("2 runs compared"));

    fs::remove_dir_all(&second).expect("it is there");
    let reported = report(cwd.path(), &["runs/several", "runs/a"]);
    assert_success(&reported);
    let log = stderr(&reported);
    assert!(
        log.starts_with("warning: left out: in runs/several 1 of 2 runs have ended — go on with"),
        "{log}"
    );
    assert!(html(cwd.path(), "report.html").contains("2 runs compared"));

    // Whatever a damaged file claims.
    let path = several.join("config.json");
    let config = fs::read_to_string(&path).expect("it is there");
    let claim = |runs: &str| {
        let many = config.replace("\"runs\": 2", &format!("\"runs\": {runs}"));
        assert!(many != config);
        fs::write(&path, many).expect("it can be written");
        report(cwd.path(), &["runs/several"])
    };
    assert_success(&claim("10000"));
    let parts = ["runs/several/config.json", "no possible number of runs"];
    assert_failure(&claim("1000000000000000000"), 1, &parts);
}

#[test]
fn a_report_needs_no_lock() {
    let cwd = ended();
    let run = cwd.path().join("runs/a");
    let lock = run.join(".lock");
    let other = File::open(&lock).expect("it was left");
    other.lock().expect("it can be locked");
    fs::write(run.join(".unfinished-abc"), "of the process that trains").expect("a file");
    assert_success(&report(cwd.path(), &["runs/a"]));
    assert!(run.join(".unfinished-abc").exists());

    fs::remove_file(&lock).expect("it is there");
    assert_success(&report(cwd.path(), &["runs/a"]));
    assert!(!lock.exists());
}

/// As if the disk were another's.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_may_only_be_read_is_reported_elsewhere() {
    let cwd = ended();
    let page = cwd.path().join("runs/a/report.html");
    let before = fs::read(&page).expect("it is there");
    let mut command = fmnist(cwd.path(), &["report", "runs/a"]);
    command.env("LD_PRELOAD", crate::common::process::file_system_faults());
    command.env("FAULT", "read-only").env("FAULT_AT", "1");
    let parts = [
        "the report is not saved",
        "elsewhere with --out",
        "runs/a/report.html cannot be written",
        "Read-only file system",
    ];
    assert_failure(&output(command), 1, &parts);
    assert!(fs::read(&page).expect("it is there") == before);
    assert_success(&report(cwd.path(), &["runs/a", "--out", "a.html"]));
}

#[test]
fn a_run_counts_once_and_no_file_of_it_is_replaced() {
    let cwd = ended();
    let both = report(cwd.path(), &["runs/a", "runs/b", "--out", "both.html"]);
    assert_success(&both);
    #[cfg(unix)]
    std::os::unix::fs::symlink("a", cwd.path().join("runs/latest")).expect("a link can be made");
    let args = ["runs/a", "runs/b", "runs/latest", "runs/../runs/b"];
    let again = report(cwd.path(), &[&args[..], &["--out", "again.html"]].concat());
    assert_success(&again);
    for path in &args[2..] {
        let warning = format!("warning: left out: {path} is there already");
        assert!(stderr(&again).contains(&warning), "{}", stderr(&again));
    }
    assert!(html(cwd.path(), "both.html") == html(cwd.path(), "again.html"));

    let config = cwd.path().join("runs/a/config.json");
    let before = fs::read(&config).expect("it is there");
    let refused = report(cwd.path(), &["runs/a", "--out", "runs/a/config.json"]);
    let parts = [
        "runs/a/config.json exists and is not a page by its name",
        ".html",
    ];
    assert_failure(&refused, 1, &parts);
    assert!(fs::read(&config).expect("it is there") == before);
}
