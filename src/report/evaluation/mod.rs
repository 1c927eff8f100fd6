//! How good the models are on the test set: every figure that follows from labels and
//! probabilities, and its form on disk, `evaluation.json`.

mod calibration;
mod comparison;
mod scores;
pub mod tables;

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::dataset::CLASSES;
use crate::util::text::count;
use crate::util::whole_file;

pub use crate::model::Probabilities;
pub use calibration::{BINS, Bin, Calibration};
pub use comparison::{Comparison, mcnemar};
pub use scores::{ClassScores, Confusion, Scores};

/// Bytes of `evaluation.json`: more than the places of a million images take.
const FILE_LIMIT: u64 = 16 << 20;

/// The models of a run on the test set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Name of the dataset.
    pub dataset: String,
    /// Number of test images.
    pub images: usize,
    /// Names of the classes in the order of their labels.
    pub class_names: [String; CLASSES],
    /// In the order in which they are shown.
    pub models: Vec<ModelEvaluation>,
    /// Where they differ, if they are two.
    pub comparison: Option<Comparison>,
}

/// One model's part of an [`Evaluation`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelEvaluation {
    /// Its name, `dense` or `cnn`.
    pub model: String,
    /// Fraction of images whose most probable class is the label.
    pub accuracy: f64,
    /// Fraction of images whose label is one of the two most probable classes.
    pub top2_accuracy: f64,
    /// Unweighted means over the classes that occur among labels or predictions, whatever their
    /// numbers of images.
    pub macro_average: Scores,
    /// By label.
    pub classes: [ClassScores; CLASSES],
    /// What was taken for what.
    pub confusion: Confusion,
    /// Whether its probabilities can be believed.
    pub calibration: Calibration,
}

impl Evaluation {
    /// Evaluates `models`, each with its probabilities of all images, whose labels are `labels`.
    ///
    /// # Errors
    ///
    /// If there are not as many labels as rows of probabilities, or a label is no class.
    pub fn new(
        dataset: &str,
        class_names: &[String; CLASSES],
        labels: &[u8],
        models: &[(&str, &[Probabilities])],
    ) -> Result<Self> {
        for (model, probabilities) in models {
            ensure!(
                probabilities.len() == labels.len(),
                "the {model} model has {} to {} of {dataset} — evaluate the run again",
                count(probabilities.len(), "prediction"),
                count(labels.len(), "test image")
            );
        }
        ensure!(
            labels.iter().all(|label| usize::from(*label) < CLASSES),
            "the test set of {dataset} has labels above {} — use a dataset with {CLASSES} classes",
            CLASSES - 1
        );
        Ok(Self {
            dataset: dataset.to_owned(),
            images: labels.len(),
            class_names: class_names.clone(),
            models: models
                .iter()
                .map(|(model, probabilities)| ModelEvaluation::new(model, labels, probabilities))
                .collect(),
            comparison: match models {
                [first, second] => Some(Comparison::new(labels, *first, *second)),
                _ => None,
            },
        })
    }

    /// Writes the evaluation to `path` as JSON.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let json = serde_json::to_string(self)?;
        whole_file::write(path, (json + "\n").as_bytes())
    }

    /// Reads what [`write`](Self::write) wrote.
    ///
    /// # Errors
    ///
    /// If the file cannot be read or is not such an evaluation.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(&whole_file::read(path, FILE_LIMIT)?)
            .with_context(|| format!("{} is not a run's evaluation", path.display()))
    }

    /// The evaluation that these bytes of JSON describe.
    ///
    /// # Errors
    ///
    /// If they do not.
    pub fn parse(json: &[u8]) -> Result<Self> {
        let mut evaluation: Self = serde_json::from_slice(json)?;
        // Earlier versions counted the classes that do not occur.
        for model in &mut evaluation.models {
            model.macro_average = model.confusion.macro_average();
        }
        Ok(evaluation)
    }
}

impl ModelEvaluation {
    /// Whether the model is sure of nothing at all, because its probabilities are NaN.
    pub fn diverged(&self) -> bool {
        self.calibration.mean_confidence == 0.0
    }

    /// How well a class is told from the others; `None` if no image is of it or taken for it.
    pub fn scores(&self, class: usize) -> Option<Scores> {
        let occurs = self.confusion.occurs(class);
        occurs.then_some(self.classes[class].scores)
    }

    /// Number of classes that [`macro_average`](Self::macro_average) is the mean of.
    fn occurring(&self) -> usize {
        (0..CLASSES)
            .filter(|class| self.confusion.occurs(*class))
            .count()
    }

