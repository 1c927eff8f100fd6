use std::fs;
use std::io::Read;
use std::path::Path;

use base64::prelude::{BASE64_STANDARD, Engine};
use flate2::read::ZlibDecoder;
use serde_json::{Value, json};

use crate::common::process::{assert_failure, assert_success, fmnist, output};

/// Of a page without weights and images.
const MOST_BYTES: usize = 150_000;

/// A run on drawings, in `name`.
fn run(cwd: &Path, name: &str, more: &[&str]) {
    let args = [
        "--backend",
        "cpu",
        "train",
        "--quiet",
        "--dataset",
        "synthetic",
        "--samples",
        "256",
        "--epochs",
        "1",
        "--validation",
        "100",
        "--out",
        name,
    ];
    assert_success(&output(fmnist(cwd, &[&args[..], more].concat())));
}

/// What the script of a page works on, and how many bytes the rest of the page has.
fn page(path: &Path) -> (Value, usize) {
    let html = fs::read_to_string(path).expect("it is there");
    // The name of SVG looks like an address; nothing is fetched from it.
    let html = html.replace("http://www.w3.org/2000/svg", "");
    let start = r#"<script type="application/json" id="data">"#;
    let (before, rest) = html.split_once(start).expect("it has data");
    let (data, after) = rest.split_once("</script>").expect("they end");
    for address in ["http://", "https://"] {
        assert!(!before.contains(address) && !after.contains(address));
    }
    let data: Value = serde_json::from_str(data).expect("they are JSON");
    (data, before.len() + after.len())
}

/// The buffers begin with all weights, one after the other.
fn assert_begins_with_all_weights(program: &Value, model: &Value) {
    let weights = model["weights"].as_str().expect("base64").len() / 4 * 3 / 4;
    let mut next = 0;
    for buffer in program["buffers"].as_array().expect("a list") {
        if let Some(first) = buffer["weights"].as_u64() {
            assert_eq!(first, next);
            next += buffer["bytes"].as_u64().expect("a size") / 4;
        }
    }
    assert!(
        next as usize == weights && weights > 0,
        "{next} of {weights}"
    );
}

#[test]
fn a_run_becomes_a_page_of_its_models() {
    let cwd = tempfile::tempdir().expect("a folder can be made");
    run(cwd.path(), "run", &["--widths", "4-4,6", "--hidden", "16"]);
    assert_success(&output(fmnist(cwd.path(), &["web", "run"])));
    let (data, mut bytes) = page(&cwd.path().join("run/web.html"));
    assert_eq!(data["class_names"][9], "Ankle boot");
    assert_eq!(data["resize"], Value::Null);
    assert_eq!(data["samples"].as_array().map(Vec::len), Some(10));
    let models = data["models"].as_array().expect("a list");
    let names: Vec<_> = models.iter().map(|model| &model["name"]).collect();
    assert_eq!(names, ["dense", "cnn"]);
    bytes += data["programs"].as_str().map_or(0, str::len);
    let programs: Value = serde_json::from_slice(&unpacked(&data["programs"])).expect("JSON");
    for model in models {
        let programs = &programs["models"][model["name"].as_str().expect("a name")];
        for what in ["predict", "evaluate"] {
            assert_begins_with_all_weights(&programs[what], model);
        }
        assert!(programs["train"]["outputs"]["tally"].is_u64());
    }
    assert!(bytes < MOST_BYTES, "{bytes} bytes");

    // What is there already is replaced if it is a page.
    assert_success(&output(fmnist(
        cwd.path(),
        &["web", "run", "--out", "run/web.html"],
    )));
    let args = ["web", "run", "--out", "run/config.json"];
    let parts = ["run/config.json exists and is not a page by its name"];
    assert_failure(&output(fmnist(cwd.path(), &args)), 1, &parts);
}

#[test]
fn what_makes_no_page_is_told() {
    let cwd = tempfile::tempdir().expect("a folder can be made");
    let refused = |args: &[&str], parts: &[&str]| {
        assert_failure(&output(fmnist(cwd.path(), args)), 1, parts);
    };
    refused(&["web", "nothing"], &["nothing"]);
    run(cwd.path(), "several", &["--model", "dense", "--runs", "2"]);
    refused(&["web", "several"], &["is of 2 runs", "several/seed-0"]);
    assert_success(&output(fmnist(cwd.path(), &["web", "several/seed-1"])));
    let few = ["10 images to train on are fewer than a batch, 128"];
    refused(&["web", "several/seed-1", "--samples", "10"], &few);
    let drawings = ["web", "--dataset", "synthetic", "--samples", "10"];
    refused(&[&drawings[..], &["--out", "few.html"]].concat(), &few);
    assert!(!cwd.path().join("few.html").exists());
    // A run that was killed has no summary either.
    for lost in ["dense/model.ckpt", "summary.json"] {
        fs::remove_file(cwd.path().join("several/seed-0").join(lost)).expect("it was there");
        refused(&["web", "several/seed-0"], &["dense", "has not ended"]);
    }
    refused(
        &["web", "several/seed-1", "--out", "no/such/page.html"],
        &["no/such"],
    );
}

