//! An [`Evaluation`] as plain text.

use console::measure_text_width;

use super::{Comparison, Evaluation, ModelEvaluation, Scores};
use crate::report::table::{
    Better, MATRIX_CLASSES, Measure, Row, always, percent, rows, side_by_side,
};
use crate::util::columns::{fit, fit_apart, width_of};
use crate::util::text;

const WIDTH: usize = 80;
/// Columns of a class at least.
const NAME_WIDTH: usize = 12;
/// Columns of a confusion matrix, unless a count is longer than five digits.
const COUNT_WIDTH: usize = 6;
const MODEL_WIDTH: usize = 26;
/// Columns of a class in the list of mistakes.
const LONG_NAME_WIDTH: usize = 26;

/// Most frequent mistakes that are told.
pub const MISTAKES: usize = 20;

/// What models are compared by on the test set.
const MEASURES: [Measure<ModelEvaluation>; 7] = [
    Measure {
        label: "accuracy",
        better: Better::Higher,
        value: |m| m.accuracy.into(),
        show: percent,
    },
    Measure {
        label: "label in top 2",
        better: Better::Higher,
        value: |m| m.top2_accuracy.into(),
        show: percent,
    },
    Measure {
        label: "precision, macro",
        better: Better::Higher,
        value: |m| m.macro_average.precision.into(),
        show: percent,
    },
    Measure {
        label: "recall, macro",
        better: Better::Higher,
        value: |m| m.macro_average.recall.into(),
        show: percent,
    },
    Measure {
        label: "F1, macro",
        better: Better::Higher,
        value: |m| m.macro_average.f1.into(),
        show: percent,
    },
    Measure {
        label: "mean confidence",
        better: Better::Neither,
        value: |m| m.calibration.mean_confidence.into(),
        show: percent,
    },
    Measure {
        label: "calibration error",
        better: Better::Lower,
        value: |m| m.calibration.expected_error.into(),
        show: percent,
    },
];

/// What the accuracy is compared with where classes have different numbers of images.
const BALANCED_ACCURACY: Measure<ModelEvaluation> = Measure {
    label: "balanced accuracy",
    better: Better::Higher,
    value: |m| m.confusion.balanced_accuracy().into(),
    show: percent,
};

/// What `models` of an evaluation are compared by: first their accuracies.
pub fn measures(evaluation: &Evaluation, models: &[&ModelEvaluation]) -> Vec<Row> {
    let mut measures = rows(&MEASURES, models);
    if evaluation.class_names.len() == 2 {
        // There every label is.
        measures.retain(|row| row.label != "label in top 2");
    }
    if evaluation.largest_class().is_some() {
        measures.splice(1..1, rows(&[BALANCED_ACCURACY], models));
    }
    measures
}

/// All tables: the models side by side, where they disagree, the classes, what was taken for what.
/// No line is wider than 80 columns for up to two models, eleven classes and counts of five digits.
pub fn tables(evaluation: &Evaluation) -> String {
    let names: Vec<&str> = evaluation.models.iter().map(|m| m.model.as_str()).collect();
    let models: Vec<&ModelEvaluation> = evaluation.models.iter().collect();
    let mut parts = vec![side_by_side(&names, &measures(evaluation, &models), 1)];
    parts.extend(evaluation.largest_class().as_ref().map(always));
    let diverged = models.iter().filter(|model| model.diverged()).map(|model| {
        let name = text::one_line(&model.model, 12);
        format!("{name} diverged: its probabilities are no numbers\n")
    });
    parts.extend(Some(diverged.collect()).filter(|lines: &String| !lines.is_empty()));
    parts.extend(evaluation.comparison.as_ref().map(comparison));
    parts.push(classes(evaluation));
    parts.extend(
        models
            .iter()
            .map(|model| match evaluation.class_names.len() {
                ..=MATRIX_CLASSES => confusion(evaluation, model),
                _ => mistakes(evaluation, model),
            }),
    );
    parts.join("\n")
}

/// The classes' names in equal columns, with a gap behind them, where the rest of the line takes `others`.
fn names(evaluation: &Evaluation, others: usize) -> (usize, Vec<String>) {
    let names = &evaluation.class_names;
    let most = WIDTH.saturating_sub(others + 1).min(LONG_NAME_WIDTH);
    let width = width_of(names, NAME_WIDTH - 1, most);
    let names = fit_apart(names, width).into_iter();
    (width + 1, names.map(|name| name + " ").collect())
}

/// Who is right where, in words.
fn comparison(comparison: &Comparison) -> String {
    let [first, second] = comparison
        .models
        .each_ref()
        .map(|name| text::one_line(name, 12));
    let [only_first, only_second] = comparison.only_right.each_ref().map(Vec::len);
    let lines = [
        ("both right".to_owned(), comparison.both_right),
        (format!("only {first} right"), only_first),
        (format!("only {second} right"), only_second),
        ("both wrong".to_owned(), comparison.both_wrong),
    ];
    let mut out: String = lines
        .iter()
        .map(|(label, images)| format!("{label:<20}{:>13}\n", text::thousands(*images as u64)))
        .collect();
    out += &format!("McNemar's exact test: {}\n", p_value(comparison.p_value));
    out
}

/// `p = 0.0312`, and `p < 0.0001` for less than four decimals show.
pub fn p_value(p: f64) -> String {
    match p < 0.000_1 {
        true => "p < 0.0001".to_owned(),
        false => format!("p = {p:.4}"),
    }
}

