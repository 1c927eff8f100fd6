//! What the models say of pictures is readable at any width and by programs.

use fmnist::dataset::FASHION_MNIST_CLASSES;
use fmnist::predict::output::{Prediction, details, json, json_error, row};
use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;

fn class_names() -> [String; 10] {
    FASHION_MNIST_CLASSES.map(str::to_owned)
}

/// All but certain of an ankle boot, and torn between a coat and a pullover.
fn predictions() -> [Prediction<'static>; 2] {
    let mut boot = [0.001; 10];
    boot[9] = 0.991;
    let mut coat = [0.0; 10];
    (coat[4], coat[2]) = (0.625, 0.375);
    [("dense", boot.to_vec()), ("cnn", coat.to_vec())]
}

#[test]
fn details_have_a_row_for_each_class_the_most_probable_first() {
    let text = details("boot.png", &predictions(), &class_names(), 0.0, 100);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 12, "{text}");
    assert_eq!(lines[0], "boot.png");
    assert_eq!(
        lines[1].split_whitespace().collect::<Vec<_>>(),
        ["dense", "cnn"]
    );
    assert_eq!(
        lines[2].split_whitespace().collect::<Vec<_>>(),
        [
            "Ankle",
            "boot",
            "███████████████████████▊",
            "99.10",
            "%",
            "0.00",
            "%"
        ]
    );
    let coat = lines.iter().find(|line| line.contains("Coat")).unwrap();
    // 62.5 % of 24 columns.
    assert!(coat.contains(&format!(" {} ", "█".repeat(15))), "{coat}");
    assert!(coat.ends_with("62.50 %"), "{coat}");
    for name in FASHION_MNIST_CLASSES {
        assert_eq!(text.matches(name).count(), 1, "{name}");
    }
}

#[test]
fn of_many_classes_the_ten_most_probable_to_any_model_are_shown() {
    let names: Vec<String> = (0..1000).map(|class| format!("c{class}.")).collect();
    // The more probable the higher the label, and the other way round.
    let up: Vec<f32> = (0..1000).map(|class| class as f32 / 499_500.0).collect();
    let down: Vec<f32> = up.iter().rev().copied().collect();
    let text = |models: &[Prediction]| details("a.png", models, &names, 0.0, 80);
    let shown = |text: &str| -> Vec<String> {
        let rows = text.lines().filter(|line| line.starts_with("  c"));
        let first = rows.map(|line| line.split_whitespace().next().unwrap().to_owned());
        first.collect()
    };
    let one = text(&[("dense", up.clone())]);
    let expected: Vec<String> = (990..1000)
        .rev()
        .map(|class| format!("c{class}."))
        .collect();
    assert_eq!(shown(&one), expected, "{one}");
    assert!(one.ends_with("  and 990 less probable\n"), "{one}");
    // Five of each, in the order of the first.
    let two = text(&[("dense", up), ("cnn", down)]);
    let labels = (995..1000).rev().chain((0..5).rev());
    let expected: Vec<String> = labels.map(|class| format!("c{class}.")).collect();
    assert_eq!(shown(&two), expected, "{two}");
    // No less in the JSON.
    let line = json("a.png", &[("cnn", vec![0.001; 1000])], &names, 0.0, None).unwrap();
    let value: Value = serde_json::from_str(&line).unwrap();
    let probabilities = value["models"]["cnn"]["probabilities"].as_array().unwrap();
    assert_eq!(probabilities.len(), 1000);
    assert!(!details("a.png", &predictions(), &class_names(), 0.0, 80).contains("less probable"));
}

#[test]
fn a_row_has_the_class_of_every_model() {
    let line = row("boot.png", &predictions(), &class_names(), 0.0, 120);
    assert_eq!(line.matches('\n').count(), 1);
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[..4], ["boot.png", "dense", "Ankle", "boot"], "{line}");
    assert!(words.contains(&"99.10"), "{line}");
    assert!(line.contains("cnn   Coat"), "{line}");
    assert!(line.ends_with("62.50 %\n"), "{line}");
}

#[test]
fn names_bars_and_percentages_do_not_touch() {
    let long = [
        "Overshirts",
        "Regenmäntel",
        "Hosenanzüge!",
        "Kapuzenpullover",
        "ブーツとくつ",
        "長いブーツとくつ",
    ];
    for name in long {
        let mut names = class_names();
        names[9] = name.to_owned();
        let mut sure = vec![0.0; 10];
        sure[9] = 1.0;
        let models = ["dense", "cnn"].map(|model| (model, sure.clone()));
        for width in 60..200 {
            for models in [&models[..1], &models] {
                let texts = [row, details].map(|text| text("boot.png", models, &names, 0.0, width));
                for line in texts.iter().flat_map(|text| text.lines()) {
                    // Between a character and a bar, or a bar and a digit, there is space.
                    let characters: Vec<char> = line.chars().collect();
                    let is_bar = |c: char| ('█'..='▏').contains(&c);
                    let touches = characters
                        .windows(2)
                        .any(|pair| is_bar(pair[0]) != is_bar(pair[1]) && !pair.contains(&' '));
                    assert!(!touches, "{width}: {line}");
                }
            }
        }
    }
}

