//! `fmnist bench`: its figures, and the counting behind them.

mod common;

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{panic, thread};

use burn::Tensor;
use burn::tensor::{Device, TensorData};
use common::process::output;
use common::{cpu, data_dir, learner, plain, values, wgpu};
use fmnist::bench::ceilings::{ADDEND, FACTOR, GRANULE, ROUNDS, copy, multiply_add};
use fmnist::dataset::synthetic;
use fmnist::device::recorder::{operation, read_back, record, uploaded};
use fmnist::model::ModelKind;
use fmnist::train::{DeviceSplit, Tally};
use serde_json::Value;

/// A recording sees the whole process, so tests that record or launch take turns.
fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `fmnist ARGS` with the real data at hand.
fn fmnist(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fmnist"));
    command.args(args).env("FMNIST_DATA_DIR", data_dir());
    command
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("the program prints UTF-8")
}

/// What `fmnist bench --json` with these flags printed.
fn report(flags: &[&str]) -> Value {
    let _turn = alone();
    let args = [
        &["bench", "--recipe", "plain", "--batch-size", "4", "--json"],
        flags,
    ]
    .concat();
    let output = output(fmnist(&args));
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("stdout is one JSON object")
}

fn number(value: &Value, field: &str) -> f64 {
    value[field]
        .as_f64()
        .unwrap_or_else(|| panic!("{field} is {}", value[field]))
}

