//! CNNs of which a stage has several convolutions, from training to what is made of them.

use std::fs;

use safetensors::SafeTensors;

use crate::common::process::{
    assert_failure, assert_success, fmnist, folder, json, output, stdout,
};

const TRAIN: [&str; 12] = [
    "train",
    "--backend",
    "cpu",
    "--model",
    "cnn",
    "--cnn-hidden",
    "8",
    "--samples",
    "64",
    "--epochs",
    "1",
    "--out",
];

#[test]
fn a_staged_model_is_trained_resumed_evaluated_and_exported() {
    let cwd = folder();
    let run = |args: &[&str]| output(fmnist(cwd.path(), args));
    assert_success(&run(&[&TRAIN[..], &["run", "--widths", "4-5,6"]].concat()));
    let config = json(&cwd.path().join("run/config.json"));
    let widths = &config["models"][0]["widths"];
    assert_eq!(*widths, serde_json::json!([[4, 5], 6]));

    let longer = ["train", "--resume", "run", "--epochs", "2"];
    for others in ["4,5,6", "4-5-6", "4-5,7"] {
        let refused = run(&[&longer[..], &["--widths", others]].concat());
        let parts = ["cnn.widths is ", "but [[4,5],6] in the run", "--resume"];
        assert_failure(&refused, 1, &parts);
    }
    assert_success(&run(&[&longer[..], &["--widths", "4-5,6"]].concat()));
    let evaluated = run(&["evaluate", "run"]);
    assert_success(&evaluated);
    assert!(stdout(&evaluated).contains("as in summary.json"));

    for form in ["onnx", "safetensors"] {
        let export = ["export", "run", "--model", "cnn", "--format", form, "--out"];
        assert_success(&run(&[&export[..], &[form]].concat()));
    }
    let file = fs::read(cwd.path().join("safetensors")).expect("it is there");
    let tensors = SafeTensors::deserialize(&file).expect("it is whole");
    // Conv2d, ReLU, Conv2d, ReLU, MaxPool2d, Conv2d, ReLU, MaxPool2d, Flatten, Linear, ReLU, Linear.
    for (name, shape) in [
        ("0.weight", &[4, 1, 3, 3][..]),
        ("2.weight", &[5, 4, 3, 3]),
        ("5.weight", &[6, 5, 3, 3]),
        ("9.weight", &[8, 6 * 7 * 7]),
        ("11.weight", &[10, 8]),
    ] {
        let tensor = tensors.tensor(name).expect("it is there");
        assert_eq!(tensor.shape(), shape, "{name}");
    }
}

#[test]
fn widths_that_name_no_stages_are_refused() {
    let cwd = folder();
    for (widths, code, part) in [
        ("", 2, "such as 64-64"),
        ("64-", 2, "such as 64-64"),
        ("-64", 2, "such as 64-64"),
        ("64--64", 2, "such as 64-64"),
        ("64,,64", 2, "such as 64-64"),
        ("0-64", 1, "--widths: 0 is no size of a layer"),
        (
            "8-8-8-8-8-8-8-8,8-8-8-8-8-8-8-8-8",
            1,
            "--widths: 17 convolutions are too many",
        ),
        ("8-8,8,8,8,8", 1, "--widths: 5 stages are too many"),
    ] {
        let flag = format!("--widths={widths}");
        let refused = output(fmnist(cwd.path(), &[&TRAIN[..], &["run", &flag]].concat()));
        assert_failure(&refused, code, &["--widths", part]);
        assert!(!cwd.path().join("run").exists());
    }
}
