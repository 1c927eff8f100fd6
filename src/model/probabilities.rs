//! A model's probabilities of images.

/// A matrix with a row for each image: the probability of each class, in the order of the labels.
/// The row of a model that diverged is NaN.
#[derive(Clone, Debug, PartialEq)]
pub struct Probabilities {
    classes: usize,
    values: Vec<f32>,
}

impl Probabilities {
    /// The rows one after the other, each of `classes` values.
    ///
    /// # Panics
    ///
    /// If there are no classes, or the values are not whole rows.
    pub fn new(classes: usize, values: Vec<f32>) -> Self {
        assert!(
            classes > 0 && values.len().is_multiple_of(classes),
            "{} values are no rows of {classes}",
            values.len()
        );
        Self { classes, values }
    }

    /// Number of columns.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.values.len() / self.classes
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The probabilities of image `index`.
    ///
    /// # Panics
    ///
    /// If `index` is not below [`len`](Self::len).
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.classes..][..self.classes]
    }

    /// All rows, image after image.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.classes)
    }

    /// All values, row after row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }
}

impl<const CLASSES: usize> FromIterator<[f32; CLASSES]> for Probabilities {
    fn from_iter<I: IntoIterator<Item = [f32; CLASSES]>>(rows: I) -> Self {
        Self::new(CLASSES, rows.into_iter().flatten().collect())
    }
}

/// The most probable class of a row: the first of equals, as in training, and 0 if all are NaN.
pub fn argmax(probabilities: &[f32]) -> usize {
    first_largest(probabilities, |_| true)
}

/// The probability of a row's most probable class; 0 if it is NaN.
pub fn confidence(probabilities: &[f32]) -> f64 {
    f64::from(probabilities[argmax(probabilities)].max(0.0))
}

/// The two most probable classes of a row of two classes or more, the first of equals.
pub fn top2(probabilities: &[f32]) -> [usize; 2] {
    let first = argmax(probabilities);
    [first, first_largest(probabilities, |class| class != first)]
}

/// The first of the largest values whose index `counts`; the first such index if all are NaN.
fn first_largest(values: &[f32], counts: impl Fn(usize) -> bool) -> usize {
    let indices = (0..values.len()).filter(|index| counts(*index));
    indices
        .reduce(|best, index| match values[index] > values[best] {
            true => index,
            false => best,
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equals_is_the_prediction() {
        let mut row = [0.1; 10];
        assert_eq!((argmax(&row), top2(&row)), (0, [0, 1]));
        row[7] = 0.2;
        assert_eq!((argmax(&row), top2(&row)), (7, [7, 0]));
        assert_eq!(confidence(&row), f64::from(0.2_f32));
    }

    #[test]
    fn nan_is_a_prediction_without_confidence() {
        let row = [f32::NAN; 10];
        assert_eq!((argmax(&row), top2(&row)), (0, [0, 1]));
        assert_eq!(confidence(&row), 0.0);
    }
}
