//! The program as its user runs it: real processes, their output and exit codes.

use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::common::process::{
    assert_failure, assert_success, fmnist, folder, json, output, stderr, stdout,
};

const SHORT: [&str; 8] = [
    "train",
    "--backend",
    "cpu",
    "--samples",
    "640",
    "--epochs",
    "2",
    "--out",
];

fn short_run(cwd: &Path, out: &str, more: &[&str]) -> Output {
    output(fmnist(cwd, &[&SHORT[..], &[out], more].concat()))
}

#[test]
fn help_names_every_command_and_flag() {
    let cwd = folder();
    let help = output(fmnist(cwd.path(), &["--help"]));
    assert_success(&help);
    for command in [
        "train",
        "evaluate",
        "predict",
        "report",
        "export",
        "web",
        "bench",
        "data",
        "devices",
        "completions",
        "man",
        "--backend",
    ] {
        assert!(stdout(&help).contains(command), "{command}");
    }
    let help = output(fmnist(cwd.path(), &["train", "--help"]));
    assert_success(&help);
    for flag in [
        "--model",
        "--epochs",
        "--batch-size",
        "--learning-rate",
        "--samples",
        "--validation",
        "--out",
        "--seed",
        "--quiet",
        "--dataset",
        "--data-dir",
        "--no-fused",
        "--device",
        "--threads",
    ] {
        assert!(stdout(&help).contains(flag), "{flag}");
    }
}

#[test]
fn wrong_usage_is_refused_with_exit_code_2() {
    let cwd = folder();
    for (args, parts) in [
        (
            vec!["train", "--epochs", "0"],
            vec!["--epochs", "at least 1"],
        ),
        (vec!["train", "--batch-size", "many"], vec!["--batch-size"]),
        (
            vec!["train", "--validation", "0"],
            vec!["--validation", "at least 1"],
        ),
        (
            vec!["train", "--learning-rate", "-1"],
            vec!["--learning-rate"],
        ),
        (
            vec!["train", "--learning-rate", "nan"],
            vec!["--learning-rate"],
        ),
        (vec!["train", "--model", "vit"], vec!["--model", "dense"]),
        (
            vec!["--backend", "cuda", "train"],
            vec!["--backend", "wgpu"],
        ),
        (vec!["train", "--sedd", "1"], vec!["--sedd", "--seed"]),
    ] {
        assert_failure(&output(fmnist(cwd.path(), &args)), 2, &parts);
    }
}

