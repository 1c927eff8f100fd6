//! The report as a file: what is in it, and what may not be.
//!
//! How it works in a browser is tested by `tests/check_report.py`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::common::plain;
use fmnist::dataset::{CLASSES, FASHION_MNIST_CLASSES, FASHION_MNIST_SPEC, PIXELS, Split};
use fmnist::device::Backend;
use fmnist::model::ModelKind;
use fmnist::report::evaluation::{Evaluation, Probabilities};
use fmnist::report::html::{Filters, RunData, report, write_report};
use fmnist::report::summary::{ModelSummary, Summary};
use fmnist::report::test_set::TestSet;
use fmnist::run::Config;
use fmnist::run::{RunFiles, write_evaluation};
use fmnist::train::Settings;
use fmnist::train::history::{EpochRecord, History};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// All that a run's folder and its test set hold.
pub struct Run {
    name: String,
    config: Value,
    pub summary: Summary,
    history: History,
    pub evaluation: Evaluation,
    pub test: TestSet,
    filters: Filters,
    /// Where names have a text, images are those of pictures.
    pictures: Vec<String>,
}

impl Run {
    /// Two models on `images` images of noise. `text` stands wherever a name or value can.
    fn new(images: usize, text: &str) -> Self {
        Self::of(&["dense", "cnn"], images, text)
    }

    /// One or two models; the first is right on every third image, the second on every second.
    fn of(models: &[&str], images: usize, text: &str) -> Self {
        let noise = |i: usize| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_pow(3) >> 40) as u8;
        let pixels: Vec<u8> = (0..images * PIXELS).map(noise).collect();
        let labels = (0..images).map(|image| (image % CLASSES) as u16).collect();
        let split = Split::new(FASHION_MNIST_SPEC, pixels, labels).unwrap();
        let probabilities: Vec<Probabilities> = [3, 2][..models.len()]
            .iter()
            .map(|every| {
                let row = |image: usize| -> [f32; CLASSES] {
                    let right = image.is_multiple_of(*every);
                    let prediction = (image + usize::from(!right) * (1 + image / 7 % 9)) % CLASSES;
                    let p = 0.3 + 0.6 * ((image * 37 % 101) as f32 / 101.0);
                    std::array::from_fn(|c| if c == prediction { p } else { (1.0 - p) / 9.0 })
                };
                (0..images).map(row).collect()
            })
            .collect();
        let class_names = FASHION_MNIST_CLASSES.map(|name| format!("{name}{text}"));
        let test = TestSet {
            split,
            probabilities,
        };
        Self::on(models, &class_names, test, text)
    }

    /// Models with what they say of a test set.
    pub fn on(models: &[&str], class_names: &[String], test: TestSet, text: &str) -> Self {
        let names: Vec<String> = models.iter().map(|m| format!("{m}{text}")).collect();
        let dataset = format!("Fashion-MNIST{text}");
        let evaluation = evaluate(
            &dataset,
            class_names,
            &test.split,
            &names,
            &test.probabilities,
        );
        let record = |model: &String, epoch| EpochRecord {
            model: model.clone(),
            epoch,
            train_loss: 1.0 / epoch as f64,
            train_accuracy: 0.5,
            validation_loss: f64::NAN,
            validation_accuracy: 0.123_456,
            seconds: 1.0,
        };
        let model_summary = ModelSummary {
            parameters: 101_770,
            train_accuracy: 0.5,
            validation_accuracy: 0.5,
            test_accuracy: 0.5,
            balanced_accuracy: None,
            class_recalls: Vec::new(),
            test_loss: f64::NAN,
            seconds_per_epoch: 1.0,
            total_seconds: 200.0,
        };
        let pictures = (0..test.split.len()).map(|image| format!("a{text}/{image}.jpg"));
        Self {
            pictures: pictures.filter(|_| !text.is_empty()).collect(),
            name: format!("first{text}"),
            config: json!({
                "learning_rate": 0.001,
                text: text,
                "schedule": { "peak": true, "steps": [32, 64] },
                "models": names.iter().map(|name| json!({
                    "model": name,
                    "hidden": [128, 64],
                    "augment": { "flip": name.starts_with("cnn") },
                })).collect::<Vec<_>>(),
                "seed": 7,
                "version": "0.1.0",
                "environment": { "CPU": format!("fast{text}") },
            }),
            summary: Summary {
                dataset,
                backend: "cpu".to_owned(),
                device: format!("A CPU{text}"),
                recipe: "best".to_owned(),
                seed: 7,
                epochs: 2,
                largest_class: None,
                test_classes: Vec::new(),
                models: names
                    .iter()
                    .map(|name| (name.clone(), model_summary.clone()))
                    .collect(),
            },
            history: History {
                records: [1, 2]
                    .iter()
                    .flat_map(|epoch| names.iter().map(|name| record(name, *epoch)))
                    .collect(),
            },
            evaluation,
            test,
            filters: Filters {
                channels: 1,
                weights: (0..32 * 9).map(|i| (i as f32).sin()).collect(),
            },
        }
    }

    /// The same run had its models diverged.
    fn diverged(mut self) -> Self {
        for rows in &mut self.test.probabilities {
            *rows = Probabilities::new(CLASSES, vec![f32::NAN; rows.values().len()]);
        }
        let names: Vec<String> = self.summary.models.keys().rev().cloned().collect();
        let Evaluation {
            dataset,
            class_names,
            ..
        } = &self.evaluation;
        self.evaluation = evaluate(
            dataset,
            class_names,
            &self.test.split,
            &names,
            &self.test.probabilities,
        );
        for record in &mut self.history.records {
            (record.train_loss, record.train_accuracy) = (f64::NAN, f64::INFINITY);
        }
        self.filters.weights.fill(f32::NAN);
        self
    }

    pub fn data(&self) -> RunData<'_> {
        RunData {
            name: &self.name,
            config: &self.config,
            summary: &self.summary,
            history: &self.history,
            evaluation: &self.evaluation,
            test: Some(&self.test),
            filters: Some(&self.filters),
            pictures: &self.pictures,
        }
    }
}

