//! The comparison at the end of a run, as plain text.

use crate::report::summary::{ModelSummary, Summary};
use crate::text;

const WIDTH: usize = 80;
const LABEL_WIDTH: usize = 20;
const COLUMN_WIDTH: usize = 15;

/// Which value of a row is marked as the better one.
#[derive(Clone, Copy, PartialEq)]
enum Better {
    Higher,
    Lower,
    /// The row describes; it does not compare.
    Neither,
}

/// A row's label, the better direction, the value compared and the value shown.
type Row = (
    &'static str,
    Better,
    fn(&ModelSummary) -> f64,
    fn(&ModelSummary) -> String,
);

const ROWS: [Row; 7] = [
    (
        "parameters",
        Better::Neither,
        |m| m.parameters as f64,
        |m| text::thousands(m.parameters as u64),
    ),
    (
        "train accuracy",
        Better::Higher,
        |m| m.train_accuracy,
        |m| text::percent(m.train_accuracy) + " %",
    ),
    (
        "validation accuracy",
        Better::Higher,
        |m| m.validation_accuracy,
        |m| text::percent(m.validation_accuracy) + " %",
    ),
    (
        "test accuracy",
        Better::Higher,
        |m| m.test_accuracy,
        |m| text::percent(m.test_accuracy) + " %",
    ),
    (
        "test loss",
        Better::Lower,
        |m| m.test_loss,
        |m| text::loss(m.test_loss),
    ),
    (
        "time per epoch",
        Better::Lower,
        |m| m.seconds_per_epoch,
        |m| duration(m.seconds_per_epoch),
    ),
    (
        "total time",
        Better::Lower,
        |m| m.total_seconds,
        |m| duration(m.total_seconds),
    ),
];

/// The models side by side, the smallest first, under a header that names dataset, backend and
/// device. Ends with a newline; no line is wider than 80 columns for up to four models.
///
/// With several models a star marks the best value of a row, unless all look the same.
pub fn table(summary: &Summary) -> String {
    let mut models: Vec<_> = summary.models.iter().collect();
    models.sort_by_key(|(_, model)| model.parameters);

    let mut out = String::new();
    for line in [
        format!(
            "{} — {} {}, seed {}",
            summary.dataset,
            summary.epochs,
            if summary.epochs == 1 {
                "epoch"
            } else {
                "epochs"
            },
            summary.seed
        ),
        format!("{} — {}", summary.backend, summary.device),
    ] {
        out += &text::one_line(&line, WIDTH);
        out.push('\n');
    }

    let mut line = " ".repeat(LABEL_WIDTH);
    for (name, _) in &models {
        let name = text::one_line(name, COLUMN_WIDTH - 3);
        line += &format!("{name:>width$}  ", width = COLUMN_WIDTH - 2);
    }
    let rule = "-".repeat((LABEL_WIDTH + COLUMN_WIDTH * models.len()).saturating_sub(2));
    push_line(&mut out, "");
    push_line(&mut out, &line);
    push_line(&mut out, &rule);

    let mut any_star = false;
    for (label, better, value, show) in ROWS {
        let cells: Vec<String> = models.iter().map(|(_, model)| show(model)).collect();
        let best = best(better, models.iter().map(|(_, model)| value(model)))
            .filter(|_| cells.iter().any(|cell| *cell != cells[0]));
        let mut line = format!("{label:<LABEL_WIDTH$}");
        for ((_, model), cell) in models.iter().zip(&cells) {
            let star = if best == Some(value(model)) { '*' } else { ' ' };
            any_star |= star == '*';
            line += &format!("{cell:>width$} {star}", width = COLUMN_WIDTH - 2);
        }
        push_line(&mut out, &line);
    }
    if any_star {
        push_line(&mut out, "");
        push_line(&mut out, "* better");
    }
    out
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

/// `0.46 s`, `12.3 s`, and from two minutes on `3 min 27 s`.
fn duration(seconds: f64) -> String {
    if seconds < 10.0 {
        format!("{seconds:.2} s")
    } else if seconds < 120.0 {
        format!("{seconds:.1} s")
    } else {
        let seconds = seconds.round() as u64;
        format!(
            "{} min {:02} s",
            text::thousands(seconds / 60),
            seconds % 60
        )
    }
}

fn push_line(out: &mut String, line: &str) {
    out.push_str(line.trim_end());
    out.push('\n');
}
