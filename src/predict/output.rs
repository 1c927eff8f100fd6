//! Predictions for a picture, as text and as JSON.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::model::{argmax, confidence};
use crate::util::columns::{fit, fit_apart, fit_end, width_of};
use crate::util::text::{self, push_line};

/// A model's name and the probabilities it gives the classes, in the order of the labels.
pub type Prediction<'a> = (&'a str, Vec<f32>);

/// The answer of a model whose probability is below the threshold.
const UNSURE: &str = "unsure";
/// Classes that are shown of a picture.
const MAX_CLASSES: usize = 10;
/// Columns of a class's name at most, and in a line for one picture of many at least, if any has so many.
const WIDEST_NAME: usize = 30;
const NAME_WIDTH: usize = 12;
/// Least width of a line; on a narrower terminal lines wrap.
const LEAST_WIDTH: usize = 60;
/// Bars are no wider than this, however wide the terminal is.
const WIDEST_BAR: usize = 24;
/// Width of a percentage with the space around it.
const PERCENT_WIDTH: usize = 9;

/// One picture in full: every class with its probability as a bar, one column for each model, the
/// most probable class of the first model at the top; of more than ten classes the ten that are the
/// most probable to any model. Several lines, none wider than `width`, if that is at least 60 for one
/// or two models.
///
/// Below stands which models are unsure: those whose most probable class is below `threshold`.
pub fn details(
    file: &str,
    predictions: &[Prediction],
    class_names: &[String],
    threshold: f32,
    width: usize,
) -> String {
    let width = width.max(LEAST_WIDTH);
    let labels = most_probable(predictions, class_names.len());
    let most = (width / 3).min(WIDEST_NAME);
    let name_width = width_of(class_names, 1, most);
    let names = fit_apart(class_names, name_width);
    let column = (width - 2 - name_width) / predictions.len().max(1);
    let bar_width = column.saturating_sub(2 + PERCENT_WIDTH).min(WIDEST_BAR);

    let mut out = fit(file, width).trim_end().to_owned() + "\n";
    let mut line = " ".repeat(2 + name_width);
    for (model, _) in predictions {
        line += &format!("  {}", fit(model, bar_width + PERCENT_WIDTH));
    }
    push_line(&mut out, &line);
    for &label in &labels {
        let mut line = format!("  {}", names[label]);
        for (_, probabilities) in predictions {
            let probability = probabilities[label];
            line += &format!("  {}{}", bar(probability, bar_width), percent(probability));
        }
        push_line(&mut out, &line);
    }
    let rest = class_names.len() - labels.len();
    if rest > 0 {
        push_line(
            &mut out,
            &format!("  and {} less probable", text::thousands(rest as u64)),
        );
    }
    for (model, probabilities) in predictions {
        if is_unsure(probabilities, threshold) {
            let least = text::percent(f64::from(threshold));
            push_line(
                &mut out,
                &format!("  {model} is unsure: no class reaches {least} %"),
            );
        }
    }
    out
}

/// Whether no class is as probable as that.
fn is_unsure(probabilities: &[f32], threshold: f32) -> bool {
    // Nor is a model sure that says NaN.
    threshold > 0.0 && confidence(probabilities) < f64::from(threshold)
}

/// The labels that [`details`] shows, the first model's most probable at the top.
fn most_probable(predictions: &[Prediction], classes: usize) -> Vec<usize> {
    let ranked = |(_, probabilities): &Prediction| {
        let mut labels: Vec<usize> = (0..classes).collect();
        labels.sort_by(|&a, &b| probabilities[b].total_cmp(&probabilities[a]));
        labels
    };
    let rankings: Vec<Vec<usize>> = predictions.iter().map(ranked).collect();
    let Some(first) = rankings.first() else {
        return (0..classes).take(MAX_CLASSES).collect();
    };
    // The first of each model, the second of each, and so on.
    let mut shown = BTreeSet::new();
    for label in (0..classes).flat_map(|rank| rankings.iter().map(move |labels| labels[rank])) {
        if shown.len() == MAX_CLASSES {
            break;
        }
        shown.insert(label);
    }
    let is_shown = |label: &usize| shown.contains(label);
    first.iter().copied().filter(is_shown).collect()
}

