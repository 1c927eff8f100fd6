//! How much each class counts in the training loss.

use serde::{Deserialize, Serialize};

/// How much each class counts in the training loss: see
/// [`cross_entropy`](crate::ops::cross_entropy::cross_entropy).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClassWeights {
    /// Each image as much as any other.
    #[default]
    None,
    /// All images of a class together as much as those of any other.
    Balanced,
}

impl ClassWeights {
    /// Whether each image counts the same.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// The weight of each class, of which there are so many images to train on, for targets of so much
    /// label smoothing; none if all weigh the same.
    ///
    /// Balanced ones are scikit-learn's: images / (classes · images of the class), over the classes that
    /// occur, so that the mean over the images is 1; one that does not occur weighs 1. An image counts as
    /// much as its own class: what smoothing gives to the others, of which very rare ones would outweigh
    /// it, is taken off beforehand.
    pub fn of(self, counts: &[usize], label_smoothing: f64) -> Option<Vec<f32>> {
        let images: usize = counts.iter().sum();
        let classes = counts.iter().filter(|&&count| count > 0).count();
        let balanced = |&count: &usize| match count {
            0 => 1.0,
            _ => images as f64 / (classes as f64 * count as f64),
        };
        if self.is_none() {
            return None;
        }
        let weights: Vec<f64> = counts.iter().map(balanced).collect();
        // A smoothed target gives its own class 1 - smoothing more than this.
        let spread = label_smoothing * weights.iter().sum::<f64>() / weights.len() as f64;
        let own = |weight: f64| ((weight - spread) / (1.0 - label_smoothing)) as f32;
        Some(weights.into_iter().map(own).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::ClassWeights;

    #[test]
    fn balanced_weights_are_those_of_scikit_learn() {
        // compute_class_weight("balanced", classes=[0, 2, 3], y=[0] * 6 + [2] * 1 + [3] * 2)
        let weights = ClassWeights::Balanced.of(&[6, 0, 1, 2], 0.0);
        assert_eq!(weights, Some(vec![0.5, 1.0, 3.0, 1.5]));
        assert_eq!(
            ClassWeights::Balanced.of(&[4, 4], 0.0),
            Some(vec![1.0, 1.0])
        );
        assert_eq!(ClassWeights::None.of(&[6, 0, 1, 2], 0.0), None);
    }

    #[test]
    fn an_image_counts_as_its_own_class_however_targets_are_smoothed() {
        let counts = [1000, 10, 5, 0];
        let [plain, smoothed] =
            [0.0, 0.2].map(|smoothing| ClassWeights::Balanced.of(&counts, smoothing).unwrap());
        for label in 0..4 {
            let target = |class| if class == label { 0.85 } else { 0.05 };
            let weight: f32 = (0..4).map(|class| smoothed[class] * target(class)).sum();
            assert!(
                (weight / plain[label] - 1.0).abs() < 1e-4,
                "{weight} {plain:?}"
            );
        }
    }
}
