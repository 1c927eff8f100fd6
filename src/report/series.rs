//! The series of a chart of learning curves: values over the epochs, of one run or of several.

use std::collections::BTreeMap;

use crate::report::axis::Axis;
use crate::train::history::{EpochRecord, History};
use crate::util::statistics::MeanStd;
use crate::util::text;

/// What the curves show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Fractions of images classified correctly, as percentages.
    Accuracy,
    /// Mean cross-entropies in nats.
    Loss,
}

impl Metric {
    /// As it stands in the title and at the axis.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accuracy => "Accuracy",
            Self::Loss => "Loss",
        }
    }

    /// The axis' value of a record: accuracy in percent.
    pub(super) fn of(self, record: &EpochRecord, part: Part) -> f64 {
        match (self, part) {
            (Self::Accuracy, Part::Training) => 100.0 * record.train_accuracy,
            (Self::Accuracy, Part::Validation) => 100.0 * record.validation_accuracy,
            (Self::Loss, Part::Training) => record.train_loss,
            (Self::Loss, Part::Validation) => record.validation_loss,
        }
    }

    /// An axis for values of this range.
    pub(super) fn axis(self, range: (f64, f64)) -> Axis {
        match self {
            Self::Accuracy => Axis::of_values(range, 0.1, " %"),
            Self::Loss => Axis::of_values(range, 0.0001, ""),
        }
    }

    /// The largest value there can be; the smallest is 0.
    fn highest(self) -> f64 {
        match self {
            Self::Accuracy => 100.0,
            Self::Loss => f64::INFINITY,
        }
    }
}

/// The images a curve is measured on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Training images.
    Training,
    /// Validation images.
    Validation,
}

/// One model's values on one part of the images.
#[derive(Debug, PartialEq)]
pub struct Curve {
    /// Says which model and which part.
    pub label: String,
    /// The model's place among all of them.
    pub model: usize,
    /// The images it is measured on.
    pub part: Part,
    /// One if all values can be drawn; those that cannot split the curve.
    pub segments: Vec<Vec<Point>>,
}

/// A curve at one epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Counted from 1.
    pub epoch: f64,
    /// The run's value, or the mean over the runs that got as far.
    pub value: f64,
    /// One standard deviation below and above the mean, as far as such values are possible: for
    /// validation, where several runs got as far.
    pub band: Option<(f64, f64)>,
}

impl Curve {
    /// All points, whatever lies between them.
    pub fn points(&self) -> impl Iterator<Item = &Point> {
        self.segments.iter().flatten()
    }

    /// Stretches of points with a band: (epoch, lower bound, upper bound).
    pub fn bands(&self) -> Vec<Vec<(f64, f64, f64)>> {
        let stretches = self
            .segments
            .iter()
            .flat_map(|segment| segment.split(|point| point.band.is_none()));
        stretches
            .filter(|stretch| !stretch.is_empty())
            .map(|stretch| {
                let bound = |point: &Point| point.band.map(|(low, high)| (point.epoch, low, high));
                stretch.iter().filter_map(bound).collect()
            })
            .collect()
    }
}

/// Two curves per model, those of training first so that validation lies on top.
pub fn curves(metric: Metric, histories: &[History]) -> Vec<Curve> {
    let mut models = Vec::new();
    for model in histories.iter().flat_map(History::models) {
        if !models.contains(&model) {
            models.push(model);
        }
    }
    let parts = [
        (Part::Training, "training"),
        (Part::Validation, "validation"),
    ];
    let of = |(part, part_name)| {
        models.iter().enumerate().map(move |(index, model)| Curve {
            label: format!("{}, {part_name}", text::one_line(model, 16)),
            model: index,
            part,
            segments: segments(metric, part, model, histories),
        })
    };
    parts.into_iter().flat_map(of).collect()
}

