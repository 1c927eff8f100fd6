//! Models side by side, as plain text: the comparison at the end of a run, or of several.

use std::borrow::Cow;

use crate::model::ModelKind;
use crate::report::evaluation::LargestClass;
use crate::report::summary::{ModelRuns, RunsSummary, Summary, TestClass};
use crate::util::columns::{fit, width_of};
use crate::util::statistics::MeanStd;
use crate::util::text::{self, push_line};

/// More classes than these make a confusion matrix that nobody reads: its most frequent mistakes stand
/// in its place.
pub const MATRIX_CLASSES: usize = 20;

const WIDTH: usize = 80;
/// Columns before the models', if no label is longer.
const LABEL_WIDTH: usize = 20;
/// Characters of a class's name at most.
const LONGEST_NAME: usize = 24;
/// Width of a model's column, with one run and with several.
const COLUMN_WIDTHS: [usize; 2] = [15, 22];

/// Which value of a row is marked as the better one.
#[derive(Clone, Copy, PartialEq)]
pub enum Better {
    /// Such as accuracies.
    Higher,
    /// Such as losses and times.
    Lower,
    /// The row describes; it does not compare.
    Neither,
}

/// Something that models are compared by, told by an `M` of each model.
pub struct Measure<M> {
    /// What stands before its row.
    pub label: &'static str,
    /// Which end of it is good.
    pub better: Better,
    /// The value.
    pub value: fn(&M) -> MeanStd,
    /// The value as people read it.
    pub show: fn(MeanStd) -> String,
}

/// A measure of several models.
pub struct Row {
    /// See [`Measure::label`].
    pub label: Cow<'static, str>,
    /// One for each model; none of a heading.
    pub cells: Vec<Cell>,
}

/// One model's value in a [`Row`].
pub struct Cell {
    /// The value as people read it.
    pub text: String,
    /// Whether no model's is better; never if all look the same.
    pub best: bool,
}

/// What a run, or several, is summed up by. [`summary`] has one more where it says something.
const SUMMARY: [Measure<ModelRuns>; 7] = [
    Measure {
        label: "parameters",
        better: Better::Neither,
        value: |m| (m.parameters as f64).into(),
        show: |value| text::thousands(value.mean as u64),
    },
    Measure {
        label: "train accuracy",
        better: Better::Higher,
        value: |m| m.train_accuracy,
        show: percent,
    },
    Measure {
        label: "validation accuracy",
        better: Better::Higher,
        value: |m| m.validation_accuracy,
        show: percent,
    },
    Measure {
        label: "test accuracy",
        better: Better::Higher,
        value: |m| m.test_accuracy,
        show: percent,
    },
    Measure {
        label: "test loss",
        better: Better::Lower,
        value: |m| m.test_loss,
        show: loss,
    },
    Measure {
        label: "time per epoch",
        better: Better::Lower,
        value: |m| m.seconds_per_epoch,
        show: duration,
    },
    Measure {
        label: "total time",
        better: Better::Lower,
        value: |m| m.total_seconds,
        show: duration,
    },
];

/// Where classes have different numbers of images; a run on another dataset may have none.
const BALANCED_ACCURACY: Measure<ModelRuns> = Measure {
    label: "balanced accuracy",
    better: Better::Higher,
    value: |m| m.balanced_accuracy.unwrap_or(f64::NAN.into()),
    show: |value| match value.mean.is_nan() {
        true => "–".to_owned(),
        false => percent(value),
    },
};

/// What models of runs are summed up by.
pub fn summary(models: &[&ModelRuns]) -> Vec<Row> {
    let mut summary = rows(&SUMMARY, models);
    if models.iter().any(|model| model.balanced_accuracy.is_some()) {
        let accuracy = summary.iter().position(|row| row.label == "test accuracy");
        let at = accuracy.map_or(summary.len(), |place| place + 1);
        summary.splice(at..at, rows(&[BALANCED_ACCURACY], models));
    }
    summary
}