    fn new(model: &str, labels: &[u8], probabilities: &[Probabilities]) -> Self {
        let confusion = Confusion::new(labels, probabilities);
        let in_top2 = labels
            .iter()
            .zip(probabilities)
            .filter(|(label, row)| top2(row).contains(&usize::from(**label)))
            .count();
        Self {
            model: model.to_owned(),
            accuracy: ratio(confusion.right(), labels.len()),
            top2_accuracy: ratio(in_top2, labels.len()),
            macro_average: confusion.macro_average(),
            classes: std::array::from_fn(|class| confusion.class(class)),
            confusion,
            calibration: Calibration::new(labels, probabilities),
        }
    }
}

/// The most probable class: the first of equals, as in training, and 0 if all are NaN.
pub fn argmax(probabilities: &Probabilities) -> usize {
    first_largest(probabilities, |_| true)
}

/// The probability of the most probable class; 0 if it is NaN.
pub fn confidence(probabilities: &Probabilities) -> f64 {
    f64::from(probabilities[argmax(probabilities)].max(0.0))
}

/// The two most probable classes.
fn top2(probabilities: &Probabilities) -> [usize; 2] {
    let first = argmax(probabilities);
    [first, first_largest(probabilities, |class| class != first)]
}

/// The first of the largest values whose place `counts`; the first such place if all are NaN.
fn first_largest(values: &Probabilities, counts: impl Fn(usize) -> bool) -> usize {
    let places = (0..CLASSES).filter(|place| counts(*place));
    places
        .reduce(|best, place| match values[place] > values[best] {
            true => place,
            false => best,
        })
        .unwrap_or(0)
}

/// `part / whole`; 0 if both are.
fn ratio(part: usize, whole: usize) -> f64 {
    match whole {
        0 => 0.0,
        _ => part as f64 / whole as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equals_is_the_answer() {
        let mut row = [0.1; CLASSES];
        assert_eq!((argmax(&row), top2(&row)), (0, [0, 1]));
        row[7] = 0.2;
        assert_eq!((argmax(&row), top2(&row)), (7, [7, 0]));
        assert_eq!(confidence(&row), f64::from(0.2_f32));
    }

    #[test]
    fn nan_is_an_answer_without_confidence() {
        let row = [f32::NAN; CLASSES];
        assert_eq!((argmax(&row), top2(&row)), (0, [0, 1]));
        assert_eq!(confidence(&row), 0.0);
    }

    #[test]
    fn top2_counts_the_second_choice() {
        let sure = |first: usize, second: usize| {
            std::array::from_fn(|class| match class {
                _ if class == first => 0.6,
                _ if class == second => 0.3,
                _ => 0.0125,
            })
        };
        let rows = [sure(3, 1), sure(3, 1), sure(3, 1), sure(0, 9)];
        let evaluation = ModelEvaluation::new("cnn", &[3, 1, 2, 9], &rows);
        assert_eq!(evaluation.accuracy, 0.25);
        assert_eq!(evaluation.top2_accuracy, 0.75);
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let names = std::array::from_fn(|class| format!("class {class}"));
        let rows = [[0.1; CLASSES]; 2];
        for (labels, part) in [(&[1_u8][..], "2 predictions"), (&[1, 10], "labels above 9")] {
            let error = Evaluation::new("MNIST", &names, labels, &[("cnn", &rows)]).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn the_file_keeps_the_evaluation() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("evaluation.json");
        let names = std::array::from_fn(|class| format!("\u{1b}<{class}>"));
        let rows: Vec<Probabilities> = (0..50)
            .map(|i| std::array::from_fn(|class| ((i * 7 + class * 3) % 11) as f32 / 55.0))
            .collect();
        let diverged = vec![[f32::NAN; CLASSES]; 50];
        let labels: Vec<u8> = (0..50).map(|i| i % 10).collect();
        let models = [("dense", &rows[..]), ("cnn", &diverged[..])];
        let written = Evaluation::new("MNIST", &names, &labels, &models).unwrap();
        assert!(!written.models[0].diverged() && written.models[1].diverged());
        written.write(&path).unwrap();
        let read = Evaluation::read(&path).unwrap();
        assert_eq!(read, written);

        std::fs::write(&path, "{\"dataset\": 3}").unwrap();
        let error = format!("{:#}", Evaluation::read(&path).unwrap_err());
        assert!(
            error.contains("evaluation.json is not a run's evaluation"),
            "{error}"
        );
    }
}
