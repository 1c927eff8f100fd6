//! How good the models are on the test set: every figure that follows from labels and
//! probabilities, and its form on disk, `evaluation.json`.

mod calibration;
mod comparison;
mod scores;
pub mod tables;

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::model::top2;
use crate::util::json;
use crate::util::text::count;
use crate::util::whole_file;

pub use crate::model::{Probabilities, argmax, confidence};
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
    pub class_names: Vec<String>,
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
    pub classes: Vec<ClassScores>,
    /// The confusion matrix.
    pub confusion: Confusion,
    /// Calibration: how well its probabilities match its accuracy.
    pub calibration: Calibration,
}

/// What always saying the same would come to, where that is not the same for each class.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LargestClass {
    /// Name of the class that most test images are of, of equals the first.
    pub name: String,
    /// The fraction of all test images that is of it: the accuracy of always saying this class.
    pub share: f64,
}

impl Evaluation {
    /// Evaluates `models`, each with its probabilities of all images, whose labels are `labels`.
    ///
    /// # Errors
    ///
    /// If there are not as many labels as rows of probabilities, these are of other classes, or a label
    /// is none.
    pub fn new(
        dataset: &str,
        class_names: &[String],
        labels: &[u16],
        models: &[(&str, &Probabilities)],
    ) -> Result<Self> {
        let classes = class_names.len();
        for (model, probabilities) in models {
            ensure!(
                probabilities.classes() == classes,
                "the {model} model tells {} classes apart, and {dataset} has {classes} — evaluate the run \
                 again",
                probabilities.classes()
            );
            ensure!(
                probabilities.len() == labels.len(),
                "the {model} model has {} to {} of {dataset} — write its results anew with `fmnist train --resume`",
                count(probabilities.len(), "prediction"),
                count(labels.len(), "test image")
            );
        }
        ensure!(
            labels.iter().all(|label| usize::from(*label) < classes),
            "the test set of {dataset} has labels that are not below {classes}, the number of its classes \
             — use the dataset of the run"
        );
        Ok(Self {
            dataset: dataset.to_owned(),
            images: labels.len(),
            class_names: class_names.to_vec(),
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

    /// The largest class of the test set; none if all classes have as many images. Only where there is
    /// one, [`Confusion::balanced_accuracy`] is not simply the accuracy.
    pub fn largest_class(&self) -> Option<LargestClass> {
        let confusion = &self.models.first()?.confusion;
        let class = confusion.largest_class()?;
        Some(LargestClass {
            name: self.class_names[class].clone(),
            share: ratio(confusion.support(class), self.images),
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
    /// If they do not, or their parts are of different numbers of classes.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut evaluation: Self = json::parse(bytes)?;
        let classes = evaluation.class_names.len();
        for model in &mut evaluation.models {
            ensure!(
                model.classes.len() == classes && model.confusion.is_of(classes),
                "it names {}, and its tables have another number",
                count(classes, "class")
            );
            // Earlier versions counted the classes that do not occur.
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
        (0..self.classes.len())
            .filter(|class| self.confusion.occurs(*class))
            .count()
    }

    fn new(model: &str, labels: &[u16], probabilities: &Probabilities) -> Self {
        let confusion = Confusion::new(labels, probabilities);
        let classes = 0..probabilities.classes();
        let in_top2 = labels
            .iter()
            .zip(probabilities.rows())
            .filter(|(label, row)| top2(row).contains(&usize::from(**label)))
            .count();
        Self {
            model: model.to_owned(),
            accuracy: ratio(confusion.right(), labels.len()),
            top2_accuracy: ratio(in_top2, labels.len()),
            macro_average: confusion.macro_average(),
            classes: classes.map(|class| confusion.class(class)).collect(),
            confusion,
            calibration: Calibration::new(labels, probabilities),
        }
    }
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
    fn top2_counts_the_second_choice() {
        let sure = |first: usize, second: usize| -> [f32; 10] {
            std::array::from_fn(|class| match class {
                _ if class == first => 0.6,
                _ if class == second => 0.3,
                _ => 0.0125,
            })
        };
        let rows = [sure(3, 1), sure(3, 1), sure(3, 1), sure(0, 9)];
        let evaluation = ModelEvaluation::new("cnn", &[3, 1, 2, 9], &rows.into_iter().collect());
        assert_eq!(evaluation.accuracy, 0.25);
        assert_eq!(evaluation.top2_accuracy, 0.75);
    }

    #[test]
    fn what_does_not_fit_together_is_refused() {
        let names = [(); 10].map(|()| "class".to_owned());
        let rows = Probabilities::new(10, vec![0.1; 20]);
        let cases = [
            (&names[..], &[1_u16][..], "2 predictions"),
            (&names, &[1, 10], "labels that are not below 10"),
            (
                &names[1..],
                &[1, 1],
                "tells 10 classes apart, and MNIST has 9",
            ),
        ];
        for (names, labels, part) in cases {
            let error = Evaluation::new("MNIST", names, labels, &[("cnn", &rows)]).unwrap_err();
            assert!(error.to_string().contains(part), "{error}");
        }
    }

    #[test]
    fn the_file_keeps_the_evaluation() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("evaluation.json");
        let names = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(|class| format!("\u{1b}<{class}>"));
        let rows = (0..50).map(|i| -> [f32; 10] {
            std::array::from_fn(|class| ((i * 7 + class * 3) % 11) as f32 / 55.0)
        });
        let (rows, diverged) = (rows.collect(), Probabilities::new(10, vec![f32::NAN; 500]));
        let labels: Vec<u16> = (0..50).map(|i| i % 10).collect();
        let models = [("dense", &rows), ("cnn", &diverged)];
        let written = Evaluation::new("MNIST", &names, &labels, &models).unwrap();
        assert!(!written.models[0].diverged() && written.models[1].diverged());
        written.write(&path).unwrap();
        let read = Evaluation::read(&path).unwrap();
        assert_eq!(read, written);

        let mut fewer = written.clone();
        fewer.models[1].confusion.counts[7].pop();
        for other in ["{\"dataset\": 3}", &serde_json::to_string(&fewer).unwrap()] {
            std::fs::write(&path, other).unwrap();
            let error = format!("{:#}", Evaluation::read(&path).unwrap_err());
            assert!(
                error.contains("evaluation.json is not a run's evaluation"),
                "{error}"
            );
        }
    }
}
