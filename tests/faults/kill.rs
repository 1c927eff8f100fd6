//! A run that is killed, wherever it is, goes on to the very result it would have had.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::common::process::{assert_success, few_images, fmnist, folder, json, stderr};
use crate::common::sample::{self, all, places};
use fmnist::run::checkpoint::Checkpoint;
use fmnist::train::history::History;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

// The best recipe has all that a checkpoint must restore: dropout too.
const CPU: &str = "--backend cpu --samples 700 --epochs 3 --batch-size 50";
const DENSE_CPU: &str = "--backend cpu --samples 700 --epochs 2 --batch-size 50 --model dense";
const WGPU: &str = "--backend wgpu --samples 200 --epochs 2 --batch-size 20 --model dense";

/// A run in a folder `run` of its own.
struct Run {
    args: &'static str,
    cwd: tempfile::TempDir,
}

impl Run {
    fn new(args: &'static str) -> Self {
        Self {
            args,
            cwd: folder(),
        }
    }

    fn path(&self) -> PathBuf {
        self.cwd.path().join("run")
    }

    /// The command that a user would give now: to begin, or to go on.
    fn command(&self, threads: usize, checkpoint_minutes: &str) -> Command {
        let resume = self.path().join("config.json").exists();
        if !resume && self.path().exists() {
            // Killed before there was anything to lose.
            assert!(fs::read_dir(self.path()).expect("a folder").count() <= 2);
            fs::remove_dir_all(self.path()).expect("it can be removed");
        }
        let which = if resume { "--resume" } else { "--out" };
        let threads = threads.to_string();
        let mut command = fmnist(self.cwd.path(), &["train", "--recipe", "best"]);
        command.arg("--data-dir").arg(few_images());
        command.args(self.args.split(' '));
        command.args(["--checkpoint-minutes", checkpoint_minutes]);
        command.args(["--threads", &threads, which, "run"]);
        command
    }

    fn finish(&self) -> Output {
        let mut command = self.command(2, "5");
        command.output().expect("the program can be started")
    }

    /// Everything that the run came to, without what a clock measured.
    fn result(&self) -> BTreeMap<String, Vec<u8>> {
        let path = self.path();
        let mut result = BTreeMap::new();
        let mut history = History::read_csv(&path.join("history.csv")).expect("a history");
        history.records.iter_mut().for_each(|r| r.seconds = 0.0);
        result.insert("history.csv".into(), format!("{history:?}").into());
        let mut summary = json(&path.join("summary.json"));
        let mut config = json(&path.join("config.json"));
        // Its name tells the number of threads.
        summary["device"].take();
        config["device"].take();
        for model in summary["models"]
            .as_object_mut()
            .expect("models")
            .values_mut()
        {
            model["seconds_per_epoch"] = 0.into();
            model["total_seconds"] = 0.into();
        }
        result.insert("summary.json".into(), summary.to_string().into());
        result.insert("config.json".into(), config.to_string().into());
        let evaluation = fs::read(path.join("evaluation.json")).expect("it is there");
        result.insert("evaluation.json".into(), evaluation);
        for model in ["dense", "cnn"].map(|model| path.join(model)) {
            for name in ["model.ckpt", "best.ckpt", "probabilities.npy"] {
                if let Ok(bytes) = fs::read(model.join(name)) {
                    result.insert(
                        model
                            .join(name)
                            .strip_prefix(&path)
                            .unwrap()
                            .display()
                            .to_string(),
                        bytes,
                    );
                }
            }
            if let Some(checkpoint) = checkpoint(&model.join("last.ckpt")) {
                let state = checkpoint.state;
                let text = format!("{:?} {:?}", state.weights, state.optimizer);
                result.insert(format!("{} checkpoint", checkpoint.run.model), text.into());
            }
        }
        result
    }

    /// What is in the folder is whole, whenever the process died.
    fn assert_whole(&self) {
        for model in ["dense", "cnn"] {
            checkpoint(&self.path().join(model).join("last.ckpt"));
        }
        let history = self.path().join("history.csv");
        if history.exists() {
            History::read_csv(&history).expect("the history is whole");
        }
    }
}

/// Reads a checkpoint, which must be whole if it is there.
fn checkpoint(path: &Path) -> Option<Checkpoint> {
    let bytes = fs::read(path).ok()?;
    Some(Checkpoint::decode(&bytes).expect("the checkpoint is whole"))
}

