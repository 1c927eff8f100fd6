//! Recipes: their schedules, what they gain, and what they must not see.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::common::idx_files::write_dataset;
use crate::common::{cpu, data_dir, fashion_mnist, first, learner, plain};
use fmnist::dataset::{CLASSES, FASHION_MNIST_SHAPE, FASHION_MNIST_SPEC, ImageShape, Spec, Split};
use fmnist::model::{Architecture, ModelKind, Stage};
use fmnist::ops::gather::Normalization;
use fmnist::train::history::History;
use fmnist::train::recipe::Recipe;
use fmnist::train::schedule::{Decay, Schedule};
use fmnist::train::{DeviceSplit, Settings, Training, split, train};
use serde_json::Value;

fn assert_close(actual: f64, expected: f64) {
    assert!(
        (actual - expected).abs() <= 1e-12,
        "{actual}, not {expected}"
    );
}

#[test]
fn learning_rates_by_hand() {
    let schedule = Schedule {
        peak: 0.6,
        warm_up_steps: 2,
        decay: Decay::Cosine,
        steps: 8,
    };
    // Two steps of thirds, then half a cosine over six: cos 0°, 30°, 60°, 90°, 120°, 150°.
    let root = 3.0f64.sqrt() / 2.0;
    let cosines = [1.0, root, 0.5, 0.0, -0.5, -root];
    assert_close(schedule.learning_rate(0), 0.2);
    assert_close(schedule.learning_rate(1), 0.4);
    for (step, cosine) in cosines.into_iter().enumerate() {
        assert_close(schedule.learning_rate(2 + step), 0.3 * (1.0 + cosine));
    }
    // A longer run than planned stays at the end.
    assert_close(schedule.learning_rate(8), 0.0);
    assert_close(schedule.learning_rate(100), 0.0);

    let constant = Schedule {
        decay: Decay::Constant,
        ..schedule
    };
    assert_close(constant.learning_rate(1), 0.4);
    assert_close(constant.learning_rate(7), 0.6);
}

#[test]
fn warm_up_is_counted_in_epochs() {
    let training = Training {
        warm_up_epochs: 1.5,
        ..Training::PLAIN
    };
    let schedule = training.schedule(10, 20);
    assert_eq!((schedule.warm_up_steps, schedule.steps), (30, 200));
    assert_close(Training::PLAIN.schedule(10, 20).learning_rate(0), 2e-3);
}

#[test]
fn sizes_of_models() {
    let parameters = |widths: &[usize], hidden: &[usize]| {
        let architecture = Architecture {
            input: FASHION_MNIST_SHAPE,
            classes: CLASSES,
            model: ModelKind::Cnn,
            widths: widths.iter().copied().map(Stage::from).collect(),
            hidden: hidden.to_vec(),
            normalization: Normalization::Unit,
            channel_norm: false,
        };
        architecture.check().map(|()| architecture.parameters())
    };
    assert_eq!(
        Architecture::of(ModelKind::Dense, FASHION_MNIST_SPEC).parameters(),
        101_770
    );
    assert_eq!(
        Architecture::of(ModelKind::Cnn, FASHION_MNIST_SPEC).parameters(),
        421_642
    );
    // 10·32 + 289·64 + 577·128 in the blocks, 1153·10 after 3×3 pixels.
    let deep = 320 + 18_496 + 73_856 + 11_530;
    assert_eq!(parameters(&[32, 64, 128], &[]).expect("it fits"), deep);
    for (widths, hidden, message) in [
        (vec![8; 5], vec![], "--widths: 5 stages are too many"),
        (vec![0], vec![], "--widths: 0 is no size"),
        (vec![8], vec![9000], "--cnn-hidden: 9000 is no size"),
        (vec![8192, 8192], vec![], "more than 16,777,216"),
        (vec![], vec![], "--widths"),
    ] {
        let error = parameters(&widths, &hidden).expect_err("it cannot be built");
        assert!(error.to_string().contains(message), "{error}");
    }
}

#[test]
fn the_last_training_images_validate_and_the_others_train() {
    let data = fashion_mnist();
    let all = &data.train;
    for (validation, samples, trains) in
        [(5_000, None, 55_000), (7, None, 59_993), (500, Some(9), 9)]
    {
        let settings = Settings {
            validation,
            samples,
            ..plain(&[ModelKind::Dense], 32, 0)
        };
        let (training, held_out) = split(&settings, &mut data.clone()).expect("there are as many");
        assert_eq!((training.len(), held_out.len()), (trains, validation));
        assert_eq!(*training.packed(), all.packed()[..trains * 784]);
        assert_eq!(training.labels, all.labels[..trains]);
        assert_eq!(
            *held_out.packed(),
            all.packed()[(60_000 - validation) * 784..]
        );
        assert_eq!(held_out.labels, all.labels[60_000 - validation..]);
    }
}

