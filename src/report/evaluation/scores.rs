//! Confusion matrix, precision, recall and F1.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::{Probabilities, argmax, ratio};

/// How many images of each class (row) were taken for each class (column).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Confusion {
    /// `counts[label][prediction]`.
    pub counts: Vec<Vec<u32>>,
}

/// How well a class is told from the others. A score whose denominator is 0, such as the precision
/// of a class that the model never predicts, is 0, as in scikit-learn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Precision: the fraction of the images predicted as the class that belong to it.
    pub precision: f64,
    /// Recall: the fraction of the class's images that are predicted as it.
    pub recall: f64,
    /// Harmonic mean of precision and recall.
    pub f1: f64,
}

/// [`Scores`] of a class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClassScores {
    /// Number of test images of the class.
    pub support: usize,
    /// How well it is told from the others.
    #[serde(flatten)]
    pub scores: Scores,
}

impl Confusion {
    /// Counts the predictions for images with the given labels.
    pub(super) fn new(labels: &[u16], probabilities: &Probabilities) -> Self {
        let mut confusion = Self::zeros(probabilities.classes());
        for (label, row) in labels.iter().zip(probabilities.rows()) {
            confusion.counts[usize::from(*label)][argmax(row)] += 1;
        }
        confusion
    }

    /// No image of any of so many classes.
    fn zeros(classes: usize) -> Self {
        Self {
            counts: vec![vec![0; classes]; classes],
        }
    }

    /// Whether it has a row and a column for each of so many classes.
    pub(super) fn is_of(&self, classes: usize) -> bool {
        self.counts.len() == classes && self.counts.iter().all(|row| row.len() == classes)
    }

    /// All classes.
    fn classes(&self) -> std::ops::Range<usize> {
        0..self.counts.len()
    }

    /// Number of images of a class.
    pub fn support(&self, label: usize) -> usize {
        self.counts[label].iter().map(|count| *count as usize).sum()
    }

    /// Number of images taken for a class.
    fn predicted(&self, class: usize) -> usize {
        self.counts.iter().map(|row| row[class] as usize).sum()
    }

    /// Whether any image is of a class or taken for it.
    pub fn occurs(&self, class: usize) -> bool {
        self.support(class) + self.predicted(class) > 0
    }

    /// Number of images classified correctly.
    pub fn right(&self) -> usize {
        self.classes()
            .map(|class| self.counts[class][class] as usize)
            .sum()
    }

    /// Of the images of a class, the fraction taken for another (or for itself); 0 of none.
    pub fn share(&self, label: usize, prediction: usize) -> f64 {
        ratio(self.counts[label][prediction] as usize, self.support(label))
    }

    /// Every pair of different classes, label and prediction, that occurs; the most frequent first, of
    /// equals in the order of the labels.
    pub fn mistakes(&self) -> Vec<(usize, usize)> {
        let pairs = self
            .classes()
            .flat_map(|label| self.classes().map(move |prediction| (label, prediction)));
        let mut mistakes: Vec<_> = pairs
            .filter(|&(label, prediction)| {
                label != prediction && self.counts[label][prediction] > 0
            })
            .collect();
        mistakes.sort_by_key(|&(label, prediction)| Reverse(self.counts[label][prediction]));
        mistakes
    }

    /// The class of most images, of equals the first; none if each class has as many.
    pub(super) fn largest_class(&self) -> Option<usize> {
        let supports: Vec<usize> = self.classes().map(|class| self.support(class)).collect();
        let differ = supports.iter().any(|support| *support != supports[0]);
        let largest = self.classes().min_by_key(|class| Reverse(supports[*class]));
        largest.filter(|_| differ)
    }

    /// The mean recall of the classes that images are of; 0 if there is none. Where each class has as
    /// many images, it is the accuracy.
    pub fn balanced_accuracy(&self) -> f64 {
        let recalls: Vec<f64> = self.recalls().into_iter().flatten().collect();
        recalls.iter().sum::<f64>() / recalls.len().max(1) as f64
    }

    /// Of each class the fraction of its images that is recognised; none of a class of no image.
    pub fn recalls(&self) -> Vec<Option<f64>> {
        let recall = |class| (self.support(class) > 0).then(|| self.share(class, class));
        self.classes().map(recall).collect()
    }

    /// A class' scores.
    pub(super) fn class(&self, class: usize) -> ClassScores {
        let right = self.counts[class][class] as usize;
        let (support, predicted) = (self.support(class), self.predicted(class));
        ClassScores {
            support,
            scores: Scores {
                precision: ratio(right, predicted),
                recall: ratio(right, support),
                // 2PR / (P + R), without dividing twice.
                f1: ratio(2 * right, support + predicted),
            },
        }
    }