/// A run that diverged makes the mean NaN and thereby a gap: without it the others would look as
/// if all had gone well.
fn segments(metric: Metric, part: Part, model: &str, histories: &[History]) -> Vec<Vec<Point>> {
    let mut epochs: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for record in histories.iter().flat_map(|history| history.of(model)) {
        let values = epochs.entry(record.epoch).or_default();
        values.push(metric.of(record, part));
    }
    let mut segments = vec![Vec::new()];
    for (epoch, values) in epochs {
        let Some(runs) = MeanStd::of(&values).filter(|runs| can_be_drawn(runs.mean)) else {
            segments.push(Vec::new());
            continue;
        };
        let last = segments.len() - 1;
        let bounds = |std: f64| {
            let (low, high) = (runs.mean - std, runs.mean + std);
            (low.max(0.0), high.min(metric.highest()))
        };
        segments[last].push(Point {
            epoch: epoch as f64,
            value: runs.mean,
            band: runs.std.filter(|_| part == Part::Validation).map(bounds),
        });
    }
    segments.retain(|segment| !segment.is_empty());
    segments
}

/// Beyond f32 a value is no result of training, and an axis could overflow.
pub fn can_be_drawn(value: f64) -> bool {
    (value as f32).is_finite()
}

/// Smallest and largest value, if there is any.
pub fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values.fold(None, |range, value| match range {
        None => Some((value, value)),
        Some((low, high)) => Some((value.min(low), value.max(high))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(validation: &[f64]) -> History {
        let records = validation
            .iter()
            .zip(1..)
            .map(|(&value, epoch)| EpochRecord {
                model: "cnn".to_string(),
                epoch,
                train_loss: 0.0,
                train_accuracy: 0.0,
                validation_loss: value,
                validation_accuracy: value,
                seconds: 0.0,
            });
        History {
            records: records.collect(),
        }
    }

    fn validation(metric: Metric, runs: &[History]) -> Curve {
        let curve = curves(metric, runs).pop().expect("a model has two curves");
        assert_eq!(curve.part, Part::Validation);
        curve
    }

    fn point(epoch: f64, value: f64, band: Option<(f64, f64)>) -> Point {
        Point { epoch, value, band }
    }

    #[test]
    fn epochs_are_averaged_over_the_runs_that_reached_them() {
        // Of 1, 2, 3 the deviation is 1; of 4, 4 it is 0.
        let runs = [run(&[1.0, 4.0, 5.0]), run(&[2.0, 4.0]), run(&[3.0])];
        let curve = validation(Metric::Loss, &runs);
        let points = [
            point(1.0, 2.0, Some((1.0, 3.0))),
            point(2.0, 4.0, Some((4.0, 4.0))),
            point(3.0, 5.0, None),
        ];
        assert_eq!(curve.segments, [points]);
        assert_eq!(curve.bands(), [[(1.0, 1.0, 3.0), (2.0, 4.0, 4.0)]]);
        assert_eq!(curves(Metric::Loss, &runs)[0].bands(), [[]; 0]);
    }

    #[test]
    fn a_run_that_diverged_leaves_a_gap() {
        let runs = [run(&[1.0, f64::NAN, 1.0]), run(&[1.0, 1.0, 1.0])];
        let curve = validation(Metric::Loss, &runs);
        let at = |epoch| vec![point(epoch, 1.0, Some((1.0, 1.0)))];
        assert_eq!(curve.segments, [at(1.0), at(3.0)]);
        assert_eq!(curve.bands().len(), 2);
    }

    #[test]
    fn bands_end_where_values_become_impossible() {
        let bands = |metric, values: [f64; 2]| {
            let runs = values.map(|value| run(&[value]));
            validation(metric, &runs).bands()[0][0]
        };
        let (_, low, high) = bands(Metric::Accuracy, [1.0, 0.99]);
        assert!(98.5 < low && low < 99.0 && high == 100.0, "{low} {high}");
        let (_, low, high) = bands(Metric::Loss, [0.0, 10.0]);
        assert!(low == 0.0 && 12.0 < high && high < 12.1, "{low} {high}");
    }
}
