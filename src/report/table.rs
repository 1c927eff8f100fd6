//! The comparison at the end of a run, or of several, as plain text.

use crate::report::summary::{ModelRuns, RunsSummary, Summary};
use crate::statistics::MeanStd;
use crate::text;

const WIDTH: usize = 80;
const LABEL_WIDTH: usize = 20;
/// Width of a model's column, with one run and with several.
const COLUMN_WIDTHS: [usize; 2] = [15, 22];

/// Which value of a row is marked as the better one.
#[derive(Clone, Copy, PartialEq)]
enum Better {
    Higher,
    Lower,
    /// The row describes; it does not compare.
    Neither,
}

/// A row's label, the better direction, the value and how it is shown.
type Row = (
    &'static str,
    Better,
    fn(&ModelRuns) -> MeanStd,
    fn(MeanStd) -> String,
);

const ROWS: [Row; 7] = [
    (
        "parameters",
        Better::Neither,
        |m| MeanStd {
            mean: m.parameters as f64,
            std: None,
        },
        |value| text::thousands(value.mean as u64),
    ),
    (
        "train accuracy",
        Better::Higher,
        |m| m.train_accuracy,
        percent,
    ),
    (
        "validation accuracy",
        Better::Higher,
        |m| m.validation_accuracy,
        percent,
    ),
    (
        "test accuracy",
        Better::Higher,
        |m| m.test_accuracy,
        percent,
    ),
    ("test loss", Better::Lower, |m| m.test_loss, loss),
    (
        "time per epoch",
        Better::Lower,
        |m| m.seconds_per_epoch,
        duration,
    ),
    ("total time", Better::Lower, |m| m.total_seconds, duration),
];

/// The models side by side, the smallest first, under a header that names dataset, backend and
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
    let runs = summary.seeds.len();
    let column_width = COLUMN_WIDTHS[usize::from(runs > 1)];
    let mut models: Vec<_> = summary.models.iter().collect();
    models.sort_by_key(|(_, model)| model.parameters);

    let mut out = String::new();
    for line in [
        format!(
            "{} — {} {}, recipe {}, {}",
            summary.dataset,
            summary.epochs,
            if summary.epochs == 1 {
                "epoch"
            } else {
                "epochs"
            },
            summary.recipe,
            seeds(&summary.seeds)
        ),
        format!("{} — {}", summary.backend, summary.device),
    ] {
        out += &text::one_line(&line, WIDTH);
        out.push('\n');
    }

    let mut line = " ".repeat(LABEL_WIDTH);
    for (name, _) in &models {
        let name = text::one_line(name, column_width - 3);
        line += &format!("{name:>width$}  ", width = column_width - 2);
    }
    let rule = "-".repeat((LABEL_WIDTH + column_width * models.len()).saturating_sub(2));
    push_line(&mut out, "");
    push_line(&mut out, &line);
    push_line(&mut out, &rule);

    let mut any_star = false;
    for (label, better, value, show) in ROWS {
        let values: Vec<MeanStd> = models.iter().map(|(_, model)| value(model)).collect();
        let look = |value: &MeanStd| {
            show(MeanStd {
                std: None,
                ..*value
            })
        };
        let best = best(better, values.iter().map(|value| value.mean))
            .filter(|_| values.iter().any(|value| look(value) != look(&values[0])));
        let mut line = format!("{label:<LABEL_WIDTH$}");
        for value in values {
            let star = if best == Some(value.mean) { '*' } else { ' ' };
            any_star |= star == '*';
            let cell = show(value);
            line += &format!("{cell:>width$} {star}", width = column_width - 2);
        }
        push_line(&mut out, &line);
    }
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
fn percent(value: MeanStd) -> String {
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

fn push_line(out: &mut String, line: &str) {
    out.push_str(line.trim_end());
    out.push('\n');
}
