//! Where two models differ, and whether that is more than chance.

use serde::{Deserialize, Serialize};

use super::{Probabilities, argmax};

/// Two models on the same images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The models' names.
    pub models: [String; 2],
    /// Number of images that both get right.
    pub both_right: usize,
    /// Number of images that both get wrong.
    pub both_wrong: usize,
    /// The images, as indices in the test set, that only the first, or only the second, gets right.
    pub only_right: [Vec<usize>; 2],
    /// Of McNemar's exact test, see [`mcnemar`].
    pub p_value: f64,
}

impl Comparison {
    pub(super) fn new(
        labels: &[u16],
        first: (&str, &Probabilities),
        second: (&str, &Probabilities),
    ) -> Self {
        let mut comparison = Self {
            models: [first.0.to_owned(), second.0.to_owned()],
            both_right: 0,
            both_wrong: 0,
            only_right: [Vec::new(), Vec::new()],
            p_value: 1.0,
        };
        let rows = first.1.rows().zip(second.1.rows());
        for (image, (label, rows)) in labels.iter().zip(rows).enumerate() {
            let right = |row| argmax(row) == usize::from(*label);
            match (right(rows.0), right(rows.1)) {
                (true, true) => comparison.both_right += 1,
                (false, false) => comparison.both_wrong += 1,
                (true, false) => comparison.only_right[0].push(image),
                (false, true) => comparison.only_right[1].push(image),
            }
        }
        let [first, second] = &comparison.only_right;
        comparison.p_value = mcnemar(first.len(), second.len());
        comparison
    }
}

/// McNemar's test of two models of which each alone is right on `first` and on `second` images:
/// the probability of counts at least so different if both models were equally good.
///
/// Exact and two-sided: under that assumption `first` follows the binomial distribution of
/// `first + second` tosses of a coin. The chi-square approximation, with which others replace the
/// sum where counts are large, is not needed.
pub fn mcnemar(first: usize, second: usize) -> f64 {
    let (fewer, tosses) = (first.min(second), first + second);
    if first == second {
        return 1.0;
    }
    // ln(C(n, k) / 2ⁿ) for k = `fewer`; the terms for smaller k follow from it.
    let ln_binomial: f64 = (1..=fewer)
        .map(|i| ((tosses - fewer + i) as f64 / i as f64).ln())
        .sum();
    let mut term = (ln_binomial - tosses as f64 * std::f64::consts::LN_2).exp();
    let mut tail = term;
    for k in (1..=fewer).rev() {
        term *= k as f64 / (tosses - k + 1) as f64;
        tail += term;
    }
    (2.0 * tail).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exact sum in integers: 2 · Σ C(n, i) / 2ⁿ for i up to the smaller count.
    fn by_pascal(first: u32, second: u32) -> f64 {
        let n = first + second;
        let (mut binomial, mut sum) = (1_u128, 1_u128);
        for i in 1..=first.min(second) {
            binomial = binomial * u128::from(n - i + 1) / u128::from(i);
            sum += binomial;
        }
        (sum as f64 / 2_f64.powi(n as i32 - 1)).min(1.0)
    }

    #[test]
    fn p_values_are_the_exact_sums() {
        for first in 0..50 {
            for second in 0..50 {
                let (p, exact) = (
                    mcnemar(first, second),
                    by_pascal(first as u32, second as u32),
                );
                assert!(
                    (p - exact).abs() <= 1e-12 * exact,
                    "{first} {second}: {p} {exact}"
                );
            }
        }
    }

    #[test]
    fn p_values_by_hand_and_of_large_counts() {
        assert_eq!(mcnemar(0, 0), 1.0);
        assert!((mcnemar(0, 5) - 0.0625).abs() < 1e-15);
        assert!((mcnemar(8, 1) - 20.0 / 512.0).abs() < 1e-15);
        assert_eq!(mcnemar(3, 9), mcnemar(9, 3));
        // By scipy.stats.binomtest(k, n).pvalue.
        let scipy = [
            (20, 35, 0.058_064_146_792_409_05),
            (196, 612, 1.461_209_235_943_554_7e-50),
            (4_900, 5_100, 0.046_585_527_704_946_45),
        ];
        for (first, second, p) in scipy {
            assert!(
                (mcnemar(first, second) - p).abs() <= 1e-9 * p,
                "{first} {second}"
            );
        }
        assert_eq!(mcnemar(0, 1_000_000), 0.0);
    }

    #[test]
    fn images_are_counted_by_who_is_right() {
        let sure = |prediction: usize| -> [f32; 10] {
            std::array::from_fn(|class| f32::from(class == prediction))
        };
        let first = [1, 1, 2, 2, 3].into_iter().map(sure).collect();
        let second = [1, 5, 1, 2, 3].into_iter().map(sure).collect();
        let comparison = Comparison::new(&[1, 1, 1, 1, 3], ("dense", &first), ("cnn", &second));
        assert_eq!(comparison.models, ["dense", "cnn"]);
        assert_eq!((comparison.both_right, comparison.both_wrong), (2, 1));
        assert_eq!(comparison.only_right, [vec![1], vec![2]]);
        assert_eq!(comparison.p_value, 1.0);
    }
}
