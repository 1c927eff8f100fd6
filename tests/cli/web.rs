use std::fs;
use std::path::Path;

use serde_json::Value;

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
    let start = r#"<script type="application/json" id="data">"#;
    let (before, rest) = html.split_once(start).expect("it has data");
    let (data, after) = rest.split_once("</script>").expect("they end");
    for address in ["http://", "https://"] {
        assert!(!before.contains(address) && !after.contains(address));
    }
    let data: Value = serde_json::from_str(data).expect("they are JSON");
    (data, before.len() + after.len())
}

#[test]
fn a_run_becomes_a_page_of_its_models() {
    let cwd = tempfile::tempdir().expect("a folder can be made");
    run(cwd.path(), "run", &["--widths", "4,6", "--hidden", "16"]);
    assert_success(&output(fmnist(cwd.path(), &["web", "run"])));
    let (data, mut bytes) = page(&cwd.path().join("run/web.html"));
    assert_eq!(data["class_names"][9], "Ankle boot");
    assert_eq!(data["resize"], Value::Null);
    assert_eq!(data["samples"].as_array().map(Vec::len), Some(10));
    let models = data["models"].as_array().expect("a list");
    let names: Vec<_> = models.iter().map(|model| &model["name"]).collect();
    assert_eq!(names, ["dense", "cnn"]);
    for model in models {
        let program = &model["predict"];
        let weights = model["weights"].as_str().expect("base64").len() / 4 * 3 / 4;
        // The buffers begin with all weights, one after the other.
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
        bytes += program.to_string().len();
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
    refused(&["web", "several"], &["holds 2 runs", "several/seed-0"]);
    assert_success(&output(fmnist(cwd.path(), &["web", "several/seed-1"])));
    fs::remove_file(cwd.path().join("several/seed-0/dense/model.ckpt")).expect("it was there");
    refused(&["web", "several/seed-0"], &["dense", "has not ended"]);
    refused(
        &["web", "several/seed-1", "--out", "no/such/page.html"],
        &["no/such"],
    );
}