    /// The means of the scores of the classes that occur, as in scikit-learn; zeros if none does.
    pub(super) fn macro_average(&self) -> Scores {
        let classes: Vec<usize> = self.classes().filter(|class| self.occurs(*class)).collect();
        let mean = |score: fn(Scores) -> f64| {
            let scores = classes.iter().map(|class| score(self.class(*class).scores));
            scores.sum::<f64>() / classes.len().max(1) as f64
        };
        Scores {
            precision: mean(|scores| scores.precision),
            recall: mean(|scores| scores.recall),
            f1: mean(|scores| scores.f1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three classes; the others never occur.
    fn confusion() -> Confusion {
        let mut confusion = Confusion::zeros(10);
        confusion.counts[0][..3].copy_from_slice(&[3, 1, 0]);
        confusion.counts[1][..3].copy_from_slice(&[2, 4, 0]);
        confusion.counts[2][..3].copy_from_slice(&[0, 5, 0]);
        confusion
    }

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-15, "{a} {b}");
    }

    #[test]
    fn counts_labels_by_row_and_answers_by_column() {
        let sure = |prediction: usize| -> [f32; 10] {
            std::array::from_fn(|class| f32::from(class == prediction))
        };
        let rows = [4, 7, 7, 4].into_iter().map(sure).collect();
        let counted = Confusion::new(&[4, 4, 4, 7], &rows);
        assert_eq!(counted.counts[4][4], 1);
        assert_eq!(counted.counts[4][7], 2);
        assert_eq!(counted.counts[7][4], 1);
        assert_eq!(counted.counts.iter().flatten().sum::<u32>(), 4);
        assert_eq!((counted.support(4), counted.right()), (3, 1));
        assert_eq!(counted.mistakes(), [(4, 7), (7, 4)]);
    }

    #[test]
    fn scores_by_hand() {
        let confusion = confusion();
        let first = confusion.class(0);
        assert_eq!(first.support, 4);
        close(first.scores.precision, 3.0 / 5.0);
        close(first.scores.recall, 3.0 / 4.0);
        close(first.scores.f1, 2.0 / 3.0);
        let second = confusion.class(1).scores;
        close(second.precision, 0.4);
        close(second.recall, 4.0 / 6.0);
        close(second.f1, 0.5);
        // Never predicted; never seen.
        assert_eq!(confusion.class(2).scores, Scores::default());
        assert_eq!(confusion.class(9), ClassScores::default());
        let mean = confusion.macro_average();
        close(mean.precision, (0.6 + 0.4) / 3.0);
        close(mean.recall, (0.75 + 4.0 / 6.0) / 3.0);
        close(mean.f1, (2.0 / 3.0 + 0.5) / 3.0);
        close(confusion.share(1, 0), 1.0 / 3.0);
        assert_eq!(confusion.share(9, 0), 0.0);
        assert_eq!(confusion.mistakes(), [(2, 1), (1, 0), (0, 1)]);
        assert!(Confusion::zeros(10).mistakes().is_empty());
    }

    #[test]
    fn classes_count_alike_however_many_images_they_have() {
        let mut confusion = confusion();
        // Of 4, 6 and 5 images 3, 4 and none are recognised; the other classes have none.
        close(
            confusion.balanced_accuracy(),
            (0.75 + 4.0 / 6.0 + 0.0) / 3.0,
        );
        assert_eq!(confusion.largest_class(), Some(1));
        // One taken for a class without images changes nothing in that of the largest.
        confusion.counts[0][9] = 2;
        close(confusion.balanced_accuracy(), (0.5 + 4.0 / 6.0) / 3.0);
        assert_eq!(confusion.largest_class(), Some(0), "of equals the first");

        let mut even = Confusion::zeros(2);
        assert_eq!(
            (even.balanced_accuracy(), even.largest_class()),
            (0.0, None)
        );
        even.counts = vec![vec![3, 1], vec![4, 0]];
        close(even.balanced_accuracy(), 3.0 / 8.0);
        assert_eq!(even.largest_class(), None);
    }

    #[test]
    fn classes_that_do_not_occur_have_no_part_in_the_means() {
        let mut confusion = Confusion::zeros(10);
        confusion.counts[0][0] = 3;
        confusion.counts[1][1] = 5;
        let all = Scores {
            precision: 1.0,
            recall: 1.0,
            f1: 1.0,
        };
        assert_eq!(confusion.macro_average(), all);
        // A wrong prediction makes its class occur, though no image is of it.
        confusion.counts[1][7] = 5;
        assert!(confusion.occurs(7) && !confusion.occurs(8));
        let mean = confusion.macro_average();
        close(mean.precision, 2.0 / 3.0);
        close(mean.recall, (1.0 + 0.5) / 3.0);
        close(mean.f1, (1.0 + 2.0 / 3.0) / 3.0);
        assert_eq!(Confusion::zeros(10).macro_average(), Scores::default());
    }
}
