//! Learning curves: of a run, and of several runs over each other.

use std::collections::HashMap;

use super::RunData;
use super::chart::{Labels, Plot, Readout, ReadoutSeries};
use crate::report::axis::Axis;
use crate::report::series::{Metric, Part, can_be_drawn, range};
use crate::util::markup;
use crate::util::text;

/// A line of a chart.
struct Curve {
    name: String,
    class: String,
    /// Epochs and values; the values that are numbers are drawn.
    points: Vec<(usize, f64)>,
}

/// Accuracy and loss of all models of a run, on the training and the validation images.
pub fn of_run(run: &RunData, charts: &mut Vec<Readout>) -> String {
    let figure = |(metric, caption): (Metric, &str)| {
        let mut curves = Vec::new();
        for model in run.history.models() {
            for part in [Part::Training, Part::Validation] {
                let (name, line) = match part {
                    Part::Training => ("training", "dashed"),
                    Part::Validation => ("validation", "solid"),
                };
                curves.push(Curve {
                    name: markup::clean(&format!("{model}, {name}")),
                    class: format!("c{} {line}", run.color(model)),
                    points: points(run, model, metric, part),
                });
            }
        }
        figure(charts, metric, metric.name(), caption, &curves)
    };
    let caption = "Training accuracy is counted while the model learns, each image before it has \
                   learned from it.";
    let figures = [
        (Metric::Accuracy, caption),
        (Metric::Loss, "Mean cross-entropy in nats."),
    ]
    .map(figure);
    format!(r#"<div class="figures">{}</div>"#, figures.concat())
}

/// Accuracy and loss of one model of several runs on the validation images.
pub fn of_runs(runs: &[RunData], model: &str, charts: &mut Vec<Readout>) -> String {
    let figure = |metric: Metric| {
        let curves: Vec<Curve> = runs
            .iter()
            .enumerate()
            .map(|(place, run)| Curve {
                name: markup::clean(run.name),
                class: format!("c{} solid", place % super::COLORS),
                points: points(run, model, metric, Part::Validation),
            })
            .filter(|curve| !curve.points.is_empty())
            .collect();
        let title = format!("{model}: validation {}", metric.name().to_lowercase());
        figure(charts, metric, &title, "", &curves)
    };
    let figures = [Metric::Accuracy, Metric::Loss].map(figure);
    format!(r#"<div class="figures">{}</div>"#, figures.concat())
}

fn points(run: &RunData, model: &str, metric: Metric, part: Part) -> Vec<(usize, f64)> {
    let records = run.history.of(model);
    records
        .map(|record| (record.epoch, metric.of(record, part)))
        .collect()
}

fn figure(
    charts: &mut Vec<Readout>,
    metric: Metric,
    title: &str,
    caption: &str,
    curves: &[Curve],
) -> String {
    let epochs = range(curves.iter().flat_map(|c| &c.points).map(|p| p.0 as f64));
    let drawn = curves.iter().flat_map(|c| &c.points).map(|p| p.1);
    let values = range(drawn.filter(|value| can_be_drawn(*value)));
    let (Some(epochs), Some(values)) = (epochs, values) else {
        return format!(
            r#"<figure><p class="chart-title">{}</p><p class="note">No finite values to show.</p></figure>"#,
            markup::text(title)
        );
    };
    let mut plot = Plot::new(Axis::of_epochs(epochs), metric.axis(values));
    for curve in curves {
        let runs = curve.points.split(|point| !can_be_drawn(point.1));
        for points in runs {
            let points: Vec<_> = points.iter().map(|p| (p.0 as f64, p.1)).collect();
            plot.line(&curve.class, &points);
        }
    }
    let readout = readout(&plot, metric, curves);
    let labels = Labels {
        title,
        summary: &summary(title, metric, curves),
        caption,
    };
    let figure = plot.figure(charts.len(), &labels, &readout);
    charts.push(readout);
    figure
}

/// Every curve's value at every epoch that any of them has.
fn readout(plot: &Plot, metric: Metric, curves: &[Curve]) -> Readout {
    let mut epochs: Vec<usize> = curves.iter().flat_map(|c| &c.points).map(|p| p.0).collect();
    epochs.sort_unstable();
    epochs.dedup();
    let series = curves.iter().map(|curve| {
        let values: HashMap<usize, f64> = curve.points.iter().copied().collect();
        let at = |epoch: &usize| values.get(epoch).copied();
        let place = |value: f64| can_be_drawn(value).then(|| plot.y(value));
        ReadoutSeries {
            name: curve.name.clone(),
            class: curve.class.clone(),
            y: epochs.iter().map(|e| at(e).and_then(place)).collect(),
            text: epochs
                .iter()
                .map(|e| at(e).map_or("–".to_owned(), |value| show(metric, value)))
                .collect(),
        }
    });
    Readout {
        axis: "Epoch",
        series: series.collect(),
        heads: epochs.iter().map(usize::to_string).collect(),
        x: epochs.iter().map(|epoch| plot.x(*epoch as f64)).collect(),
    }
}

/// Where each curve begins and ends, in words.
fn summary(title: &str, metric: Metric, curves: &[Curve]) -> String {
    let ends = curves.iter().filter_map(|curve| {
        let (first, last) = (curve.points.first()?, curve.points.last()?);
        let (from, to) = (show(metric, first.1), show(metric, last.1));
        Some(format!(
            "{} from {from} after epoch {} to {to} after epoch {}",
            curve.name, first.0, last.0
        ))
    });
    format!("{title}: {}", ends.collect::<Vec<_>>().join("; "))
}

fn show(metric: Metric, value: f64) -> String {
    match metric {
        Metric::Accuracy => format!("{value:.2} %"),
        Metric::Loss => text::loss(value).trim().to_owned(),
    }
}