/// The models side by side under a header that names dataset, backend and
/// device. Of several runs, which differ in nothing but their seed, it shows means and standard
/// deviations.
///
/// Ends with a newline. No line is wider than 80 columns for up to four models, with several runs
/// for up to two. Empty if there are no runs.
///
/// With several models a star marks the best value of a row, unless all look the same.
pub fn table(summaries: &[Summary]) -> String {
    let Some(summary) = RunsSummary::of(summaries) else {
        return String::new();
    };
    let mut out = String::new();
    for line in [
        format!(
            "{} — {}, recipe {}, {}",
            summary.dataset,
            text::count(summary.epochs, "epoch"),
            summary.recipe,
            seeds(&summary.seeds)
        ),
        format!("{} — {}", summary.backend, summary.device),
    ] {
        out += &text::one_line(&line, WIDTH);
        out.push('\n');
    }
    let (names, models) = models(&summary);
    push_line(&mut out, "");
    let mut rows = self::summary(&models);
    rows.extend(recalls(&summary.test_classes, &models));
    out += &side_by_side(&names, &rows, summaries.len());
    if let Some(class) = &summary.largest_class {
        push_line(&mut out, "");
        out += &always(class);
    }
    out
}

/// The models' names and results in the order in which they train.
pub fn models(summary: &RunsSummary) -> (Vec<&str>, Vec<&ModelRuns>) {
    let mut models: Vec<_> = summary.models.iter().collect();
    let place = |name: &str| ModelKind::ALL.iter().position(|kind| kind.name() == name);
    models.sort_by_key(|(name, _)| place(name).unwrap_or(usize::MAX));
    models
        .into_iter()
        .map(|(name, model)| (name.as_str(), model))
        .unzip()
}

/// The measures of each of the models. Models are compared by their means.
pub fn rows<M>(measures: &[Measure<M>], models: &[&M]) -> Vec<Row> {
    let of = |measure: &Measure<M>| {
        let values = models.iter().map(|model| (measure.value)(model));
        let values: Vec<MeanStd> = values.collect();
        row(measure.label, measure.better, &values, measure.show)
    };
    measures.iter().map(of).collect()
}

/// A row of these values, one for each model.
fn row(
    label: impl Into<Cow<'static, str>>,
    better: Better,
    values: &[MeanStd],
    show: fn(MeanStd) -> String,
) -> Row {
    let look = |value: &MeanStd| show(value.mean.into());
    let best = best(better, values.iter().map(|value| value.mean))
        .filter(|_| values.iter().any(|value| look(value) != look(&values[0])));
    let cell = |value: &MeanStd| Cell {
        text: show(*value),
        best: best == Some(value.mean),
    };
    Row {
        label: label.into(),
        cells: values.iter().map(cell).collect(),
    }
}

/// The recall of each class below a heading, with the number of its test images; of many classes that of those
/// recognised least.
fn recalls(classes: &[TestClass], models: &[&ModelRuns]) -> Vec<Row> {
    let recalls = classes.iter().enumerate().filter_map(|(place, class)| {
        let of = |model: &&ModelRuns| *model.class_recalls.get(place)?;
        let recalls: Vec<MeanStd> = models.iter().map(of).collect::<Option<_>>()?;
        Some((class, recalls))
    });
    let mut recalls: Vec<(&TestClass, Vec<MeanStd>)> = recalls.collect();
    let heading = match recalls.len() {
        0 => return Vec::new(),
        1..=MATRIX_CLASSES => "recall of each class (test images)".to_owned(),
        all => {
            let sum = |recalls: &[MeanStd]| recalls.iter().map(|recall| recall.mean).sum::<f64>();
            recalls.sort_by(|(_, a), (_, b)| sum(a).total_cmp(&sum(b)));
            recalls.truncate(MATRIX_CLASSES);
            let by = match models.len() {
                1 => "",
                _ => ", by the models' mean",
            };
            format!("the {MATRIX_CLASSES} lowest recalls of {all} classes{by} (test images)")
        }
    };
    let heading = Row {
        label: heading.into(),
        cells: Vec::new(),
    };
    let of_class = |(class, recalls): (&TestClass, Vec<MeanStd>)| {
        let images = text::thousands(class.images as u64);
        let name = format!("  {} ({images})", text::one_line(&class.name, LONGEST_NAME));
        row(name, Better::Higher, &recalls, percent)
    };
    [heading]
        .into_iter()
        .chain(recalls.into_iter().map(of_class))
        .collect()
}