#[test]
fn a_run_leaves_its_folder_and_evaluate_reproduces_it() {
    let cwd = folder();
    let run = short_run(cwd.path(), "run", &[]);
    assert_success(&run);
    let path = cwd.path().join("run");

    let history = std::fs::read_to_string(path.join("history.csv")).expect("history.csv is there");
    let mut lines = history.lines();
    assert_eq!(
        lines.next(),
        Some("model,epoch,train_loss,train_accuracy,validation_loss,validation_accuracy,seconds")
    );
    assert_eq!(lines.count(), 4, "two models, two epochs");

    let config = json(&path.join("config.json"));
    assert_eq!(config["dataset"], "Fashion-MNIST");
    assert_eq!(config["samples"], 640);
    assert_eq!(config["validation"], 5000);
    assert_eq!(config["kernels"], "fused");

    let summary = json(&path.join("summary.json"));
    assert_eq!(summary["dataset"], "Fashion-MNIST");
    assert_eq!(summary["backend"], "cpu");
    assert_eq!(summary["seed"], 0);
    for (model, parameters) in [("dense", 535_818), ("cnn", 421_642)] {
        let model = &summary["models"][model];
        assert_eq!(model["parameters"], parameters);
        for accuracy in ["train_accuracy", "validation_accuracy", "test_accuracy"] {
            let value = model[accuracy].as_f64().expect("accuracies are numbers");
            assert!((0.1..=1.0).contains(&value), "{accuracy} is {value}");
        }
        assert!(model["test_loss"].as_f64().expect("a number") > 0.0);
        assert!(model["seconds_per_epoch"].as_f64().expect("a number") > 0.0);
    }
    for picture in ["accuracy.png", "loss.png"] {
        let png = std::fs::read(path.join(picture)).expect("the curves are drawn");
        assert!(png.starts_with(b"\x89PNG"), "{picture} is a PNG");
    }
    let table = stdout(&run);
    for part in ["dense", "cnn", "421,642", "test accuracy", "Fashion-MNIST"] {
        assert!(table.contains(part), "{part} is missing in {table}");
    }

    let evaluated = output(fmnist(cwd.path(), &["evaluate", "run"]));
    assert_success(&evaluated);
    let text = stdout(&evaluated);
    assert_eq!(text.matches("as in summary.json").count(), 2, "{text}");
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_seed_another() {
    let cwd = folder();
    for (out, seed) in [("a", "3"), ("b", "3"), ("c", "4")] {
        assert_success(&short_run(cwd.path(), out, &["--seed", seed, "--quiet"]));
    }
    let losses = |run: &str| -> Vec<f64> {
        let summary = json(&cwd.path().join(run).join("summary.json"));
        ["dense", "cnn"]
            .map(|model| summary["models"][model]["test_loss"].as_f64())
            .map(|loss| loss.expect("a number"))
            .to_vec()
    };
    assert_eq!(losses("a"), losses("b"));
    assert_ne!(losses("a"), losses("c"));
}

#[test]
fn output_that_is_no_terminal_has_one_plain_line_per_epoch() {
    let cwd = folder();
    let run = short_run(cwd.path(), "run", &[]);
    let log = stderr(&run);
    assert!(!log.contains('\u{1b}') && !log.contains('\r'), "{log:?}");
    assert_eq!(log.matches("train loss").count(), 4, "{log}");

    let quiet = short_run(cwd.path(), "quiet", &["--quiet"]);
    assert!(!stderr(&quiet).contains("train loss"));
    assert!(stdout(&quiet).contains("test accuracy"));
}

#[test]
fn an_existing_run_folder_is_never_overwritten() {
    let cwd = folder();
    let path = cwd.path().join("mine");
    std::fs::create_dir(&path).expect("a folder can be made");
    std::fs::write(path.join("precious"), "data").expect("a file can be written");
    let run = short_run(cwd.path(), "mine", &[]);
    assert_failure(&run, 1, &["mine", "exists already", "--out"]);
    let names: Vec<_> = std::fs::read_dir(&path).expect("it is there").collect();
    assert_eq!(names.len(), 1);
}

#[test]
fn missing_data_is_an_error_that_names_the_folder() {
    let cwd = folder();
    std::fs::create_dir(cwd.path().join("empty")).expect("a folder can be made");
    for args in [
        vec!["train", "--data-dir", "empty"],
        vec!["train", "--data-dir", "nowhere"],
        vec!["train", "--dataset", "fashion-mnist", "--data-dir", "empty"],
    ] {
        let run = output(fmnist(cwd.path(), &args));
        let folder = args[args.len() - 1];
        let expected = match folder {
            "empty" => "train-images-idx3-ubyte",
            _ => "name a folder that is there",
        };
        assert_failure(&run, 1, &[folder, expected]);
    }
    assert!(!cwd.path().join("runs").exists(), "no run folder is made");
}

#[test]
fn more_images_than_there_are_is_an_error() {
    let cwd = folder();
    for (flags, parts) in [
        (vec!["--samples", "55001"], ["--samples 55001", "55000"]),
        (
            vec!["--validation", "59000", "--samples", "1001"],
            ["--samples 1001", "1000"],
        ),
        (
            vec!["--validation", "60000"],
            ["--validation 60000", "60000"],
        ),
    ] {
        let run = output(fmnist(cwd.path(), &[vec!["train"], flags].concat()));
        assert_failure(&run, 1, &parts);
    }
}

#[test]
fn the_stand_in_is_named_wherever_results_are() {
    let cwd = folder();
    let run = short_run(
        cwd.path(),
        "run",
        &["--model", "dense", "--dataset", "synthetic"],
    );
    assert_success(&run);
    let name = fmnist::dataset::synthetic::NAME;
    assert!(stdout(&run).contains(name));
    let path = cwd.path().join("run");
    assert_eq!(json(&path.join("summary.json"))["dataset"], name);
    assert_eq!(json(&path.join("config.json"))["dataset"], name);
    // `evaluate` finds the dataset by the run's own record, not by what lies around.
    let evaluated = output(fmnist(cwd.path(), &["evaluate", "run"]));
    assert_success(&evaluated);
    assert!(stdout(&evaluated).contains(name));
    assert!(stdout(&evaluated).contains("as in summary.json"));
}

#[test]
fn without_any_adapter_wgpu_says_what_to_do_and_auto_uses_the_cpu() {
    let cwd = folder();
    let hidden = |args: &[&str]| {
        let mut command = fmnist(cwd.path(), args);
        command
            .env("VK_ICD_FILENAMES", "/nonexistent")
            .env("VK_DRIVER_FILES", "/nonexistent")
            .env("__EGL_VENDOR_LIBRARY_FILENAMES", "/nonexistent");
        output(command)
    };
    let train = [
        "train",
        "--model",
        "dense",
        "--samples",
        "256",
        "--epochs",
        "1",
    ];
    let wgpu = hidden(&[&["--backend", "wgpu"], &train[..]].concat());
    assert_failure(&wgpu, 1, &["no GPU adapter", "driver", "--backend cpu"]);
    assert!(!cwd.path().join("runs").exists(), "no run folder is made");

    let auto = hidden(&train);
    assert_success(&auto);
    assert!(stderr(&auto).contains("backend cpu"), "{}", stderr(&auto));
    assert!(stderr(&auto).contains("no GPU adapter found"));

    let devices = hidden(&["devices"]);
    assert_success(&devices);
    assert!(stdout(&devices).contains("no GPU adapter found"));
}

#[test]
fn the_backend_may_stand_before_the_command_and_the_run_records_it() {
    let cwd = folder();
    let args = [
        "--backend",
        "wgpu",
        "train",
        "--model",
        "cnn",
        "--widths",
        "4,4", // a GPU of software sees all test images
        "--cnn-hidden",
        "8",
        "--samples",
        "64",
        "--epochs",
        "1",
        "--out",
        "run",
    ];
    let run = output(fmnist(cwd.path(), &args));
    assert_success(&run);
    let summary = json(&cwd.path().join("run/summary.json"));
    assert_eq!(summary["backend"], "wgpu");
    let evaluated = output(fmnist(cwd.path(), &["evaluate", "run"]));
    assert_success(&evaluated);
    assert!(stdout(&evaluated).contains("as in summary.json"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_batch_too_large_for_the_machine_is_refused_by_name() {
    let cwd = folder();
    let args = "train --backend cpu --model cnn --widths 8192,1 --batch-size 55000 --out run";
    let refused = output(fmnist(cwd.path(), &args.split(' ').collect::<Vec<_>>()));
    let parts = ["--batch-size 55000", "can hold — use at most "];
    assert_failure(&refused, 1, &parts);
    assert!(!cwd.path().join("run").exists());
}

#[test]
fn a_device_that_is_not_there_is_refused() {
    let cwd = folder();
    // A number beyond the list is a whole word of a name, not a digit of it; a blank is no part.
    for wanted in ["nosuchgpu", "5", "", " "] {
        let run = output(fmnist(cwd.path(), &["train", "--device", wanted]));
        let named = format!("--device {wanted}");
        assert_failure(&run, 1, &[&named, "fmnist devices"]);
    }
    let run = output(fmnist(
        cwd.path(),
        &["train", "--device", "0", "--backend", "cpu"],
    ));
    assert_failure(&run, 1, &["--device 0", "--backend"]);
}

#[test]
fn a_batch_too_large_for_the_device_is_refused_by_name() {
    let cwd = folder();
    let run = output(fmnist(
        cwd.path(),
        &["--backend", "wgpu", "train", "--batch-size", "1000000"],
    ));
    assert_failure(&run, 1, &["--batch-size 1000000", "use at most"]);
    assert!(!cwd.path().join("runs").exists(), "no run folder is made");
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let cwd = folder();
    let run = |threads: &str| {
        let more = ["--threads", threads, "--batch-size", "25"];
        assert_success(&short_run(cwd.path(), threads, &more));
        ["dense", "cnn"].map(|model| {
            let file = cwd.path().join(threads).join(model).join("model.ckpt");
            std::fs::read(file).expect("the model was saved")
        })
    };
    // 52 steps; the files hold nothing but the weights and their names.
    let one = run("1");
    assert!(one == run("2") && one == run("4"), "the weights differ");
}

#[test]
fn more_threads_than_can_run_are_warned_about() {
    let cwd = folder();
    let cores = std::thread::available_parallelism().expect("the system tells");
    let more = (cores.get() + 1).to_string();
    let warning = format!("warning: --threads {more}: only {cores} can run at once here");
    let run = short_run(cwd.path(), "more", &["--threads", &more]);
    assert_success(&run);
    assert!(stderr(&run).contains(&warning), "{}", stderr(&run));
    let run = short_run(cwd.path(), "all", &["--threads", &cores.to_string()]);
    assert!(!stderr(&run).contains("warning: "), "{}", stderr(&run));
}

#[test]
fn times_beyond_all_clocks_are_never_over() {
    let cwd = folder();
    for minutes in ["1e300", "1e-300"] {
        assert_success(&short_run(
            cwd.path(),
            minutes,
            &["--checkpoint-minutes", minutes],
        ));
    }
}

#[test]
fn single_things_are_no_plurals() {
    let cwd = folder();
    let one = ["--epochs", "1", "--model", "dense", "--runs", "1"];
    let args = [
        "train",
        "--backend",
        "cpu",
        "--samples",
        "1",
        "--validation",
        "1",
    ];
    let args = [
        &args[..],
        &one,
        &["--batch-size", "1", "--threads", "1", "--out", "run"],
    ]
    .concat();
    let run = output(fmnist(cwd.path(), &args));
    assert_success(&run);
    let evaluated = output(fmnist(cwd.path(), &["evaluate", "run"]));
    let nothing = output(fmnist(cwd.path(), &["predict", "run", "nothing.png"]));
    let html = std::fs::read_to_string(cwd.path().join("run/report.html")).expect("a report");
    let html = html
        .split("<script")
        .next()
        .expect("what a reader sees")
        .to_string();
    let all = [&run, &evaluated, &nothing].map(|output| stdout(output) + &stderr(output));
    for text in all.into_iter().chain([html]) {
        // What stands before the number may be one of its digits.
        let words: Vec<&str> = text.split([' ', '\n', '>', '(']).collect();
        for pair in words.windows(3).filter(|pair| pair[0] == "1") {
            for word in [pair[1], pair[2]] {
                let counted = ["images", "epochs", "runs", "threads", "pictures", "times"];
                let plural = counted.iter().any(|counted| word.starts_with(counted));
                assert!(!plural, "1 {} {}", pair[1], pair[2]);
            }
        }
    }
    assert!(stderr(&run).contains("1 image to train on, 1 to validate, 10,000 to test"));
    assert!(stderr(&nothing).contains("1 of 1 picture could not be used"));
}

#[test]
fn evaluate_refuses_what_is_no_run() {
    let cwd = folder();
    let nothing = output(fmnist(cwd.path(), &["evaluate", "nowhere"]));
    assert_failure(&nothing, 1, &["nowhere", "config.json"]);

    assert_success(&short_run(cwd.path(), "run", &["--model", "dense"]));
    let model = cwd.path().join("run/dense/model.ckpt");
    let bytes = std::fs::read(&model).expect("the model was saved");
    for (damaged, what) in [
        (bytes[..bytes.len() / 2].to_vec(), "cut off"),
        (b"not a model".to_vec(), "something else"),
    ] {
        std::fs::write(&model, damaged).expect("the file can be written");
        let evaluated = output(fmnist(cwd.path(), &["evaluate", "run"]));
        assert_failure(&evaluated, 1, &["model.ckpt"]);
        println!("{what}: {}", stderr(&evaluated));
    }
    // Weights of another model, in a file that is whole.
    std::fs::write(&model, &bytes).expect("the file can be written");
    let cnn = short_run(cwd.path(), "other", &["--model", "cnn"]);
    assert_success(&cnn);
    std::fs::copy(cwd.path().join("other/cnn/model.ckpt"), &model).expect("it can be copied");
    let evaluated = output(fmnist(cwd.path(), &["evaluate", "run"]));
    assert_failure(&evaluated, 1, &["model.ckpt", "dense"]);
    std::fs::write(cwd.path().join("run/config.json"), "{}").expect("the file can be written");
    let evaluated = output(fmnist(cwd.path(), &["evaluate", "run"]));
    assert_failure(&evaluated, 1, &["config.json"]);
}

#[test]
fn a_reader_who_has_gone_stops_no_training() {
    let cwd = folder();
    let mut command = fmnist(cwd.path(), &[&SHORT[..], &["run"]].concat());
    let (reader, writer) = std::io::pipe().expect("a pipe can be made");
    drop(reader);
    let writer_too = writer.try_clone().expect("it can be shared");
    let status = command.stdout(writer).stderr(writer_too).status();
    assert!(status.expect("the program can be started").success());
    assert!(cwd.path().join("run/summary.json").is_file());
}

#[test]
fn data_is_verified_where_it_is_looked_for() {
    let cwd = folder();
    let verified = output(fmnist(cwd.path(), &["data", "verify"]));
    assert_success(&verified);
    assert_eq!(stdout(&verified).matches("ok ").count(), 4);
    let fetched = output(fmnist(cwd.path(), &["data", "fetch"]));
    assert_success(&fetched);
    assert!(stdout(&fetched).contains("complete"), "nothing was missing");
}

#[test]
fn names_of_folders_reach_the_terminal_without_control_characters() {
    let cwd = folder();
    let dir = cwd.path().join("a\u{1b}[31m\u{202e}b");
    std::fs::create_dir(&dir).expect("a folder can be made");
    for entry in std::fs::read_dir(crate::common::data_dir()).expect("it is there") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|extension| extension == "gz") {
            let to = dir.join(path.file_name().expect("a file"));
            std::fs::copy(path, to).expect("it can be copied");
        }
    }
    // Warned about as changed.
    let labels = dir.join("t10k-labels-idx1-ubyte.gz");
    let changed = [&[0, 0, 8, 1, 0, 0, 0x27, 0x10][..], &[1; 10_000]].concat();
    std::fs::write(labels, changed).expect("it can be written");
    let name = dir.file_name().and_then(|name| name.to_str());
    let name = name.expect("it is UTF-8");
    for args in [
        &["data", "verify", "--data-dir", name][..],
        &["data", "show", "--data-dir", name, "--out", "\u{1b}[1m.png"],
        &["data", "fetch", "--data-dir", name],
    ] {
        let run = output(fmnist(cwd.path(), args));
        let printed = stdout(&run) + &stderr(&run);
        assert!(!printed.contains(['\u{1b}', '\u{202e}']), "{printed:?}");
        assert!(printed.contains("a [31m b"), "{printed:?}");
    }
}

#[test]
fn samples_are_drawn_as_they_are_and_augmented() {
    let cwd = folder();
    let draw = |name: &str, flags: &[&str]| {
        let args = ["data", "show", "--dataset", "synthetic", "--out", name];
        assert_success(&output(fmnist(cwd.path(), &[&args, flags].concat())));
        std::fs::read(cwd.path().join(name)).expect("there is a picture")
    };
    let plain = draw("plain.png", &[]);
    let augmented = draw("augmented.png", &["--augment"]);
    assert!(plain != augmented);
    assert!(plain == draw("plain-again.png", &[]));
    assert!(augmented == draw("augmented-again.png", &["--augment"]));
    assert!(augmented != draw("others.png", &["--augment", "--seed", "1"]));
}

#[test]
fn a_report_is_written_by_train_and_of_runs_that_were_moved() {
    let cwd = folder();
    for (run, more) in [
        ("a", &["--seed", "1"][..]),
        ("b", &["--seed", "2", "--model", "cnn"]),
    ] {
        assert_success(&short_run(cwd.path(), run, more));
        assert!(cwd.path().join(run).join("report.html").is_file());
    }
    // The one model of a run need not be named.
    let export = ["export", "b", "--format", "onnx", "--out", "b.onnx"];
    assert_success(&output(fmnist(cwd.path(), &export)));
    std::fs::create_dir(cwd.path().join("moved")).expect("a folder can be made");
    for run in ["a", "b"] {
        let to = cwd.path().join("moved").join(run);
        std::fs::rename(cwd.path().join(run), to).expect("it can be moved");
    }
    // Neither a dataset nor a device is needed.
    let args = ["report", "moved/a", "moved/b", "--out", "both.html"];
    let mut report = fmnist(cwd.path(), &args);
    report.env("FMNIST_DATA_DIR", "/nonexistent");
    assert_success(&output(report));
    let mut evaluate = fmnist(cwd.path(), &["evaluate", "moved/a"]);
    evaluate.env("FMNIST_DATA_DIR", "/nonexistent");
    let evaluated = output(evaluate);
    assert_success(&evaluated);
    assert_eq!(stdout(&evaluated).matches("as in summary.json").count(), 2);
    let html = std::fs::read_to_string(cwd.path().join("both.html")).expect("it is there");
    assert!(html.contains("2 runs compared"), "{}", &html[..500]);

    #[cfg(unix)]
    report_goes_where_a_link_leads_but_replaces_no_pipe(cwd.path(), "moved/a");

    std::fs::remove_file(cwd.path().join("moved/a/evaluation.json")).expect("it was written");
    let unfinished = output(fmnist(cwd.path(), &["report", "moved/a"]));
    assert_failure(
        &unfinished,
        1,
        &["moved/a cannot be reported", "--resume", "evaluation.json"],
    );
}

#[cfg(unix)]
fn report_goes_where_a_link_leads_but_replaces_no_pipe(cwd: &Path, run: &str) {
    use std::os::unix::fs::{FileTypeExt, symlink};
    use std::process::Command;

    let report = |out| output(fmnist(cwd, &["report", run, "--out", out]));
    std::fs::write(cwd.join("old.html"), "old").expect("a file can be written");
    symlink("old.html", cwd.join("link.html")).expect("a link");
    assert_success(&report("link.html"));
    assert!(cwd.join("link.html").is_symlink());
    let html = std::fs::read(cwd.join("old.html")).expect("it is there");
    assert!(html.starts_with(b"<!doctype html>"));

    let made = Command::new("mkfifo").arg(cwd.join("pipe")).status();
    assert!(made.expect("there is mkfifo").success());
    symlink("pipe", cwd.join("link-to-pipe")).expect("a link");
    for out in ["pipe", "link-to-pipe"] {
        assert_failure(&report(out), 1, &["pipe is not a file", "another name"]);
    }
    assert!(cwd.join("link-to-pipe").is_symlink());
    let pipe = std::fs::symlink_metadata(cwd.join("pipe")).expect("it is there");
    assert!(pipe.file_type().is_fifo());
}

#[test]
fn a_log_for_programs_has_an_object_on_each_line() {
    let cwd = folder();
    let run = short_run(cwd.path(), "run", &["--log-format", "json"]);
    assert_success(&run);
    let lines = stdout(&run);
    let events: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("each line is JSON"))
        .collect();
    let names: Vec<&str> = events
        .iter()
        .map(|e| e["event"].as_str().expect("a name"))
        .collect();
    assert_eq!(
        names,
        ["run", "epoch", "epoch", "epoch", "epoch", "summary"]
    );
    assert_eq!(events[0]["batch_size"], 128);
    let path = cwd.path().join("run");
    let history = std::fs::read_to_string(path.join("history.csv")).expect("it is there");
    for (event, line) in events[1..5].iter().zip(history.lines().skip(1)) {
        let loss = event["validation_loss"].to_string();
        assert!(line.contains(&loss), "{loss} is not in {line}");
    }
    let accuracy = &json(&path.join("summary.json"))["models"]["cnn"]["test_accuracy"];
    assert_eq!(events[5]["models"]["cnn"]["test_accuracy"], *accuracy);
}

/// Those of runs side by side come by turns, and each says whose it is.
#[test]
fn a_log_for_programs_tells_runs_apart_by_their_seeds() {
    let cwd = folder();
    let args = ["--log-format", "json", "--runs", "2", "--threads", "2"];
    let run = short_run(cwd.path(), "run", &args);
    assert_success(&run);
    let lines = stdout(&run);
    let event = |line| serde_json::from_str::<Value>(line).expect("each line is JSON");
    let events: Vec<Value> = lines.lines().map(event).collect();
    for seed in 0..2 {
        let of_seed = events.iter().filter(|event| event["seed"] == seed);
        let names: Vec<&str> = of_seed
            .filter_map(|event| event["event"].as_str())
            .collect();
        let expected = ["run", "epoch", "epoch", "epoch", "epoch", "summary"];
        assert_eq!(names, expected, "seed {seed}");
    }
    let last = events.last().expect("there are events");
    assert_eq!((events.len(), &last["event"]), (13, &"runs".into()));
}

#[test]
fn shells_and_man_learn_every_command() {
    let cwd = folder();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = output(fmnist(cwd.path(), &["completions", shell]));
        assert_success(&script);
        for word in ["train", "predict", "checkpoint-minutes"] {
            assert!(stdout(&script).contains(word), "{shell}: {word}");
        }
    }
    let man = output(fmnist(cwd.path(), &["man", "pages"]));
    assert_success(&man);
    for page in ["fmnist.1", "fmnist-train.1", "fmnist-data-fetch.1"] {
        let text = std::fs::read_to_string(cwd.path().join("pages").join(page));
        assert!(
            text.expect("the page is there").starts_with(".ie"),
            "{page}"
        );
    }
    let refused = output(fmnist(cwd.path(), &["man", "pages/fmnist.1"]));
    assert_failure(&refused, 1, &["pages/fmnist.1"]);
}