/// Runs from before there was a choice can be gone on with.
#[test]
fn a_configuration_that_does_not_tell_held_out_5000() {
    let settings = plain(&[ModelKind::Cnn], 32, 0);
    let mut json = serde_json::to_value(&settings).expect("settings become JSON");
    let fields = json.as_object_mut().expect("settings are an object");
    assert_eq!(fields.remove("validation"), Some(5_000.into()));
    let read: Settings = serde_json::from_value(json).expect("it can be read");
    assert_eq!(read, settings);
}

#[test]
fn percentages_of_a_configuration_have_a_limit() {
    for (name, most) in [
        ("crop", 75),
        ("erase", 100),
        ("cutmix", 100),
        ("mixup", 100),
        ("color", 100),
    ] {
        let with = |percent: u8| {
            let settings = plain(&[ModelKind::Cnn], 32, 0);
            let mut json = serde_json::to_value(settings).expect("settings become JSON");
            json["models"][0]["augment"][name] = percent.into();
            let settings: Settings = serde_json::from_value(json).expect("it can be read");
            settings.check()
        };
        with(most).expect("the most");
        let error = with(most + 1).expect_err("more than that").to_string();
        assert!(
            error.contains(&format!("{name} cannot be {}", most + 1)),
            "{error}"
        );
    }
}

/// Validation accuracy after a few epochs on a few real images.
fn accuracy(recipe: Recipe) -> f64 {
    const IMAGES: usize = 2_000;
    let kind = ModelKind::Dense;
    let settings = Settings {
        recipe,
        models: vec![recipe.model(kind, FASHION_MNIST_SPEC)],
        epochs: 10,
        ..plain(&[kind], 32, 0)
    };
    let data = &fashion_mnist().train;
    let mut validation = data.clone();
    let validation = validation.split_off_last(2_000);
    let [training, validation] =
        [first(data, IMAGES), validation].map(|split| DeviceSplit::upload(split, &cpu()));
    let mut learners = [learner(&settings, &training, &cpu())];
    let history = train(10, &mut learners, History::default(), &validation, &mut ())
        .expect("training does not fail");
    let last = history.records.last().expect("it has epochs");
    last.validation_accuracy
}

/// Whatever the device: that the steps of both are the same is tested elsewhere.
#[test]
fn standard_beats_plain_on_few_images() {
    let [plain, standard] = [Recipe::Plain, Recipe::Standard].map(accuracy);
    println!("plain {plain}, standard {standard}");
    assert!(standard > plain, "plain {plain}, standard {standard}");
}

/// `fmnist train` on a few real images with these flags, in `cwd`.
fn train_quickly(cwd: &Path, flags: &[&str]) {
    let status = Command::new(env!("CARGO_BIN_EXE_fmnist"))
        .args(["train", "--backend", "cpu", "--model", "dense", "--quiet"])
        .args(["--samples", "500", "--epochs", "2"])
        .args(flags)
        .env("FMNIST_DATA_DIR", data_dir())
        .current_dir(cwd)
        .status();
    assert!(status.expect("the program can be started").success());
}

/// The history of a run without its times.
fn history(run: &Path) -> Vec<String> {
    let history = fs::read_to_string(run.join("history.csv")).expect("it has a history");
    let without_time = |line: &str| line.rsplit_once(',').expect("columns").0.to_string();
    history.lines().map(without_time).collect()
}

fn json(path: &Path) -> Value {
    let text = fs::read_to_string(path).expect("the file is there");
    serde_json::from_str(&text).expect("the file is JSON")
}

#[test]
fn repeated_runs_are_those_of_their_seeds_and_their_mean_is_reported() {
    let cwd = tempfile::tempdir().expect("a temporary folder can be made");
    let cwd = cwd.path();
    train_quickly(cwd, &["--runs", "3", "--seed", "5", "--out", "runs"]);
    train_quickly(cwd, &["--seed", "6", "--out", "single"]);
    assert_eq!(
        history(&cwd.join("runs/seed-6")),
        history(&cwd.join("single"))
    );

    let accuracies = [5, 6, 7].map(|seed| {
        let summary = json(&cwd.join(format!("runs/seed-{seed}/summary.json")));
        assert_eq!(summary["seed"], seed);
        summary["models"]["dense"]["test_accuracy"]
            .as_f64()
            .expect("a number")
    });
    let mean = accuracies.iter().sum::<f64>() / 3.0;
    let squares: f64 = accuracies.iter().map(|a| (a - mean).powi(2)).sum();
    let runs = json(&cwd.join("runs/runs.json"));
    assert_eq!(runs["seeds"], serde_json::json!([5, 6, 7]));
    let reported = &runs["models"]["dense"]["test_accuracy"];
    assert_close(reported["mean"].as_f64().expect("a mean"), mean);
    assert_close(
        reported["std"].as_f64().expect("a std"),
        (squares / 2.0).sqrt(),
    );
    assert!(cwd.join("runs/accuracy.png").is_file());
}

