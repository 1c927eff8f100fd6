//! The middle and the spread of a few measurements.

use serde::Serialize;

/// Five numbers that describe a sample.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The smallest value.
    pub min: f64,
    /// A quarter of the values is below.
    pub lower_quartile: f64,
    /// Half of the values are below.
    pub median: f64,
    /// A quarter of the values is above.
    pub upper_quartile: f64,
    /// The largest value.
    pub max: f64,
}

impl Spread {
    /// In another unit.
    pub fn scaled(self, factor: f64) -> Self {
        Self {
            min: factor * self.min,
            lower_quartile: factor * self.lower_quartile,
            median: factor * self.median,
            upper_quartile: factor * self.upper_quartile,
            max: factor * self.max,
        }
    }

    /// Of values of any order; between two of them quantiles are interpolated.
    ///
    /// # Panics
    ///
    /// If there are none.
    pub fn of(mut values: Vec<f64>) -> Self {
        assert!(!values.is_empty(), "a spread of nothing");
        values.sort_by(f64::total_cmp);
        let last = values.len() - 1;
        let quantile = |fraction: f64| {
            let place = fraction * last as f64;
            let (below, above) = (
                values[place.floor() as usize],
                values[place.ceil() as usize],
            );
            below + place.fract() * (above - below)
        };
        Self {
            min: values[0],
            lower_quartile: quantile(0.25),
            median: quantile(0.5),
            upper_quartile: quantile(0.75),
            max: values[last],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_by_hand() {
        let spread = Spread::of(vec![4.0, 1.0, 3.0, 2.0]);
        assert_eq!(
            spread,
            Spread {
                min: 1.0,
                lower_quartile: 1.75,
                median: 2.5,
                upper_quartile: 3.25,
                max: 4.0,
            }
        );
        let odd = Spread::of(vec![10.0, 30.0, 20.0, 50.0, 1000.0]);
        let quartiles = (odd.lower_quartile, odd.median, odd.upper_quartile);
        assert_eq!(quartiles, (20.0, 30.0, 50.0));
        let one = Spread::of(vec![7.0]);
        assert_eq!((one.min, one.median, one.max), (7.0, 7.0, 7.0));
    }
}
