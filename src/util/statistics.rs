//! Mean and standard deviation of a few runs.

use serde::{Deserialize, Serialize};

/// Mean and standard deviation of repeated runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MeanStd {
    /// Their mean.
    pub mean: f64,
    /// Standard deviation of the sample, over n − 1; none for a single run.
    pub std: Option<f64>,
}

impl MeanStd {
    /// Of these values; none if there are none.
    pub fn of(values: &[f64]) -> Option<Self> {
        if values.is_empty() {
            return None;
        }
        let len = values.len() as f64;
        let mean = values.iter().sum::<f64>() / len;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let std = (values.len() > 1).then(|| (squares / (len - 1.0)).sqrt());
        Some(Self { mean, std })
    }

    /// `91.84 ± 0.12`, or the mean alone.
    pub fn to_text(self, decimals: usize) -> String {
        match self.std {
            Some(std) => format!("{:.decimals$} ± {std:.decimals$}", self.mean),
            None => format!("{:.decimals$}", self.mean),
        }
    }
}

impl From<f64> for MeanStd {
    /// The value of a single run.
    fn from(value: f64) -> Self {
        Self {
            mean: value,
            std: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        assert_eq!(MeanStd::of(&[]), None);
        let one = MeanStd::of(&[3.0]).expect("a value");
        assert_eq!((one.mean, one.std), (3.0, None));
        assert_eq!(one.to_text(2), "3.00");
        // Deviations −3, −1, 1, 3: squares add up to 20, and 20 / 3 is the variance.
        let four = MeanStd::of(&[2.0, 4.0, 6.0, 8.0]).expect("values");
        assert_eq!((four.mean, four.std), (5.0, Some((20.0f64 / 3.0).sqrt())));
        assert_eq!(four.to_text(2), "5.00 ± 2.58");
    }
}