/// Precision, recall and F1 in percent; dashes if there are none.
pub fn score_cells(scores: Option<Scores>) -> [String; 3] {
    scores.map_or([(); 3].map(|()| "–".to_owned()), |scores| {
        [scores.precision, scores.recall, scores.f1].map(text::percent)
    })
}

/// What the means are of, if classes have no part in them: `mean of the 2 classes that occur among
/// labels or predictions`.
pub fn mean_of(evaluation: &Evaluation) -> Option<String> {
    let counts: Vec<usize> = evaluation.models.iter().map(|m| m.occurring()).collect();
    let (fewest, most) = (counts.iter().min()?, counts.iter().max()?);
    if *fewest == evaluation.class_names.len() {
        return None;
    }
    let occur = "that occur among labels or predictions";
    if fewest == most {
        return Some(match fewest {
            1 => "mean of the one class that occurs among labels or predictions".to_owned(),
            _ => format!("mean of the {fewest} classes {occur}"),
        });
    }
    let each: Vec<String> = evaluation
        .models
        .iter()
        .zip(counts)
        .map(|(model, count)| format!("{} {count}", text::one_line(&model.model, 12)))
        .collect();
    Some(format!("mean of the classes {occur}: {}", each.join(", ")))
}

/// Precision, recall and F1 of each class, in percent.
fn classes(evaluation: &Evaluation) -> String {
    let columns = 8 + MODEL_WIDTH * evaluation.models.len();
    let (width, names) = names(evaluation, columns);
    let mut out = format!("{:width$}{:8}", "", "");
    for model in &evaluation.models {
        let name = text::one_line(&model.model, MODEL_WIDTH - 3);
        out += &format!("{name:>MODEL_WIDTH$}");
    }
    out += &format!("\n{:width$}{:>8}", "class", "images");
    for _ in &evaluation.models {
        out += &format!("{:>11}{:>8}{:>7}", "precision", "recall", "F1");
    }
    out.push('\n');
    out += &"-".repeat(width + columns);
    out.push('\n');

    type Of<'a> = &'a dyn Fn(&ModelEvaluation) -> Option<Scores>;
    let mut line = |name: &str, images: usize, scores: Of| {
        out += &format!("{name}{:>8}", text::thousands(images as u64));
        for [precision, recall, f1] in evaluation.models.iter().map(scores).map(score_cells) {
            out += &format!("{precision:>11}{recall:>8}{f1:>7}");
        }
        out.push('\n');
    };
    for (class, name) in names.iter().enumerate() {
        let images = evaluation
            .models
            .first()
            .map_or(0, |m| m.classes[class].support);
        line(name, images, &|model| model.scores(class));
    }
    line(&fit("mean", width), evaluation.images, &|model| {
        Some(model.macro_average)
    });
    if let Some(note) = mean_of(evaluation) {
        out += &format!("\n{note}\n");
    }
    out
}

/// Counts, with a dot for none, so that the mistakes stand out.
fn confusion(evaluation: &Evaluation, model: &ModelEvaluation) -> String {
    let counts = model.confusion.counts.iter().flatten();
    let longest = counts.max().map_or(0, |count| count.to_string().len());
    let width = COUNT_WIDTH.max(longest + 1);
    let columns = width * evaluation.class_names.len();
    let (name_width, names) = names(evaluation, columns);
    let mut out = format!(
        "{}: each row is a class, each column what its images were taken for\n\n{:name_width$}",
        text::one_line(&model.model, 12),
        ""
    );
    for name in fit_apart(&evaluation.class_names, width - 1) {
        let name = name.trim_end();
        out += &" ".repeat(width - measure_text_width(name));
        out += name;
    }
    out.push('\n');
    out += &"-".repeat(name_width + columns);
    out.push('\n');
    for (name, counts) in names.iter().zip(&model.confusion.counts) {
        out += name;
        for count in counts {
            let count = match count {
                0 => "·".to_owned(),
                count => count.to_string(),
            };
            out += &format!("{count:>width$}");
        }
        out.push('\n');
    }
    out
}

/// The most frequent mistakes, with their shares of the class in percent.
fn mistakes(evaluation: &Evaluation, model: &ModelEvaluation) -> String {
    let mistakes = model.confusion.mistakes();
    let name = text::one_line(&model.model, 12);
    let mut out = match mistakes.len() {
        0 => return format!("{name}: no mistakes\n"),
        all @ ..=MISTAKES => format!("{name}: {}", text::count(all, "confused pair")),
        all => format!(
            "{name}: the {MISTAKES} most confused of {} pairs",
            text::thousands(all as u64)
        ),
    };
    out += &format!(
        ", in place of a matrix\n\n{:LONG_NAME_WIDTH$}{:LONG_NAME_WIDTH$}{:>8}{:>13}\n",
        "class", "taken for", "images", "of its class"
    );
    out += &"-".repeat(2 * LONG_NAME_WIDTH + 21);
    out.push('\n');
    for (label, prediction) in mistakes.into_iter().take(MISTAKES) {
        let [class, other] = [label, prediction]
            .map(|class| fit(&evaluation.class_names[class], LONG_NAME_WIDTH - 2) + "  ");
        let images = model.confusion.counts[label][prediction];
        out += &format!(
            "{class}{other}{:>8}{:>11} %\n",
            text::thousands(images.into()),
            text::percent(model.confusion.share(label, prediction))
        );
    }
    out
}
