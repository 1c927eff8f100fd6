//! The axes of a chart.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

/// An axis with labels at round values, where plotters' own would put them at odd ones.
pub struct Axis {
    range: Range<f64>,
    ticks: Vec<f64>,
    decimals: usize,
    unit: &'static str,
}

impl Axis {
    /// From the first to the last epoch with some room at both ends.
    pub fn of_epochs((first, last): (f64, f64)) -> Self {
        let (mut ticks, _) = ticks(first, last, 12.0, 1.0);
        ticks.retain(|epoch| (first..=last).contains(epoch));
        let room = if first == last {
            1.0
        } else {
            0.02 * (last - first)
        };
        Self {
            range: first - room..last + room,
            ticks,
            decimals: 0,
            unit: "",
        }
    }

    /// From the round value below the smallest to the one above the largest.
    /// Labels are at least `min_step` apart and end with `unit`.
    pub fn of_values((low, high): (f64, f64), min_step: f64, unit: &'static str) -> Self {
        let (ticks, step) = ticks(low, high, 8.0, min_step);
        Self {
            range: ticks[0]..ticks[ticks.len() - 1],
            ticks,
            // As many as the step needs; the factor makes up for 0.1 being a little off.
            decimals: (-(step * (1.0 + 1e-9)).log10().floor()).max(0.0) as usize,
            unit,
        }
    }

    /// The number of labels.
    pub fn labels(&self) -> usize {
        self.ticks.len()
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (start, end): (i32, i32)) -> i32 {
        let Range {
            start: low,
            end: high,
        } = self.range;
        let fraction = (value - low) / (high - low);
        start + (fraction * f64::from(end - start)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.ticks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

impl ValueFormatter<f64> for Axis {
    fn format_ext(&self, value: &f64) -> String {
        if value.abs() >= 1e6 {
            format!("{value:.2e}{}", self.unit)
        } else {
            format!("{value:.*}{}", self.decimals, self.unit)
        }
    }
}

/// Multiples of a round step (1, 2 or 5 times a power of ten), from at or below `low` to at or
/// above `high`, with about `count` steps of at least `min_step`; and that step.
fn ticks(low: f64, high: f64, count: f64, min_step: f64) -> (Vec<f64>, f64) {
    // Steps finer than a thousandth of the values would need labels of many digits.
    let finest = min_step.max(1e-3 * low.abs().max(high.abs()));
    let wanted = ((high - low) / count).max(finest);
    let power = 10_f64.powf(wanted.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .map(|factor| factor * power)
        .into_iter()
        .find(|step| *step >= wanted * (1.0 - 1e-9))
        .unwrap_or(wanted);
    let (mut first, mut last) = ((low / step).floor() as i64, (high / step).ceil() as i64);
    if first == last && first > 0 {
        first -= 1; // Not upward: an accuracy of 100 % is the end.
    } else if first == last {
        last += 1;
    }
    ((first..=last).map(|i| i as f64 * step).collect(), step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks
            .iter()
            .map(|tick| axis.format_ext(tick))
            .collect()
    }

    #[test]
    fn epochs_are_labelled_with_whole_numbers() {
        assert_eq!(labels(&Axis::of_epochs((1.0, 1.0))), ["1"]);
        assert_eq!(labels(&Axis::of_epochs((1.0, 3.0))), ["1", "2", "3"]);
        assert_eq!(labels(&Axis::of_epochs((1.0, 10.0))).len(), 10);
        assert_eq!(
            labels(&Axis::of_epochs((1.0, 200.0))),
            [
                "20", "40", "60", "80", "100", "120", "140", "160", "180", "200"
            ]
        );
    }

    #[test]
    fn values_are_framed_by_round_labels() {
        assert_eq!(
            labels(&Axis::of_values((85.3, 92.9), 0.1, " %")),
            [
                "85 %", "86 %", "87 %", "88 %", "89 %", "90 %", "91 %", "92 %", "93 %"
            ]
        );
        assert_eq!(
            labels(&Axis::of_values((0.21, 0.49), 0.0001, "")),
            ["0.20", "0.25", "0.30", "0.35", "0.40", "0.45", "0.50"]
        );
        assert_eq!(
            labels(&Axis::of_values((100.0, 100.0), 0.1, " %")),
            ["99.9 %", "100.0 %"]
        );
        assert_eq!(
            labels(&Axis::of_values((0.0, 2e7), 0.0001, ""))[1],
            "5.00e6"
        );
    }

    #[test]
    fn any_range_has_few_labels() {
        let extremes = [
            0.0,
            1e-300,
            0.1,
            1.0 - 1e-16,
            1.0,
            1e30,
            f64::from(f32::MAX),
        ];
        for low in extremes {
            for high in extremes.into_iter().filter(|high| *high >= low) {
                let axis = Axis::of_values((low, high), 0.0001, "");
                assert!(
                    (2..=12).contains(&axis.labels()),
                    "{low} {high} {}",
                    axis.labels()
                );
                assert!(
                    axis.range.start <= low && high <= axis.range.end,
                    "{low} {high}"
                );
            }
        }
    }
}