#[test]
fn no_line_is_wider_than_the_terminal_and_columns_stand_under_each_other() {
    let names = [
        "a.png",
        "folder/with a rather long name/and another one/photograph of a left boot.jpeg",
        "写真/左のブーツの写真/とても長い名前の写真/左のブーツ.png",
        "e\u{301}te\u{301}.png",
        "",
    ];
    for width in [0, 59, 60, 61, 80, 100, 240] {
        for models in 0..=2 {
            let predictions = &predictions()[..models];
            let mut ends = Vec::new();
            for file in names {
                let line = row(file, predictions, &class_names(), 0.0, width);
                for line in line.lines() {
                    assert!(line.width() <= width.max(60), "{width}: {line}");
                }
                if models > 0 {
                    let model = line.find("dense").expect("it stands in the line");
                    ends.push(line[..model].width());
                }
                for line in details(file, predictions, &class_names(), 0.0, width).lines() {
                    assert!(line.width() <= width.max(60), "{width}: {line}");
                }
            }
            ends.dedup();
            assert!(ends.len() <= 1, "{width}: {ends:?}");
        }
    }
}

#[test]
fn of_a_long_path_the_end_is_shown() {
    let path = format!("{}/left boot.jpeg", "folder/".repeat(20));
    let line = row(&path, &predictions(), &class_names(), 0.0, 100);
    let file = line.split("  ").next().expect("it begins with the file");
    assert!(
        file.starts_with('…') && file.ends_with("left boot.jpeg"),
        "{line}"
    );
}

#[test]
fn control_characters_of_a_name_reach_no_terminal() {
    let file = "a\x1b[2J\r\nb\u{9b}31m\x07.png";
    let mut names = class_names();
    names[9] = "\x1b]0;title\x07boot".to_owned();
    let texts = [
        details(file, &predictions(), &names, 0.0, 80),
        row(file, &predictions(), &names, 0.0, 80),
    ];
    for text in texts {
        let others = text.chars().filter(|&c| c != '\n');
        assert!(!others.clone().any(char::is_control), "{text:?}");
        assert!(text.contains("a [2J"), "{text:?}");
    }
}

#[test]
fn lines_of_json_hold_everything() {
    let file = "folder/\"quoted\"\nbroken \x1b[1m<b>.png";
    let line = json(file, &predictions(), &class_names(), 0.0, None).unwrap();
    assert!(!line.contains('\n') && !line.contains('\x1b'));
    let value: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(value["file"], file);
    assert_eq!(value["models"].as_object().unwrap().len(), 2);
    let cnn = &value["models"]["cnn"];
    assert_eq!((&cnn["class"], &cnn["label"]), (&json!("Coat"), &json!(4)));
    let probabilities = [0.0, 0.0, 0.375, 0.0, 0.625, 0.0, 0.0, 0.0, 0.0, 0.0];
    assert_eq!(cnn["probabilities"], json!(probabilities));
    assert_eq!(value["models"]["dense"]["label"], 9);

    assert_eq!(value.get("warning"), None);
    let line = json(
        file,
        &predictions(),
        &class_names(),
        0.0,
        Some("a \"word\""),
    )
    .unwrap();
    let value: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(value["warning"], "a \"word\"");

    let line = json_error(file, "it is\nno picture").unwrap();
    let value: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(value, json!({ "file": file, "error": "it is\nno picture" }));
}

#[test]
fn odd_probabilities_are_shown_all_the_same() {
    for value in [f32::NAN, f32::INFINITY, -1.0, 2.0] {
        let predictions = [("dense", vec![value; 10])];
        let text = details("a.png", &predictions, &class_names(), 0.0, 80);
        assert!(text.lines().all(|line| line.width() <= 80), "{text}");
        // Of equals the first.
        assert!(row("a.png", &predictions, &class_names(), 0.0, 80).contains("T-shirt/top"));
        let line = json("a.png", &predictions, &class_names(), 0.0, None).unwrap();
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["models"]["dense"]["label"], 0);
    }
}

#[test]
fn below_the_threshold_a_model_is_unsure() {
    let predictions = [
        ("dense", vec![0.5, 0.3, 0.2]),
        ("cnn", vec![0.05, 0.05, 0.9]),
    ];
    let names = ["a", "b", "c"].map(str::to_owned);
    let text = details("x.png", &predictions, &names, 0.6, 80);
    assert!(
        text.ends_with("  dense is unsure: no class reaches 60.00 %\n"),
        "{text}"
    );
    let line = row("x.png", &predictions, &names, 0.6, 80);
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[1..3], ["dense", "unsure"]);
    assert!(line.contains("cnn   c "), "{line}");
    let json: Value =
        serde_json::from_str(&json("x.png", &predictions, &names, 0.6, None).unwrap()).unwrap();
    assert_eq!(json["models"]["dense"]["unsure"], true);
    assert_eq!(json["models"]["dense"]["class"], "a");
    assert!(json["models"]["cnn"].get("unsure").is_none());
    // Exactly as probable is probable enough; a model that diverged is never sure.
    assert!(!details("x.png", &predictions, &names, 0.5, 80).contains("unsure"));
    let diverged = [("cnn", vec![f32::NAN; 3])];
    assert!(row("x.png", &diverged, &names, 0.1, 80).contains("unsure"));
    assert!(!row("x.png", &diverged, &names, 0.0, 80).contains("unsure"));
}