/// One column for each model under its name, a star behind the best of a row, and what that and
/// the means of several `runs` are. Ends with a newline.
pub fn side_by_side(names: &[&str], rows: &[Row], runs: usize) -> String {
    let column_width = COLUMN_WIDTHS[usize::from(runs > 1)];
    let room = WIDTH.saturating_sub(column_width * names.len());
    let labels = rows.iter().filter(|row| !row.cells.is_empty());
    let labels = labels.map(|row| &row.label);
    let label_width = 1 + width_of(labels, LABEL_WIDTH - 1, room.saturating_sub(1));
    let mut out = String::new();
    let mut line = " ".repeat(label_width);
    for name in names {
        let name = text::one_line(name, column_width - 3);
        line += &format!("{name:>width$}  ", width = column_width - 2);
    }
    push_line(&mut out, &line);
    let rule = "-".repeat((label_width + column_width * names.len()).saturating_sub(2));
    push_line(&mut out, &rule);
    for row in rows {
        if row.cells.is_empty() {
            push_line(&mut out, "");
        }
        let mut line = match row.cells.is_empty() {
            true => row.label.to_string(),
            false => fit(&row.label, label_width - 1) + " ",
        };
        for cell in &row.cells {
            let star = if cell.best { '*' } else { ' ' };
            line += &format!("{:>width$} {star}", cell.text, width = column_width - 2);
        }
        push_line(&mut out, &line);
    }
    let any_star = rows.iter().flat_map(|row| &row.cells).any(|cell| cell.best);
    if any_star || runs > 1 {
        push_line(&mut out, "");
    }
    if runs > 1 {
        push_line(
            &mut out,
            &format!("mean ± standard deviation of {runs} runs"),
        );
    }
    if any_star {
        push_line(&mut out, "* better");
    }
    out
}

/// `seed 3`, `seeds 0–4`, and where they do not follow each other `seeds 1, 5, 9`.
fn seeds(seeds: &[u64]) -> String {
    let consecutive = seeds
        .windows(2)
        .all(|pair| pair[0].checked_add(1) == Some(pair[1]));
    match seeds {
        [seed] => format!("seed {seed}"),
        [first, .., last] if consecutive => format!("seeds {first}–{last}"),
        _ => {
            let seeds: Vec<_> = seeds.iter().map(u64::to_string).collect();
            format!("seeds {}", seeds.join(", "))
        }
    }
}

/// The best of the values that are numbers.
fn best(better: Better, values: impl Iterator<Item = f64>) -> Option<f64> {
    let values = values.filter(|value| !value.is_nan());
    match better {
        Better::Higher => values.max_by(f64::total_cmp),
        Better::Lower => values.min_by(f64::total_cmp),
        Better::Neither => None,
    }
}

/// A fraction as `91.84 %` or `91.84 ± 0.12 %`.
pub fn percent(value: MeanStd) -> String {
    let percent = MeanStd {
        mean: 100.0 * value.mean,
        std: value.std.map(|std| 100.0 * std),
    };
    percent.to_text(2) + " %"
}

/// `0.2352`, or `0.2352 ± 0.0012`.
fn loss(value: MeanStd) -> String {
    let mean = text::loss(value.mean);
    match value.std {
        Some(std) => format!("{mean} ± {}", text::loss(std).trim_start()),
        None => mean,
    }
}

/// `0.46 s`, `12.3 ± 0.4 s`, and from two minutes on `3 min 27 s ± 4 s`.
fn duration(value: MeanStd) -> String {
    let seconds = value.mean;
    if seconds < 10.0 {
        value.to_text(2) + " s"
    } else if seconds < 120.0 {
        value.to_text(1) + " s"
    } else {
        let seconds = seconds.round() as u64;
        let (minutes, seconds) = (text::thousands(seconds / 60), seconds % 60);
        let std = value
            .std
            .map_or(String::new(), |std| format!(" ± {std:.0} s"));
        format!("{minutes} min {seconds:02} s{std}")
    }
}

/// `always saying “dress”, the largest class, is right on 26.00 %`, as a line.
pub fn always(class: &LargestClass) -> String {
    let name = text::one_line(&class.name, 28);
    let share = text::percent(class.share);
    format!("always saying “{name}”, the largest class, is right on {share} %\n")
}