#[test]
fn models_of_large_images_can_be_built() {
    let hidden = |recipe: Recipe, side: usize, classes: usize| {
        let shape = ImageShape {
            channels: 3,
            height: side,
            width: side,
        };
        let settings = Settings::new(recipe, &ModelKind::ALL, Spec::new(shape, classes));
        settings.check().expect("both can be built");
        settings.models[0].architecture.hidden.clone()
    };
    for recipe in [Recipe::Standard, Recipe::Best, Recipe::Pictures] {
        assert_eq!(hidden(recipe, 100, 10), [512, 256]);
        // 49,153 · 336 parameters and 337 · 256 are the most below 2²⁴.
        assert_eq!(hidden(recipe, 128, 10), [336, 256]);
        assert_eq!(hidden(recipe, 256, 1000), [80, 256]);
    }
    assert_eq!(hidden(Recipe::Plain, 128, 10), [128]);
    assert_eq!(hidden(Recipe::Plain, 256, 10), [80]);
}

/// Every value of a recipe stands in the configuration, and a flag changes it.
#[test]
fn a_flag_changes_its_value_in_the_configuration_alone() {
    let cwd = tempfile::tempdir().expect("a temporary folder can be made");
    let cwd = cwd.path();
    train_quickly(cwd, &["--out", "as-it-is"]);
    let flags = [
        "--dropout",
        "0.4",
        "--shift",
        "2",
        "--hidden",
        "30,20",
        "--average-decay",
        "0",
        "--class-weights",
        "balanced",
        "--color",
        "20",
    ];
    train_quickly(cwd, &[&flags[..], &["--out", "changed"]].concat());
    let [mut expected, changed] =
        ["as-it-is", "changed"].map(|run| json(&cwd.join(run).join("config.json")));
    let model = &mut expected["models"][0];
    assert!(model["class_weights"].is_null() && model["augment"]["color"].is_null());
    for field in [
        "learning_rate",
        "warm_up_epochs",
        "decay",
        "weight_decay",
        "label_smoothing",
    ] {
        assert!(!model[field].is_null(), "{field}");
    }
    model["dropout"] = 0.4.into();
    model["augment"]["shift"] = 2.into();
    model["hidden"] = serde_json::json!([30, 20]);
    model["average_decay"] = Value::Null;
    model["class_weights"] = "balanced".into();
    model["augment"]["color"] = 20.into();
    assert_eq!(changed, expected);
}

#[test]
fn a_larger_batch_has_a_larger_step() {
    let cwd = tempfile::tempdir().expect("a temporary folder can be made");
    let cwd = cwd.path();
    let rate = |flags: &[&str], out: &str| {
        train_quickly(cwd, &[flags, &["--recipe", "plain", "--out", out]].concat());
        let config = json(&cwd.join(out).join("config.json"));
        config["models"][0]["learning_rate"]
            .as_f64()
            .expect("a number")
    };
    assert_close(rate(&[], "128"), 2e-3);
    assert_close(rate(&["--batch-size", "32"], "32"), 1e-3);
    assert_close(
        rate(&["--batch-size", "32", "--learning-rate", "3e-4"], "own"),
        3e-4,
    );
}

/// Trains in `cwd` on the data in `data`, and returns the history without times and the weights.
fn run_on(data: &Path, cwd: &Path, name: &str) -> (Vec<String>, Vec<u8>) {
    let data = data.to_str().expect("a folder's name is UTF-8");
    train_quickly(cwd, &["--data-dir", data, "--out", name]);
    let run = cwd.join(name);
    let weights = fs::read(run.join("dense/model.ckpt")).expect("it has weights");
    (history(&run), weights)
}

/// Whatever the test images are, training, validation and the weights kept are the same.
#[test]
fn no_test_image_reaches_training_or_selection() {
    let cwd = tempfile::tempdir().expect("a temporary folder can be made");
    let [with_real, with_forged] = ["a", "b"].map(|name| cwd.path().join(name));
    let training = first(&fashion_mnist().train, 6_000);
    write_dataset(&with_real, &training, &first(&fashion_mnist().test, 100));
    let images: Vec<u8> = (0..100 * 784).map(|i| (i * 31 % 251) as u8).collect();
    let labels = (0..100).map(|i| (i * 7 % 10) as u16).collect();
    let forged = Split::new(FASHION_MNIST_SPEC, images, labels).expect("they fit together");
    write_dataset(&with_forged, &training, &forged);
    let real = run_on(&with_real, cwd.path(), "real");
    assert_eq!(real.0.len(), 3, "a header and two epochs");
    assert_eq!(run_on(&with_forged, cwd.path(), "forged"), real);
}