fn assert_same(run: &Run, expected: &BTreeMap<String, Vec<u8>>) {
    let result = run.result();
    assert!(result.keys().eq(expected.keys()), "{:?}", result.keys());
    for (name, bytes) in expected {
        assert!(result[name] == *bytes, "{name} differs");
    }
    let left = fs::read_dir(run.path()).expect("a folder");
    for entry in left {
        let name = entry.expect("an entry").file_name();
        assert!(
            !name.to_string_lossy().contains("unfinished"),
            "{name:?} is left"
        );
    }
}

/// Kills runs at random instants, so many times in all, and lets each go on until it is done.
fn kill_at_random(args: &'static str, kills: usize) {
    let reference = Run::new(args);
    let started = Instant::now();
    assert_success(&reference.finish());
    let length = started.elapsed();
    let expected = reference.result();

    let seed = sample::seed();
    println!("FMNIST_TEST_SEED={seed}");
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let (mut killed, mut finished) = (0, 0);
    while killed < kills {
        let run = Run::new(args);
        // On a machine that has become slower since, no attempt might otherwise last to the end.
        let mut patience = 1.0;
        loop {
            let mut command = run.command(random.random_range(1..4), "0.0002");
            command.stdout(Stdio::null()).stderr(Stdio::null());
            let mut child = command.spawn().expect("the program can be started");
            sleep(Duration::from_secs_f64(
                patience * length.as_secs_f64() * random.random_range(0.0..0.9),
            ));
            if let Some(status) = child.try_wait().expect("it is a child") {
                assert!(status.success(), "{status}");
                break;
            }
            child.kill().expect("it can be killed");
            child.wait().expect("it ends");
            killed += 1;
            patience *= 1.05;
            run.assert_whole();
        }
        assert_same(&run, &expected);
        finished += 1;
    }
    println!("{killed} kills in {finished} runs, each of which ended as if there had been none");
}

#[test]
fn kills_at_random_instants_change_nothing() {
    kill_at_random(CPU, if all() { 50 } else { 8 });
}

#[test]
fn kills_change_nothing_on_a_gpu_either() {
    kill_at_random(WGPU, if all() { 6 } else { 3 });
}

/// Lets `fault` strike at changes to the file system, each `every`th on average; `check` sees the
/// process's end. Returns how many changes there are, at least.
#[cfg(target_os = "linux")]
fn strike(fault: &str, every: usize, check: impl Fn(&Run, &Output)) -> usize {
    let reference = Run::new(DENSE_CPU);
    assert_success(&reference.finish());
    let expected = reference.result();
    let mut last = 0;
    for at in places(1, every) {
        let run = Run::new(DENSE_CPU);
        let mut command = run.command(2, "5");
        command
            .env("LD_PRELOAD", crate::common::process::file_system_faults())
            .env("FAULT", fault)
            .env("FAULT_AT", at.to_string());
        let output = command.output().expect("the program can be started");
        if output.status.success() {
            assert_same(&run, &expected);
            return last;
        }
        check(&run, &output);
        last = at;
        run.assert_whole();
        let resumed = run.finish();
        assert!(
            resumed.status.success(),
            "after change {at}: {}",
            stderr(&resumed)
        );
        assert_same(&run, &expected);
    }
    unreachable!("the program ends")
}

#[cfg(target_os = "linux")]
#[test]
fn a_kill_at_any_change_to_the_file_system_changes_nothing() {
    use std::os::unix::process::ExitStatusExt;
    let changes = strike("kill", 7, |_, output| {
        assert_eq!(output.status.signal(), Some(9), "{}", stderr(output));
    });
    println!("killed at places among at least {changes} changes");
    assert!(changes > 30, "{changes} are too few to be all");
}

#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_is_full_from_any_change_on_costs_nothing() {
    let changes = strike("full", 14, |run, output| {
        let message = stderr(output);
        assert_eq!(output.status.code(), Some(1), "{message}");
        assert!(!message.contains("panicked"), "{message}");
        assert!(message.contains("No space left on device"), "{message}");
        let kept = run.path().join("dense/last.ckpt").exists();
        let training = message.contains("last good checkpoint");
        assert!(!training || kept, "{message}");
    });
    println!("failed at places among at least {changes} changes");
}