/// What was packed: zlib, in base64.
fn unpacked(text: &Value) -> Vec<u8> {
    let packed = BASE64_STANDARD.decode(text.as_str().expect("a text"));
    let mut bytes = Vec::new();
    ZlibDecoder::new(&packed.expect("base64")[..])
        .read_to_end(&mut bytes)
        .expect("zlib");
    bytes
}

#[test]
fn a_page_without_a_run_has_what_it_takes_to_train() {
    let cwd = tempfile::tempdir().expect("a folder can be made");
    let args = [
        "web",
        "--dataset",
        "synthetic",
        "--samples",
        "160",
        "--recipe",
        "best",
        "--model",
        "cnn",
        "--seed",
        "9007199254740993", // the first whole number that is none of JavaScript's
    ];
    assert_success(&output(fmnist(cwd.path(), &args)));
    let (data, _) = page(&cwd.path().join("web.html"));
    assert_eq!(data["training"]["seed"], json!([1, 1 << 21]));
    assert_eq!(data["models"], json!([]));
    let training = &data["training"];
    assert_eq!(training["recipe"], "best");
    assert_eq!(training["models"][0]["name"], "cnn");
    for (part, len) in [("train", 160), ("validation", 40), ("test", 40)] {
        let part = &training["packed"][part];
        assert_eq!(part["len"], len);
        let bytes = unpacked(&part["bytes"]);
        let (images, labels) = bytes.split_at(784 * len);
        assert!(images.iter().any(|&byte| byte > 0));
        let (labels, rest) = labels.as_chunks::<2>();
        assert!(labels.len() == len && rest.is_empty());
        let mut classes = [0; 10];
        for label in labels {
            classes[usize::from(u16::from_le_bytes(*label))] += 1;
        }
        let missing = classes.iter().filter(|&&images| images == 0).count();
        assert!(missing == 0 || len < 160, "{classes:?}");
    }

    // A large net, of which each step has most of what there is.
    let net = "--widths 64-64,128-128,256 --recipe best --dropout 0.2 --class-weights balanced";
    let args = "web --dataset synthetic --no-samples --out bare.html".split(' ');
    let args: Vec<_> = args.chain(net.split(' ')).collect();
    assert_success(&output(fmnist(cwd.path(), &args)));
    let (data, rest) = page(&cwd.path().join("bare.html"));
    let bytes = rest + data["programs"].as_str().map_or(0, str::len);
    assert!(bytes < MOST_BYTES, "{bytes} bytes");
    assert_eq!(data["training"]["packed"], Value::Null);
    assert_eq!(data["training"]["models"].as_array().map(Vec::len), Some(2));
}

#[test]
fn models_that_no_gpu_can_count_are_refused() {
    let cwd = tempfile::tempdir().expect("a folder can be made");
    let args = ["web", "--dataset", "synthetic", "--out", "page.html"];
    let large = ["--widths", "8192,4", "--batch-size", "400"];
    let refused = output(fmnist(cwd.path(), &[&args[..], &large].concat()));
    assert_failure(&refused, 1, &["--batch-size 400", "use at most 334"]);
}

#[test]
fn a_run_keeps_its_settings_and_gives_its_images_where_they_are() {
    let cwd = tempfile::tempdir().expect("a folder can be made");
    run(cwd.path(), "run", &["--model", "dense"]);
    let refused = output(fmnist(cwd.path(), &["web", "run", "--epochs", "3"]));
    assert_failure(
        &refused,
        1,
        &["run has its settings", "leave out the flags"],
    );
    let told = output(fmnist(
        cwd.path(),
        &["web", "run", "--dataset", "synthetic", "--samples", "130"],
    ));
    assert_success(&told);
    let packed = |path: &str| page(&cwd.path().join(path)).0["training"]["packed"].clone();
    assert_eq!(packed("run/web.html")["train"]["len"], 130);

    // As of a run on a folder that nobody names.
    let config = cwd.path().join("run/config.json");
    let text = fs::read_to_string(&config).expect("it is there");
    let name = r#""dataset": "synthetic (stand-in)""#;
    assert!(text.contains(name), "{text}");
    fs::write(&config, text.replace(name, r#""dataset": "holidays""#)).expect("it can be written");
    let told = output(fmnist(cwd.path(), &["web", "run"]));
    assert_success(&told);
    let warning = String::from_utf8_lossy(&told.stderr);
    assert!(
        warning.contains("no images to train on") && warning.contains("--data-dir"),
        "{warning}"
    );
    assert_eq!(packed("run/web.html"), Value::Null);
}
