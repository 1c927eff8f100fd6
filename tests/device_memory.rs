//! What becomes of a run on a device without memory for it.

#![cfg(target_os = "linux")]

mod common;
mod process;

use std::path::Path;
use std::process::{Command, Output};

use fmnist::train::history::History;
use process::{
    assert_failure, assert_success, device_memory_faults, fmnist, folder, output, stdout,
};

const TRAIN: &str = "train --backend wgpu --recipe plain --samples 256 \
                     --validation 64 --batch-size 256 --epochs 2 --quiet --out run";
const RESUME: &str = "train --resume run --quiet";
const BENCH: &str = "bench --backend wgpu --steps 20";

/// `fmnist ARGS`.
fn program(cwd: &Path, args: &str) -> Command {
    fmnist(cwd, &args.split(' ').collect::<Vec<_>>())
}

/// `fmnist ARGS` where the device refuses each piece of memory from the `piece`th on.
fn without_memory(piece: usize, cwd: &Path, args: &str) -> Output {
    let mut command = program(cwd, args);
    command.env("LD_PRELOAD", device_memory_faults());
    command.env("FAULT_AT", piece.to_string());
    output(command)
}

fn weights(cwd: &Path) -> [Vec<u8>; 2] {
    ["dense", "cnn"].map(|model| {
        let path = cwd.join(format!("run/{model}/model.ckpt"));
        std::fs::read(path).expect("the model is there")
    })
}

/// Memory runs out at every place in turn: before training, while the first model trains, while the
/// second does when the first already has an epoch behind it. Worthless results are neither shown nor
/// saved, and what was saved goes on to where an undisturbed run ends.
#[test]
fn a_run_out_of_memory_saves_nothing_worthless_and_says_what_to_do() {
    let undisturbed = folder();
    assert_success(&output(program(undisturbed.path(), TRAIN)));
    let expected = weights(undisturbed.path());

    let (mut before, mut midway) = (0, 0);
    for piece in 2.. {
        let cwd = folder();
        let run = without_memory(piece, cwd.path(), TRAIN);
        if run.status.success() {
            assert!(weights(cwd.path()) == expected);
            break;
        }
        assert_eq!(stdout(&run), "");
        let history = History::read_csv(&cwd.path().join("run/history.csv"));
        if history.map_or(0, |history| history.records.len()) == 0 {
            let message = "error: --batch-size 256 is too large for this device — use a smaller \
                           one: the device ran out of memory";
            assert_failure(&run, 1, &[message]);
            before += 1;
            continue;
        }
        let parts = [
            "error: the device ran out of memory — the last good checkpoints are \
             run/dense/last.ckpt (epoch ",
            "go on with `fmnist train --resume run`, or train again with a smaller --batch-size",
        ];
        assert_failure(&run, 1, &parts);
        midway += 1;
        assert_success(&output(program(cwd.path(), RESUME)));
        assert!(weights(cwd.path()) == expected, "piece {piece}");
    }
    println!("memory ran out before the first epoch: {before} times, later: {midway}");
    assert!(before > 0 && midway > 0);
}

#[test]
fn an_evaluation_out_of_memory_tells_another_way() {
    let cwd = folder();
    assert_success(&output(program(
        cwd.path(),
        &format!("{TRAIN} --model dense"),
    )));
    let evaluate = "evaluate run --backend wgpu";
    let parts = [
        "error: end what else uses",
        "--backend cpu: the device ran out of memory",
    ];
    assert_failure(&without_memory(2, cwd.path(), evaluate), 1, &parts);
    let predict = "predict run picture.png --backend wgpu";
    let draw = "data show --dataset synthetic --out picture.png";
    assert_success(&output(program(cwd.path(), draw)));
    assert_failure(&without_memory(2, cwd.path(), predict), 1, &parts);
}

#[test]
fn a_benchmark_out_of_memory_has_no_figures() {
    let bench = without_memory(3, folder().path(), BENCH);
    assert_failure(&bench, 1, &["error: --batch-size 128 is too large"]);
    assert_eq!(stdout(&bench), "");
}