/// One picture among many: its file, and for each model the most probable class with its
/// probability as a bar; `unsure` in place of one below `threshold`. One line, no wider than `width`,
/// if that is at least 60 for one or two models.
pub fn row(
    file: &str,
    predictions: &[Prediction],
    class_names: &[String],
    threshold: f32,
    width: usize,
) -> String {
    let width = width.max(LEAST_WIDTH);
    let models = predictions.len();
    let model_names = predictions.iter().map(|(model, _)| model);
    let model_width = width_of(model_names, 0, usize::MAX);
    let least = if threshold > 0.0 { UNSURE.len() } else { 1 };
    let room = (2 * width / 3).checked_div(models).unwrap_or(0);
    let room = room.saturating_sub(2 + model_width + 1 + PERCENT_WIDTH);
    let class_width = width_of(class_names, least, room.clamp(NAME_WIDTH, WIDEST_NAME));
    let class_names = fit_apart(class_names, class_width);
    // The file takes a third of the line, the models share the rest, and what their bars do not
    // need goes to the file. Before a bar there is a gap, like that before a percentage.
    let fixed = models * (2 + model_width + 1 + class_width + PERCENT_WIDTH);
    let bar_space = (2 * width / 3)
        .saturating_sub(fixed)
        .checked_div(models)
        .unwrap_or(0)
        .min(1 + WIDEST_BAR);
    let file_width = width.saturating_sub(fixed + models * bar_space);

    let mut line = fit_end(file, file_width);
    for (model, probabilities) in predictions {
        let label = argmax(probabilities);
        let bar = match bar_space.checked_sub(1) {
            Some(width) => format!(" {}", bar(probabilities[label], width)),
            None => String::new(),
        };
        let class = match is_unsure(probabilities, threshold) {
            true => UNSURE,
            false => &class_names[label],
        };
        line += &format!(
            "  {} {}{bar}{}",
            fit(model, model_width),
            fit(class, class_width),
            percent(probabilities[label])
        );
    }
    line.trim_end().to_owned() + "\n"
}

/// One picture as a line of JSON:
/// `{"file", "models": {"cnn": {"class", "label", "probabilities"}, …}}`, `"unsure": true` of a model
/// whose class is below `threshold`, and a `"warning"` if there is one.
///
/// # Errors
///
/// None that is known: the types have a form in JSON.
pub fn json(
    file: &str,
    predictions: &[Prediction],
    class_names: &[String],
    threshold: f32,
    warning: Option<&str>,
) -> serde_json::Result<String> {
    let models = predictions
        .iter()
        .map(|(model, probabilities)| {
            let label = argmax(probabilities);
            let prediction = JsonPrediction {
                class: &class_names[label],
                label,
                unsure: is_unsure(probabilities, threshold),
                probabilities,
            };
            (*model, prediction)
        })
        .collect();
    let line = JsonLine {
        file,
        models,
        warning,
    };
    serde_json::to_string(&line)
}

/// A picture that could not be read as a line of JSON: `{"file", "error"}`.
///
/// # Errors
///
/// None that is known, as [`json`].
pub fn json_error(file: &str, error: &str) -> serde_json::Result<String> {
    serde_json::to_string(&JsonError { file, error })
}

#[derive(Serialize)]
struct JsonLine<'a> {
    file: &'a str,
    models: BTreeMap<&'a str, JsonPrediction<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<&'a str>,
}

#[derive(Serialize)]
struct JsonPrediction<'a> {
    class: &'a str,
    label: usize,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unsure: bool,
    probabilities: &'a [f32],
}

#[derive(Serialize)]
struct JsonError<'a> {
    file: &'a str,
    error: &'a str,
}

/// A horizontal bar of eighths of a column, padded to `width` columns.
fn bar(fraction: f32, width: usize) -> String {
    const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    // The cast takes NaN to 0.
    let eighths = (fraction.clamp(0.0, 1.0) * (8 * width) as f32).round() as usize;
    let bar = "█".repeat(eighths / 8) + EIGHTHS[eighths % 8];
    format!("{bar:<width$}")
}

/// `  97.03 %`, [`PERCENT_WIDTH`] columns.
fn percent(fraction: f32) -> String {
    format!("{:>7} %", text::percent(f64::from(fraction)))
}
