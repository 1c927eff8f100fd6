//! How much each class counts in the training loss.

use serde::{Deserialize, Serialize};

/// How much each class counts in the training loss: see
/// [`cross_entropy`](crate::ops::cross_entropy::cross_entropy).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum ClassWeights {
    /// Each image as much as any other
    #[default]
    None,
    /// All images of a class together as much as those of any other
    Balanced,
}

impl ClassWeights {
    /// Whether each image counts the same.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }

    /// The weight of each class, of which there are so many images to train on; none if all weigh the
    /// same.
    ///
    /// Balanced ones are scikit-learn's: images / (classes · images of the class), over the classes that
    /// occur, so that the mean over the images is 1. One that does not occur, which counts where targets
    /// are smoothed, weighs 1.
    ///
    /// The share that label smoothing gives to a class is weighted as well, so a very rare one may outweigh
    /// an image's own: smoothing does not go with an imbalance of a hundred to one or more.
    pub fn of(self, counts: &[usize]) -> Option<Vec<f32>> {
        let images: usize = counts.iter().sum();
        let classes = counts.iter().filter(|&&count| count > 0).count();
        let balanced = |&count: &usize| match count {
            0 => 1.0,
            _ => (images as f64 / (classes as f64 * count as f64)) as f32,
        };
        match self {
            Self::None => None,
            Self::Balanced => Some(counts.iter().map(balanced).collect()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ClassWeights;

    #[test]
    fn balanced_weights_are_those_of_scikit_learn() {
        // compute_class_weight("balanced", classes=[0, 2, 3], y=[0] * 6 + [2] * 1 + [3] * 2)
        let weights = ClassWeights::Balanced.of(&[6, 0, 1, 2]);
        assert_eq!(weights, Some(vec![0.5, 1.0, 3.0, 1.5]));
        assert_eq!(ClassWeights::Balanced.of(&[4, 4]), Some(vec![1.0, 1.0]));
        assert_eq!(ClassWeights::None.of(&[6, 0, 1, 2]), None);
    }
}
