//! What becomes of a run on a device that runs out of memory, or is lost.

#![cfg(target_os = "linux")]

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::common::process::{
    assert_failure, assert_success, device_faults, few_images, fmnist, folder, output, stdout,
};
use fmnist::train::history::History;

const TRAIN: &str = "train --backend wgpu --recipe plain --samples 256 \
                     --validation 64 --batch-size 256 --epochs 2 --quiet --out run";
const RESUME: &str = "train --resume run --quiet";
const BENCH: &str = "bench --backend wgpu --steps 20";

/// `fmnist ARGS`.
fn program(cwd: &Path, args: &str) -> Command {
    fmnist(cwd, &args.split(' ').collect::<Vec<_>>())
}

/// The same with few images.
fn on_few(cwd: &Path, args: &str) -> Command {
    let mut command = program(cwd, args);
    command.arg("--data-dir").arg(few_images());
    command
}

/// The command's end where the device has `fault` from the `at`th time on; it must not wait for ever.
fn with_fault(fault: &str, at: usize, mut command: Command) -> Output {
    command.env("LD_PRELOAD", device_faults());
    command.env("FAULT", fault).env("FAULT_AT", at.to_string());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program can be started");
    let started = Instant::now();
    while child.try_wait().expect("it is a child").is_none() {
        if started.elapsed() > Duration::from_secs(300) {
            child.kill().expect("it can be killed");
            panic!("{fault} {at}: the program does not end");
        }
        sleep(Duration::from_millis(10));
    }
    child.wait_with_output().expect("it has ended")
}

fn weights(cwd: &Path) -> [Vec<u8>; 2] {
    ["dense", "cnn"].map(|model| {
        let path = cwd.join(format!("run/{model}/model.ckpt"));
        std::fs::read(path).expect("the model is there")
    })
}

/// Memory runs out at every place in turn: before training, while the first model trains, while
/// the second does when the first already has an epoch behind it. Worthless results are neither shown
/// nor saved, and what was saved goes on to where an undisturbed run ends.
#[test]
fn a_run_out_of_memory_saves_nothing_worthless_and_says_what_to_do() {
    let undisturbed = folder();
    assert_success(&output(on_few(undisturbed.path(), TRAIN)));
    let expected = weights(undisturbed.path());

    let (mut before, mut midway) = (0, 0);
    for piece in 2.. {
        let cwd = folder();
        let run = with_fault("memory", piece, on_few(cwd.path(), TRAIN));
        if run.status.success() {
            assert!(weights(cwd.path()) == expected);
            break;
        }
        let message = "error: the device ran out of memory — train with a --batch-size smaller \
                       than 256";
        assert_failure(&run, 1, &[message]);
        assert_eq!(stdout(&run), "");
        if !cwd.path().join("run/cnn/last.ckpt").exists() {
            before += 1;
            continue;
        }
        let go_on = ", or end what else uses it and go on with `fmnist train --resume run";
        assert_failure(&run, 1, &[go_on]);
        midway += 1;
        assert_success(&output(on_few(cwd.path(), RESUME)));
        assert!(weights(cwd.path()) == expected, "piece {piece}");
    }
    println!("memory ran out before the training: {before} times, later: {midway}");
    assert!(before > 0 && midway > 0);
}

/// A driver that is reset, a GPU that is gone: found out when work is given to it, or waited for.
#[test]
fn a_lost_device_ends_the_run_at_its_last_checkpoint() {
    let undisturbed = folder();
    assert_success(&output(on_few(undisturbed.path(), TRAIN)));
    let expected = weights(undisturbed.path());
    let mut midway = 0;
    for (fault, at) in [("submit", 1), ("submit", 70), ("wait", 1), ("wait", 40)] {
        let cwd = folder();
        let run = with_fault(fault, at, on_few(cwd.path(), TRAIN));
        assert_failure(&run, 1, &["error: the GPU was lost (Device is lost) — "]);
        assert_eq!(stdout(&run), "");
        let history = History::read_csv(&cwd.path().join("run/history.csv"));
        let epochs = history.map_or(0, |history| history.records.len());
        println!("{fault} {at}: {epochs} epochs");
        if epochs > 0 {
            midway += 1;
            let parts =
                ["the last good checkpoints are in run; go on with `fmnist train --resume run"];
            assert_failure(&run, 1, &parts);
        }
        assert_success(&output(on_few(cwd.path(), RESUME)));
        assert!(weights(cwd.path()) == expected, "{fault} {at}");
    }
    assert!(midway > 0, "no epoch was over when the GPU was lost");
}

#[test]
fn an_evaluation_out_of_memory_tells_another_way() {
    let cwd = folder();
    let train = format!("{TRAIN} --model dense");
    assert_success(&output(on_few(cwd.path(), &train)));
    let draw = "data show --dataset synthetic --out picture.png";
    assert_success(&output(program(cwd.path(), draw)));
    for ask in [
        on_few(cwd.path(), "evaluate run --backend wgpu"),
        program(cwd.path(), "predict run picture.png --backend wgpu"),
    ] {
        let asked = with_fault("memory", 2, ask);
        let message = "error: the device ran out of memory — end what else uses it, or take \
                       --backend cpu";
        assert_failure(&asked, 1, &[message]);
        assert!(!stdout(&asked).contains('%'), "{}", stdout(&asked));
    }
}

#[test]
fn a_benchmark_out_of_memory_has_no_figures() {
    let bench = with_fault("memory", 3, program(folder().path(), BENCH));
    assert_failure(
        &bench,
        1,
        &["ran out of memory — use a --batch-size smaller than 128"],
    );
    assert_eq!(stdout(&bench), "");
}