/// What holds on every backend. Speeds are positive; how large they are depends on what else the
/// machine does.
fn check(report: &Value, backend: &str, models: &[&str], steps: u64) {
    assert_eq!(report["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(report["backend"], backend);
    assert_eq!(report["dataset"], "Fashion-MNIST");
    assert_eq!(report["batch_size"], 4);
    assert!(!report["device"].as_str().expect("a name").is_empty());
    assert!(number(report, "threads") >= 1.0);
    for field in ["multiply_add_gflop_per_s", "copy_gb_per_s"] {
        assert!(number(&report["ceilings"], field) > 0.01, "{field}");
    }
    if cfg!(target_os = "linux") {
        // Less than the dataset it holds would be wrong, and more than this machine's, too.
        assert!((47e6..64e9).contains(&number(report, "peak_process_bytes")));
    }
    let measured: Vec<&str> = report["models"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|model| model["model"].as_str().expect("a name"))
        .collect();
    assert_eq!(measured, models);
    for model in report["models"].as_array().expect("a list") {
        assert_eq!(model["steps"], steps);
        let ms = &model["step_ms"];
        let spread = ["min", "lower_quartile", "median", "upper_quartile", "max"];
        let spread = spread.map(|field| number(ms, field));
        assert!(spread[0] > 0.0 && spread.is_sorted(), "{ms}");
        let seconds = spread[2] * 1e-3;
        assert_close(number(model, "images_per_s") * seconds, 4.0);
        for (rate, per_step) in [
            ("gflop_per_s", "gflop_per_step"),
            ("gb_per_s", "least_gb_per_step"),
        ] {
            assert_close(number(model, rate) * seconds, number(model, per_step));
        }
        let first = number(model, "first_step_s");
        let since_start = number(model, "first_step_since_process_start_s");
        assert!(first > 0.0);
        assert_close(since_start - first, number(report, "start_up_s"));

        let kernels = model["kernels"].as_array().expect("a list");
        let sum = |field: &str| kernels.iter().map(|kernel| number(kernel, field)).sum();
        assert_close(sum("share"), 1.0);
        assert_close(sum("ms_per_step"), number(model, "kernels_ms_per_step"));
        assert!(kernels.iter().all(|kernel| number(kernel, "share") >= 0.0));
        let names: Vec<&str> = kernels.iter().filter_map(|k| k["name"].as_str()).collect();
        for name in ["linear/forward", "linear/grad_weight", "cross_entropy/step"] {
            assert!(names.contains(&name), "{name} is missing in {names:?}");
        }
    }
}

fn assert_close(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-9 * b.abs().max(1.0), "{a} and {b}");
}

#[test]
fn cpu_report() {
    let report = report(&["--backend", "cpu", "--steps", "3"]);
    check(&report, "cpu", &["dense", "cnn"], 3);
    assert!(report["driver"].is_null());
    for model in report["models"].as_array().expect("a list") {
        assert_eq!(model["kernel_clock"], "host");
        for field in [
            "launches_per_step",
            "uploaded_bytes_per_step",
            "read_back_bytes_per_step",
            "enqueue_ms",
            "one_by_one_ms",
            "idle_share",
            "device_memory_bytes",
        ] {
            assert!(model[field].is_null(), "{field}");
        }
    }
    let [dense, cnn] = [&report["models"][0], &report["models"][1]];
    assert_eq!(dense["parameters"], 101_770);
    assert_eq!(cnn["parameters"], 421_642);
    // By hand: multiply-adds of four images, forward and backward.
    let dense_flop = 4.0 * 2.0 * (2.0 * 784.0 * 128.0 + 3.0 * 128.0 * 10.0);
    assert_close(number(dense, "gflop_per_step"), dense_flop * 1e-9);
    assert!(number(cnn, "gflop_per_step") > 20.0 * dense_flop * 1e-9);
}

#[test]
fn wgpu_report() {
    let report = report(&["--backend", "wgpu", "--steps", "2", "--model", "cnn"]);
    check(&report, "wgpu", &["cnn"], 2);
    assert!(!report["driver"].as_str().expect("a name").is_empty());
    let model = &report["models"][0];
    assert!(number(model, "enqueue_ms") > 0.0);
    assert!(number(model, "one_by_one_ms") > 0.0);
    assert!((0.0..1.0).contains(&number(model, "idle_share")));
    let launches = number(model, "launches_per_step");
    assert!((10.0..100.0).contains(&launches), "{launches}");
    let kernels = model["kernels"].as_array().expect("a list");
    let calls = kernels
        .iter()
        .map(|kernel| number(kernel, "calls_per_step"))
        .sum();
    assert_close(launches, calls);
    let names: Vec<&str> = kernels.iter().filter_map(|k| k["name"].as_str()).collect();
    // The steps that are measured are those of training.
    for name in ["conv_relu_pool/forward", "adamw/step", "tally/add"] {
        assert!(names.contains(&name), "{name} is missing in {names:?}");
    }
    // A kernel is called by its file, Burn's by their types.
    let shaders = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    for name in names.iter().filter(|name| !name.starts_with("Burn: ")) {
        assert!(shaders.join(format!("{name}.wgsl")).is_file(), "{name}");
    }
    assert!(number(model, "kernels_ms_per_step") > 0.0);
    assert!(number(model, "uploaded_bytes_per_step") > 0.0);
    let memory = &model["device_memory_bytes"];
    // Weights and their two moments at least.
    assert!(number(memory, "in_use") >= 3.0 * 4.0 * 421_642.0);
    assert!(number(memory, "reserved") >= number(memory, "in_use"));
}

#[test]
fn table_shows_the_models_side_by_side() {
    let _turn = alone();
    let args = ["bench", "--backend", "cpu", "--batch-size", "4"];
    let output = output(fmnist(&[&args[..], &["--steps", "1"]].concat()));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    for part in [
        "Fashion-MNIST, batches of 4",
        "dense",
        "cnn",
        "images per second",
        "first step",
        "of the ceiling",
        "conv_relu_pool/grad_input",
        "ceilings: ",
    ] {
        assert!(table.contains(part), "{part} is missing in\n{table}");
    }
    assert!(!table.contains("launches"), "the CPU has none");
    for line in table.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(text(&output.stderr).contains("backend cpu"));
}

#[test]
fn without_data_it_measures_on_drawings_and_downloads_nothing() {
    let _turn = alone();
    let cwd = tempfile::tempdir().expect("a temporary folder can be made");
    let cache = cwd.path().join("cache");
    let mut command = fmnist(&["bench", "--backend", "cpu", "--model", "dense", "--json"]);
    command
        .args(["--batch-size", "8", "--steps", "1"])
        .env_remove("FMNIST_DATA_DIR")
        .env("XDG_CACHE_HOME", &cache)
        .env("HOME", cwd.path())
        .current_dir(cwd.path());
    let output = output(command);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("stdout is JSON");
    assert_eq!(report["dataset"], synthetic::NAME);
    assert!(is_empty(cwd.path()), "nothing is left behind");
}

fn is_empty(folder: &Path) -> bool {
    let mut entries = std::fs::read_dir(folder).expect("the folder is there");
    entries.next().is_none()
}

#[test]
fn a_step_with_everything_in_it_has_few_launches() {
    let _turn = alone();
    let args = [
        "bench",
        "--backend",
        "wgpu",
        "--model",
        "cnn",
        "--recipe",
        "best",
    ];
    let output = output(fmnist(
        &[&args[..], &["--batch-size", "4", "--steps", "1", "--json"]].concat(),
    ));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report: Value = serde_json::from_slice(&output.stdout).expect("stdout is JSON");
    assert_eq!(report["recipe"], "best");
    let model = &report["models"][0];
    let launches = number(model, "launches_per_step");
    assert!((20.0..=40.0).contains(&launches), "{launches}");
    // No image travels: a batch is a few numbers, as is a step of the optimizer and of dropout. Each begins at a multiple
    // of 256 bytes.
    let uploaded = number(model, "uploaded_bytes_per_step");
    assert!((256.0..=1536.0).contains(&uploaded), "{uploaded}");
}

/// A step written down is what is launched when it is measured, less Burn's own kernels.
#[test]
fn a_step_is_written_down() {
    let _turn = alone();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("step.json");
    let path = path.to_str().expect("it is text");
    let step = [
        "bench",
        "--model",
        "cnn",
        "--recipe",
        "best",
        "--batch-size",
        "4",
    ];
    let dump = |more: &[&str]| -> Vec<Value> {
        let output = output(fmnist(&[&step[..], &["--dump-step", path], more].concat()));
        assert!(output.status.success(), "{}", text(&output.stderr));
        let bytes = std::fs::read(path).expect("it was written");
        let launches: Vec<Value> = serde_json::from_slice(&bytes).expect("it is JSON");
        let told = format!("saved {} launches to", launches.len());
        let stderr = text(&output.stderr);
        assert!(stderr.contains(&told), "{stderr}");
        launches
    };
    let kernels = |launches: &[Value]| -> Vec<String> {
        let names = launches.iter().map(|launch| launch["kernel"].as_str());
        names.map(|name| name.expect("a name").to_owned()).collect()
    };
    let discrete = dump(&[]);
    assert_eq!(discrete, dump(&["--adapter-class", "discrete"]));
    for (launches, loss, update) in [
        (&discrete, "linear_cross_entropy/rows", "adamw/step_of_sums"),
        (
            &dump(&["--adapter-class", "software"]),
            "cross_entropy/step",
            "adamw/step",
        ),
    ] {
        let kernels = kernels(launches);
        assert_eq!(kernels[0], "gather/batch");
        assert_eq!(kernels.last().map(String::as_str), Some(update));
        for kernel in ["conv_relu_pool/grad_input", "channel_norm/backward", loss] {
            assert!(kernels.iter().any(|name| name == kernel), "{kernels:?}");
        }
        for launch in launches {
            let wgsl = launch["wgsl"].as_str().expect("a text");
            assert!(wgsl.contains("fn main(") && !wgsl.contains("{{"), "{wgsl}");
            assert_eq!(launch["grid"].as_array().map(Vec::len), Some(3));
        }
    }
    // The plain net, by the two launches of each convolution forward, three of it backward, and so on.
    let plain = [&["--recipe", "plain"][..], &step[5..]].concat();
    let plain = [&step[..3], &plain, &["--dump-step", path]].concat();
    assert!(output(fmnist(&plain)).status.success());
    let bytes = std::fs::read(path).expect("it was written");
    let launches: Vec<Value> = serde_json::from_slice(&bytes).expect("it is JSON");
    assert_eq!(launches.len(), 12, "{:?}", kernels(&launches));

    let refused = |more: &[&str]| {
        let args = [&["bench", "--model", "cnn", "--dump-step", path], more].concat();
        let output = self::output(fmnist(&args));
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        text(&output.stderr).to_owned()
    };
    assert!(refused(&["--no-fused"]).contains("leave out --no-fused"));
    let large = refused(&["--widths", "8192,4", "--batch-size", "400"]);
    assert!(large.contains("use at most 334"), "{large}");
}

/// What `fmnist bench --until-accuracy` printed as JSON, for a dense model on few images.
fn until(accuracy: &str) -> Value {
    let _turn = alone();
    let args = [
        "bench",
        "--backend",
        "cpu",
        "--model",
        "dense",
        "--recipe",
        "plain",
    ];
    let flags = [
        "--samples",
        "3000",
        "--epochs",
        "3",
        "--runs",
        "2",
        "--seed",
        "8",
        "--json",
    ];
    let target = ["--until-accuracy", accuracy];
    let output = output(fmnist(&[&args[..], &flags, &target].concat()));
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("stdout is JSON")
}

#[test]
fn time_to_an_accuracy_is_that_of_the_runs_that_reach_it() {
    let reached = until("0.6");
    assert_eq!(reached["target"], 0.6);
    let model = &reached["models"][0];
    let runs = model["runs"].as_array().expect("a list");
    assert_eq!(
        runs.iter().map(|run| &run["seed"]).collect::<Vec<_>>(),
        [8, 9]
    );
    let seconds: Vec<f64> = runs.iter().map(|run| number(run, "seconds")).collect();
    for run in runs {
        assert!((1.0..=3.0).contains(&number(run, "epochs")));
        assert!(number(run, "best_accuracy") >= 0.6);
    }
    assert!(seconds.iter().all(|seconds| *seconds > 0.0));
    assert_close(
        number(&model["seconds"], "mean"),
        (seconds[0] + seconds[1]) / 2.0,
    );

    let never = until("1");
    let model = &never["models"][0];
    assert!(model["seconds"].is_null());
    for run in model["runs"].as_array().expect("a list") {
        assert!(run["seconds"].is_null());
        assert_eq!(run["epochs"], 3, "it gives up after its epochs");
    }
}

#[test]
fn help_names_the_flags() {
    let help = output(fmnist(&["bench", "--help"]));
    assert!(help.status.success());
    for flag in ["--model", "--batch-size", "--steps", "--json", "--device"] {
        assert!(text(&help.stdout).contains(flag), "{flag}");
    }
}

#[test]
fn wrong_usage_is_refused() {
    for (args, code, parts) in [
        (
            vec!["bench", "--steps", "0"],
            2,
            vec!["--steps", "at least 1"],
        ),
        (
            vec!["bench", "--batch-size", "x"],
            2,
            vec!["--batch-size", "whole number"],
        ),
        (vec!["bench", "--model", "vit"], 2, vec!["--model", "dense"]),
        (
            vec!["bench", "--until-accuracy", "92"],
            2,
            vec!["--until-accuracy", "0.92"],
        ),
        (vec!["bench", "--runs", "3"], 2, vec!["--until-accuracy"]),
        (
            vec!["bench", "--batch-size", "60001", "--backend", "cpu"],
            1,
            vec!["--batch-size 60001", "60000"],
        ),
    ] {
        let output = output(fmnist(&args));
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {stderr}");
        assert!(output.stdout.is_empty());
        for part in parts {
            assert!(stderr.contains(part), "{part:?} is missing in: {stderr}");
        }
    }
}

/// Counts what wgpu itself reports of its API, without this program's or CubeCL's help.
struct ApiLog;

static DISPATCHES: AtomicUsize = AtomicUsize::new(0);
static WRITES: AtomicUsize = AtomicUsize::new(0);

impl log::Log for ApiLog {
    fn enabled(&self, _: &log::Metadata) -> bool {
        true
    }

    fn log(&self, record: &log::Record) {
        if record.target().starts_with("wgpu_core") {
            let message = record.args().to_string();
            if message.starts_with("ComputePass::dispatch") {
                DISPATCHES.fetch_add(1, Ordering::Relaxed);
            } else if message == "Queue::write_buffer" {
                WRITES.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn flush(&self) {}
}

#[test]
fn only_what_happens_inside_is_recorded() {
    let _alone = alone();
    let pause = || {
        let _operation = operation("pause");
        thread::sleep(Duration::from_millis(2));
    };
    uploaded(1);
    pause();
    let (result, inside) = record(|| {
        uploaded(5);
        uploaded(2);
        read_back(3);
        pause();
        pause();
        "result"
    });
    assert_eq!(result, "result");
    assert_eq!((inside.uploaded_bytes, inside.read_back_bytes), (7, 3));
    assert_eq!(inside.calls(), 2);
    assert_eq!(inside.kernels.len(), 1);
    assert!(inside.kernels["pause"].seconds >= 4e-3);
    assert!(!inside.device_clock, "the host's clock timed it");

    let panicked = panic::catch_unwind(|| record(|| panic!("on purpose")));
    assert!(panicked.is_err());
    assert!(operation("after a panic").is_none());

    let ((), nothing) = record(|| ());
    assert!(nothing.kernels.is_empty());
    assert_eq!(nothing.uploaded_bytes, 0);
}

#[test]
fn every_launch_and_every_byte_of_a_step_is_counted() {
    const BATCH: usize = 8;
    let _turn = alone();
    let device = wgpu();
    let images = synthetic::split(0, synthetic::Part::Train, BATCH);
    let images = DeviceSplit::upload(images, &device);
    log::set_logger(&ApiLog).expect("no other logger is there");
    for kind in ModelKind::ALL {
        let mut learner = learner(&plain(&[kind], BATCH, 0), &images, &device);
        let mut tally = Tally::default();
        let batches = learner.batches(1);
        let mut step = || {
            let batch = batches.clone().next().expect("there are images");
            learner.step(&batch, 0, 1e-3, &mut tally);
            device.sync().expect("the device works");
        };
        step();
        step();

        DISPATCHES.store(0, Ordering::Relaxed);
        WRITES.store(0, Ordering::Relaxed);
        log::set_max_level(log::LevelFilter::Trace);
        let ((), record) = record(&mut step);
        log::set_max_level(log::LevelFilter::Off);
        assert_eq!(record.calls(), DISPATCHES.load(Ordering::Relaxed), "{kind}");
        assert!((10..=40).contains(&record.calls()), "{record:?}");
        assert_eq!(record.kernels["adamw/step"].calls, 1, "{kind}");
        assert_eq!(record.kernels["gather/batch"].calls, 1, "{kind}");
        // Words that say which batch and what becomes of it, and eight numbers for AdamW.
        assert_eq!(WRITES.load(Ordering::Relaxed), 2, "{kind}");
        assert_eq!(record.uploaded_bytes, (23 + 8) * 4, "{kind}");
        assert_eq!(record.read_back_bytes, 0, "{kind}");

        let (metrics, reading) = record_reading(&tally);
        assert!(metrics.is_finite());
        assert_eq!(reading, 3 * 4, "losses, correct predictions, finite losses");
    }
}

/// The loss in a tally, and the bytes that reading it took.
fn record_reading(tally: &Tally) -> (f64, usize) {
    let (metrics, record) = record(|| tally.read().expect("the device works"));
    (metrics.loss, record.read_back_bytes)
}

/// The operations behind the ceilings do what they are counted for.
fn ceilings_compute(device: &Device) {
    let _turn = alone();
    // More than one thread's share.
    let len = 70 * GRANULE;
    let start: Vec<f32> = (0..len).map(|i| (i % 1000) as f32 * 0.01 - 3.0).collect();
    let tensor = || Tensor::<1>::from_data(TensorData::new(start.clone(), [len]), device);

    let decay = f64::from(FACTOR).powi(ROUNDS as i32);
    let fixed_point = f64::from(ADDEND) / (1.0 - f64::from(FACTOR));
    for (x, y) in start.iter().zip(values(multiply_add(tensor()))) {
        let expected = fixed_point + (f64::from(*x) - fixed_point) * decay;
        let error = (f64::from(y) - expected).abs();
        assert!(error < 1e-4, "{x} became {y}, not {expected}");
    }

    let kept = tensor();
    let copied = copy(kept.clone(), Tensor::zeros([len], device));
    assert_eq!(values(copied), start);
    assert_eq!(values(kept), start, "the source stays as it is");
}

#[test]
fn ceilings_compute_on_cpu() {
    ceilings_compute(&cpu());
}

#[test]
fn ceilings_compute_on_wgpu() {
    ceilings_compute(&wgpu());
}
