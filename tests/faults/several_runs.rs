//! Several runs side by side: the bits of runs one by one, whatever ends them early.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::common::process::{
    assert_failure, assert_success, few_images, fmnist, folder, json, output, signal, stderr,
};
use fmnist::train::history::History;
use serde_json::Value;
use tempfile::TempDir;

/// Short epochs, and many.
const TRAIN: &str = "train --backend cpu --model dense --hidden 8 --epochs 100 --runs 2 --out run";
const SEEDS: [&str; 2] = ["seed-0", "seed-1"];

/// `fmnist ARGS` on a few images.
fn on_few(cwd: &Path, args: &str) -> Command {
    let args: Vec<&str> = args.split(' ').collect();
    let mut command = fmnist(cwd, &args);
    command.arg("--data-dir").arg(few_images());
    command
}

/// The weights of a run's dense model.
fn weights(run: &Path) -> Vec<u8> {
    fs::read(run.join("dense/model.ckpt")).expect("the model is there")
}

/// What a JSON file holds but for seconds and how many threads there were.
fn results(path: &Path) -> Value {
    fn strip(value: &mut Value) {
        if let Value::Object(fields) = value {
            fields.retain(|name, _| !name.contains("seconds") && name != "device");
            fields.values_mut().for_each(strip);
        }
    }
    let mut value = json(path);
    strip(&mut value);
    value
}

#[test]
fn runs_side_by_side_have_the_results_of_runs_one_by_one() {
    let cwd = folder();
    for threads in ["1", "2"] {
        let train = "train --backend cpu --epochs 2 --runs 3 --batch-size 32";
        let args = format!("{train} --threads {threads} --out {threads}");
        let run = output(on_few(cwd.path(), &args));
        assert_success(&run);
        let log = stderr(&run);
        assert_eq!(
            log.contains("seeds #0 to #2, 2 side by side on 2 threads"),
            threads == "2",
            "{log}"
        );
        for seed in 0..3 {
            let line = format!("#{seed} dense  2/2  train ");
            assert_eq!(log.matches(&line).count(), 1, "{log}");
        }
    }
    let [one_by_one, side_by_side] = ["1", "2"].map(|run| cwd.path().join(run));
    for seed in ["seed-0", "seed-1", "seed-2"] {
        for file in ["dense/model.ckpt", "dense/best.ckpt", "cnn/model.ckpt"] {
            let [one, other] =
                [&one_by_one, &side_by_side].map(|run| fs::read(run.join(seed).join(file)).ok());
            assert!(one.is_some() && one == other, "{seed}/{file} differs");
        }
        let summary = format!("{seed}/summary.json");
        let [one, other] = [&one_by_one, &side_by_side].map(|run| results(&run.join(&summary)));
        assert_eq!(one, other);
    }
    let [one, other] = [&one_by_one, &side_by_side].map(|run| results(&run.join("runs.json")));
    assert_eq!(one, other);
    assert!(side_by_side.join("report.html").is_file());
}

/// Two runs side by side in `run`, in each of which an epoch has ended, and many have not.
fn started(cwd: &Path) -> Child {
    let mut command = on_few(cwd, &format!("{TRAIN} --threads 2"));
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let child = command.spawn().expect("the program can be started");
    let started = Instant::now();
    let has_begun = |seed: &str| {
        let history = History::read_csv(&cwd.join("run").join(seed).join("history.csv"));
        history.is_ok_and(|history| !history.records.is_empty())
    };
    while !SEEDS.iter().all(|seed| has_begun(seed)) {
        assert!(
            started.elapsed() < Duration::from_secs(600),
            "no epoch ends"
        );
        sleep(Duration::from_millis(5));
    }
    child
}

/// Goes on with [`started`] runs, and compares their weights with those of runs without a stop.
fn assert_goes_on(cwd: &Path) {
    static STRAIGHT: OnceLock<TempDir> = OnceLock::new();
    let straight = STRAIGHT.get_or_init(|| {
        let cwd = folder();
        let train = format!("{TRAIN} --threads 1");
        assert_success(&output(on_few(cwd.path(), &train)));
        cwd
    });
    let resume = "train --resume run --threads 2";
    assert_success(&output(on_few(cwd, resume)));
    for seed in SEEDS {
        let [one, other] = [cwd, straight.path()].map(|cwd| weights(&cwd.join("run").join(seed)));
        assert!(one == other, "the weights of {seed} differ");
    }
    assert!(cwd.join("run/runs.json").is_file());
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_all_of_them_and_all_go_on() {
    let cwd = folder();
    let child = started(cwd.path());
    signal(&child, "-INT");
    let ended = child.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(130), "{ended:?}");
    let told =
        "interrupted with 2 runs in training; saved — go on with `fmnist train --resume run ";
    assert!(stderr(&ended).contains(&format!("\n{told}")), "{ended:?}");
    assert_goes_on(cwd.path());
}

#[test]
fn an_error_in_one_ends_the_others_and_is_told_once() {
    let cwd = folder();
    let child = started(cwd.path());
    let last = cwd.path().join("run/seed-1/dense/last.ckpt");
    let checkpoint = fs::read(&last).expect("a checkpoint");
    // The program may write one between the two.
    while fs::create_dir(&last).is_err() {
        drop(fs::remove_file(&last));
    }
    let ended = child.wait_with_output().expect("it ends");
    assert_failure(&ended, 1, &["run/seed-1/dense", "--resume run "]);
    let log = stderr(&ended);
    assert_eq!(log.matches("error: ").count(), 1, "{log}");
    assert!(!log.contains("interrupted"), "{log}");
    assert!(!cwd.path().join("run/seed-0/dense/model.ckpt").exists());
    fs::remove_dir(&last).expect("it is an empty folder");
    fs::write(&last, checkpoint).expect("it can be written");
    assert_goes_on(cwd.path());
}

#[test]
fn what_no_run_can_go_on_with_is_told_before_any_trains() {
    let cwd = folder();
    let args =
        "train --backend cpu --model dense --hidden 8 --epochs 1 --runs 3 --threads 1 --out run";
    assert_success(&output(on_few(cwd.path(), args)));
    let config = cwd.path().join("run/seed-2/config.json");
    fs::rename(&config, cwd.path().join("config.json")).expect("it is there");
    let longer = || output(on_few(cwd.path(), "train --resume run --epochs 2"));
    let refused = longer();
    assert_failure(
        &refused,
        1,
        &["run/seed-2 has no config.json", "train seed 2 anew"],
    );
    let first = cwd.path().join("run/seed-0/history.csv");
    let lines = || {
        fs::read_to_string(&first)
            .expect("it is there")
            .lines()
            .count()
    };
    assert_eq!(lines(), 2, "the first run trained");

    fs::rename(cwd.path().join("config.json"), &config).expect("it can be put back");
    let ended = longer();
    assert_success(&ended);
    assert_eq!(lines(), 3);
    let log = stderr(&ended);
    assert!(log.contains("#2 going on: dense from epoch 2"), "{log}");
}

#[test]
fn of_a_run_that_diverges_it_is_told_how_the_others_go_on() {
    let cwd = folder();
    let args =
        "train --backend cpu --model dense --epochs 1 --runs 2 --learning-rate 1e6 --out run";
    let ended = output(on_few(cwd.path(), args));
    assert_failure(
        &ended,
        1,
        &["diverged", "--learning-rate", "--resume run/seed-N"],
    );
}