fn evaluate(
    dataset: &str,
    class_names: &[String],
    split: &Split,
    names: &[String],
    probabilities: &[Probabilities],
) -> Evaluation {
    let models: Vec<_> = names
        .iter()
        .zip(probabilities)
        .map(|(name, rows)| (name.as_str(), rows))
        .collect();
    Evaluation::new(dataset, class_names, &split.labels, &models).unwrap()
}

/// What lies between `start` and `end`.
pub fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(start).unwrap();
    rest.split_once(end).unwrap().0
}

/// What the page's script reads.
pub fn embedded(html: &str) -> Value {
    let json = between(
        html,
        r#"<script type="application/json" id="data">"#,
        "</script>",
    );
    serde_json::from_str(json).unwrap()
}

#[test]
fn every_part_is_there() {
    let run = Run::new(300, "");
    let html = report(&[run.data()]).unwrap();
    for id in [
        "results",
        "curves",
        "classes",
        "confusion",
        "mistakes",
        "disagreement",
        "calibration",
        "filters",
        "settings",
    ] {
        assert!(
            html.contains(&format!(r#"<section id="run-0-{id}">"#)),
            "{id}"
        );
        assert!(html.contains(&format!(r##"href="#run-0-{id}""##)), "{id}");
    }
    for part in [
        "<td>101,770</td>",
        "3 min 20 s",
        "12.35 %",
        "<dt>schedule.steps</dt><dd>32, 64</dd>",
        r#"<th scope="row">augment.flip</th><td>false</td><td>true</td>"#,
        r#"<th scope="row">hidden</th><td>128, 64</td><td>128, 64</td>"#,
        "<dt>CPU</dt><dd>fast</dd>",
        "Run first: 2 epochs, recipe best, seed 7, A CPU (cpu)",
        "{{",
    ] {
        assert_eq!(html.contains(part), part != "{{", "{part}");
    }
    assert_eq!(html.matches(r#"aria-label="Filter "#).count(), 32);
    assert_eq!(report(&[run.data()]).unwrap(), html, "the same each time");
}

#[test]
fn classes_that_do_not_occur_have_no_scores() {
    let few = report(&[Run::new(3, "").data()]).unwrap();
    // Of the classes 0 to 2; the dense model takes an image for class 3.
    for part in [
        r#"<th scope="row">Dress</th><td>0</td><td>0.00</td><td>0.00</td><td>0.00</td><td>–</td>"#,
        r#"style="--w:0.00%"><span class="unseen">cnn </span><b>–</b>"#,
        "The last row is the mean of the classes that occur among labels or predictions: dense 4, cnn 3.",
    ] {
        assert!(few.contains(part), "{part}");
    }
    let all = report(&[Run::new(300, "").data()]).unwrap();
    assert!(!all.contains("<td>–</td>") && !all.contains("that occur"));
}

#[test]
fn without_images_or_filters_their_parts_are_left_out() {
    let run = Run::new(50, "");
    let mut data = run.data();
    (data.test, data.filters) = (None, None);
    let html = report(&[data]).unwrap();
    for id in ["mistakes", "filters"] {
        assert!(!html.contains(&format!("run-0-{id}")), "{id}");
    }
    assert!(html.contains(r#"class="matrix""#));
    assert!(!html.contains("data-list=\""));
    assert_eq!(embedded(&html)["runs"], json!([null]));
}

#[test]
fn lists_hold_the_images_of_their_cell() {
    let run = Run::new(300, "");
    let page = embedded(&report(&[run.data()]).unwrap());
    let shown = &page["runs"][0];
    let image = |place: &Value| {
        let image = &shown["images"][place.as_u64().unwrap() as usize];
        image[1].as_u64().unwrap() as usize
    };
    // Each model's predictions, found again.
    let mut cells: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (model, rows) in run.test.probabilities.iter().enumerate() {
        for (image, row) in rows.rows().enumerate() {
            let prediction = (0..CLASSES)
                .find(|c| row.iter().all(|p| *p <= row[*c]))
                .unwrap();
            let cell = format!("cell-{model}-{}-{prediction}", run.test.split.labels[image]);
            cells.entry(cell).or_default().push(image);
        }
    }
    for (cell, mut images) in cells {
        let list = &shown["lists"][&cell];
        assert_eq!(list["total"], images.len(), "{cell}");
        let mut listed: Vec<_> = list["shown"]
            .as_array()
            .unwrap()
            .iter()
            .map(image)
            .collect();
        let model = usize::from(cell.starts_with("cell-1"));
        let sure = |image: &usize| {
            let row = run.test.probabilities[model].row(*image);
            row.iter().copied().fold(0.0, f32::max)
        };
        let [label, prediction] = [7, 9].map(|at| &cell[at..=at]);
        if label == prediction {
            assert_eq!(listed.len(), images.len().min(12), "{cell}");
            assert!(
                listed.is_sorted_by_key(|image| sure(image).to_bits()),
                "{cell}"
            );
        } else {
            assert!(listed.is_sorted_by(|a, b| sure(a) >= sure(b)), "{cell}");
            listed.sort_unstable();
            images.sort_unstable();
            assert_eq!(listed, images, "{cell}");
        }
    }
    // Both models' answers, and thousandths of their probabilities of the classes that are told.
    for image in shown["images"].as_array().unwrap() {
        let [_, index, label, answers, classes, rows] = &image.as_array().unwrap()[..] else {
            panic!("an image has six parts");
        };
        let index = index.as_u64().unwrap() as usize;
        assert_eq!(*label, run.test.split.labels[index]);
        let classes: Vec<usize> = serde_json::from_value(classes.clone()).unwrap();
        let mut must = vec![label.as_u64().unwrap() as usize];
        for (model, row) in rows.as_array().unwrap().iter().enumerate() {
            let exact = run.test.probabilities[model].row(index);
            let answer = (0..CLASSES).find(|c| exact.iter().all(|p| *p <= exact[*c]));
            assert_eq!(answers[model], answer.unwrap());
            must.extend(answer);
            for (class, p) in classes.iter().zip(row.as_array().unwrap()) {
                assert!((p.as_f64().unwrap() - 1000.0 * f64::from(exact[*class])).abs() <= 0.501);
            }
        }
        assert!(must.iter().all(|class| classes.contains(class)), "{image}");
        // Its own, two answers, three others.
        assert!(classes.len() <= 6, "{image}");
        let most = |class: &usize| {
            let of_class = run
                .test
                .probabilities
                .iter()
                .map(|rows| rows.row(index)[*class]);
            of_class.fold(0.0, f32::max)
        };
        assert!(classes.is_sorted_by(|a, b| most(a) >= most(b)), "{image}");
    }
    let only = |list: &str| shown["lists"][list]["total"].as_u64().unwrap() as usize;
    let right = &run.evaluation.comparison.as_ref().unwrap().only_right;
    assert_eq!(
        [only("only-0"), only("only-1")],
        [right[0].len(), right[1].len()]
    );
    assert_eq!(
        shown["lists"]["gallery-1"]["shown"]
            .as_array()
            .unwrap()
            .len(),
        12
    );
}

#[test]
fn text_from_files_is_only_text() {
    let hostile =
        "</script><img src=x onerror=alert(1)>\"'{{data}}\u{1b}]8;;http://x\u{7}\n\u{202e}";
    let runs = [Run::new(40, hostile), Run::new(40, hostile)];
    for runs in [vec![runs[0].data()], vec![runs[0].data(), runs[1].data()]] {
        let html = report(&runs).unwrap();
        assert!(!html.contains("<img"));
        // The page's own two.
        assert_eq!(html.matches("<script").count(), 2);
        assert_eq!(html.matches("</script>").count(), 2);
        let unprintable = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!html.contains(unprintable));
        embedded(&html);
    }
}

#[test]
fn nothing_but_the_file_itself_is_allowed() {
    let run = Run::new(30, "");
    let html = report(&[run.data()]).unwrap();
    let policy = between(&html, r#"Content-Security-Policy" content=""#, "\"");
    assert!(
        policy.starts_with("default-src 'none'; img-src data:;"),
        "{policy}"
    );
    // The hash that allows the page's script is that of the script.
    let script = between(&html, "</script>\n<script>", "</script>");
    let bits: String = Sha256::digest(script)
        .iter()
        .map(|byte| format!("{byte:08b}"))
        .collect();
    // 256 bits are 42 digits of base64 and four bits of one more.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = (bits + "00")
        .as_bytes()
        .chunks(6)
        .fold(String::new(), |digits, six| {
            let place = usize::from_str_radix(str::from_utf8(six).unwrap(), 2).unwrap();
            digits + &alphabet[place..=place]
        });
    assert_eq!(between(policy, "'sha256-", "'"), digits + "=");
    let before_data = html.split("<script").next().unwrap();
    for attribute in ["src=", "href=\"http", "@import", "url(http"] {
        assert!(!before_data.contains(attribute), "{attribute}");
    }
}

#[test]
fn the_file_stays_small_and_says_what_it_leaves_out() {
    // Noise cannot be compressed, and the models are mostly wrong.
    let run = Run::new(10_000, "");
    let html = report(&[run.data()]).unwrap();
    assert!(html.len() < 2_000_000, "{} bytes", html.len());
    let page = embedded(&html);
    let list = &page["runs"][0]["lists"]["cell-0-3-4"];
    let (total, shown) = (
        list["total"].as_u64().unwrap(),
        list["shown"].as_array().unwrap(),
    );
    assert!((3..total).contains(&(shown.len() as u64)), "{list}");
    assert!(html.contains(&format!(
        "of the mistakes the {} it is surest of",
        shown.len()
    )));
}

#[test]
fn several_runs_are_compared() {
    let mut runs = ["", "", ""].map(|_| Run::new(60, ""));
    for (run, name) in runs.iter_mut().zip(["first", "second", "third"]) {
        run.name = name.to_owned();
    }
    runs[1].config["learning_rate"] = json!(0.003);
    runs[2].summary.models.get_mut("cnn").unwrap().test_accuracy = 0.9;
    let data: Vec<_> = runs.iter().map(Run::data).collect();
    let html = report(&data).unwrap();
    assert!(html.contains("3 runs compared"));
    let comparison = between(
        &html,
        r#"<section id="comparison">"#,
        r#"<section id="run-0">"#,
    );
    let differences = between(comparison, "Settings that differ", "</table>");
    assert!(differences.contains("<td>0.001</td><td>0.003</td><td>0.001</td>"));
    assert!(!differences.contains("recipe"), "{differences}");
    assert!(comparison.contains(r#"<td class="best">90.00 %"#));
    for place in 0..3 {
        assert!(html.contains(&format!(r#"<section id="run-{place}-settings">"#)));
    }
    // The same images, and so one sheet of them.
    let page = embedded(&html);
    assert_eq!(page["runs"][0]["images"], page["runs"][2]["images"]);
}

#[test]
fn what_cannot_be_reported_is_refused() {
    assert!(report(&[]).unwrap_err().to_string().contains("no run"));
    let (run, other) = (Run::new(20, ""), Run::new(30, ""));
    let mut data = run.data();
    data.test = Some(&other.test);
    let error = report(&[data]).unwrap_err().to_string();
    assert!(
        error.contains("20 test images") || error.contains("other images"),
        "{error}"
    );
    // As many images, but not these.
    let mut swapped = Run::new(20, "");
    swapped.test.split.labels.swap(0, 1);
    let error = report(&[swapped.data()]).unwrap_err().to_string();
    assert!(
        error.contains("the run first is of other images"),
        "{error}"
    );
    swapped.test.split.labels[0] = 10;
    let error = report(&[swapped.data()]).unwrap_err().to_string();
    assert!(error.contains("labels that are not below 10"), "{error}");

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("missing").join("report.html");
    let error = format!("{:#}", write_report(&path, &[run.data()]).unwrap_err());
    assert!(error.contains("report.html cannot be written"), "{error}");
}

#[test]
fn runs_that_differ_in_their_seeds_get_a_mean() {
    let mut runs = ["", "", ""].map(|_| Run::new(30, ""));
    for (run, seed) in runs.iter_mut().zip(0_u64..) {
        run.config["seed"] = json!(seed);
        run.summary.models.get_mut("cnn").unwrap().test_accuracy = 0.9 + 0.01 * seed as f64;
    }
    let html = report(&runs.each_ref().map(Run::data)).unwrap();
    let mean = "<tfoot><tr><th scope=\"row\">mean ± std</th>";
    assert_eq!(html.matches(mean).count(), 2, "one for each model");
    assert!(html.contains("<td>91.00 ± 1.00 %</td>"));

    runs[1].config["models"][0]["hidden"] = json!([32]);
    let html = report(&runs.each_ref().map(Run::data)).unwrap();
    assert!(!html.contains(mean));
    let differences = between(&html, "Settings that differ", "</table>");
    let row = "<th scope=\"row\">dense.hidden</th><td>128, 64</td><td>32</td><td>128, 64</td>";
    assert!(differences.contains(row), "{differences}");
}

#[test]
fn models_that_diverged_are_said_to_have() {
    let run = Run::of(&["cnn"], 100, "").diverged();
    let html = report(&[run.data()]).unwrap();
    assert!(html.contains("cnn diverged: its probabilities are no numbers."));
    assert!(html.contains("No finite values to show."));
    assert!(!html.contains("run-0-disagreement"), "one model only");
    assert!(!html.contains("NaN%") && !html.contains("opacity=\"NaN\""));
}

#[test]
fn a_folder_holds_all_that_a_report_shows() {
    let mut run = Run::new(120, "");
    for model in run.summary.models.values_mut() {
        model.test_loss = 0.5; // NaN is no equal of itself
    }
    for record in &mut run.history.records {
        record.validation_loss = 0.4;
    }
    let root = tempfile::tempdir().unwrap();
    let folder = root.path();
    let models = ["dense", "cnn"];
    for model in models {
        fs::create_dir(folder.join(model)).unwrap();
    }
    let models_of = |kinds: &[ModelKind]| Config {
        channels: FASHION_MNIST_SPEC.channels().to_vec(),
        preparation: None,
        version: "0.1.0".into(),
        dataset: run.evaluation.dataset.clone(),
        dataset_digest: None,
        class_names: run.evaluation.class_names.clone(),
        backend: Backend::Cpu,
        device: "A CPU".into(),
        runs: 1,
        settings: Settings {
            epochs: 2,
            ..plain(kinds, 32, 7)
        },
    };
    let config = models_of(&ModelKind::ALL);
    run.config = serde_json::to_value(&config).unwrap();
    run.summary.write(&folder.join("summary.json")).unwrap();
    run.history.write_csv(&folder.join("history.csv")).unwrap();
    let Evaluation {
        dataset,
        class_names,
        ..
    } = &run.evaluation;
    let written = write_evaluation(folder, dataset, class_names, &models, &run.test).unwrap();
    assert_eq!(written, run.evaluation);
    for picture in [
        "confusion-dense",
        "confusion-cnn",
        "reliability",
        "disagreement",
    ] {
        assert!(folder.join(format!("{picture}.png")).is_file(), "{picture}");
    }

    let filters = Some(Filters {
        channels: 1,
        weights: run.filters.weights.clone(),
    });
    let files = RunFiles::read(folder, "first", &config, filters).unwrap();
    let (read, expected) = (
        report(&[files.data()]).unwrap(),
        report(&[run.data()]).unwrap(),
    );
    assert!(read == expected, "the report is another");

    let longer = Config {
        settings: Settings {
            epochs: 3,
            ..config.settings.clone()
        },
        ..config.clone()
    };
    for (other, file) in [
        (models_of(&[ModelKind::Cnn]), "evaluation.json"),
        (longer, "summary.json"),
    ] {
        let error = RunFiles::read(folder, "first", &other, None).err().unwrap();
        let message = error.to_string();
        assert!(
            message.contains(file) && message.contains("not that of this run"),
            "{message}"
        );
    }
    for file in [
        "summary.json",
        "history.csv",
        "evaluation.json",
        "test-images.gz",
    ] {
        let bytes = fs::read(folder.join(file)).unwrap();
        fs::write(folder.join(file), "{").unwrap();
        let error = RunFiles::read(folder, "first", &config, None)
            .err()
            .unwrap();
        assert!(format!("{error:#}").contains(file), "{error:#}");
        fs::write(folder.join(file), bytes).unwrap();
    }
}

#[test]
fn datasets_of_one_name_are_told_apart_by_what_they_hold() {
    let run = |(accuracy, digest): (f64, Option<&str>)| {
        let mut run = Run::new(60, "");
        if let Some(digit) = digest {
            run.config["dataset_digest"] = json!({ "all": digit.repeat(64) });
        }
        for model in run.summary.models.values_mut() {
            model.test_accuracy = accuracy;
        }
        run
    };
    let comparison = |runs: &[Run]| {
        let data: Vec<_> = runs.iter().map(Run::data).collect();
        let html = report(&data).unwrap();
        between(&html, r#"id="comparison""#, r#"id="run-0""#).to_owned()
    };
    // Nothing is known of the first; through it the others do not become the same.
    let mut runs = [(0.5, None), (0.6, Some("a")), (0.7, Some("b"))].map(run);
    let html = comparison(&runs);
    for part in ["mean ± std", r#"class="best""#] {
        assert!(!html.contains(part), "{html}");
    }
    for label in ["(aaaaaaaa…)", "(bbbbbbbb…)"] {
        assert!(
            html.contains(&format!("<td>Fashion-MNIST {label}</td>")),
            "{html}"
        );
    }
    // The same by another name.
    runs[2].config["dataset_digest"] = runs[1].config["dataset_digest"].clone();
    runs[2].evaluation.dataset = "moved".to_owned();
    let html = comparison(&runs);
    for part in ["mean ± std", r#"class="best""#] {
        assert!(html.contains(part), "{html}");
    }
    // Of runs that recorded nothing, the test images tell.
    runs[1] = run((0.6, None));
    let split = &mut runs[1].test.split;
    let mut images = split.packed().into_owned();
    images[0] ^= 1;
    split.images = images.into();
    assert!(!comparison(&runs[..2]).contains("mean ± std"));
}

/// Leaves reports of every kind where `tests/check_report.py` opens them in a browser.
#[test]
fn reports_for_the_browser() {
    let hostile = "</script></style>\"'><img src=x onerror=\"window.pwned=1\">\
                   <script>window.pwned=1</script>{{data}}\u{1b}[31m\u{202e}&amp;\n";
    let seeds = ["", "", ""].map(|_| Run::new(400, ""));
    let hostiles = [Run::new(200, hostile), Run::new(200, hostile)];
    let (both, cnn) = (Run::new(400, ""), Run::of(&["cnn"], 400, ""));
    let diverged = Run::new(400, "").diverged();
    let datasets = ["a", "b"].map(|digit| {
        let mut run = Run::new(400, "");
        run.config["dataset_digest"] = json!({ "all": digit.repeat(64) });
        run
    });
    let mut without = both.data();
    (without.test, without.filters) = (None, None);

    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reports");
    drop(fs::remove_dir_all(&folder)); // those of an earlier run
    fs::create_dir_all(&folder).unwrap();
    for (name, runs) in [
        ("both", vec![both.data()]),
        ("cnn", vec![cnn.data()]),
        ("diverged", vec![diverged.data()]),
        ("without-images", vec![without]),
        ("seeds", seeds.iter().map(Run::data).collect()),
        ("datasets", datasets.iter().map(Run::data).collect()),
        ("mixed", vec![both.data(), cnn.data(), diverged.data()]),
        ("hostile", vec![hostiles[0].data()]),
        ("hostiles", hostiles.iter().map(Run::data).collect()),
    ] {
        let path = folder.join(format!("{name}.html"));
        write_report(&path, &runs).unwrap();
        let size = fs::metadata(&path).unwrap().len();
        assert!((20_000..2_000_000).contains(&size), "{name}: {size} bytes");
    }
}
