//! The end of a run in figures, and its form on disk, `summary.json`; that of several, `runs.json`.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Deserializer, Serialize};

use crate::report::evaluation::LargestClass;
use crate::util::json;
use crate::util::statistics::MeanStd;
use crate::util::whole_file;

/// Bytes of `summary.json`, far more than it has.
const FILE_LIMIT: u64 = 1 << 20;

/// The summary of a run: device, dataset, models, and the results of each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Name of the dataset.
    pub dataset: String,
    /// `wgpu` or `cpu`.
    pub backend: String,
    /// Name of the GPU or CPU.
    pub device: String,
    /// Name of the recipe, such as `standard`.
    pub recipe: String,
    /// Seed of weights and order.
    pub seed: u64,
    /// Epochs trained.
    pub epochs: usize,
    /// The largest class of the test set, if not all have as many images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub largest_class: Option<LargestClass>,
    /// What [`ModelSummary::class_recalls`] are of; empty where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub test_classes: Vec<TestClass>,
    /// By the model's name, `dense` or `cnn`.
    pub models: BTreeMap<String, ModelSummary>,
}

/// A class of a test set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestClass {
    /// Its name.
    pub name: String,
    /// How many images it has there.
    pub images: usize,
}

/// One model's part of a [`Summary`]. Accuracies are fractions, 0 to 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelSummary {
    /// Number of trainable weights.
    pub parameters: usize,
    /// Over the last epoch, each image before the model learned from it.
    pub train_accuracy: f64,
    /// On the held-out images, after the last epoch.
    pub validation_accuracy: f64,
    /// On the test set, after the last epoch.
    pub test_accuracy: f64,
    /// On the test set, the mean recall of its classes, if not all have as many images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balanced_accuracy: Option<f64>,
    /// On the test set, the recall of each class, if not all have as many images; none of a class of no image.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub class_recalls: Vec<Option<f64>>,
    /// Mean cross-entropy over the test set, in nats. NaN and infinity are `null` on disk, and
    /// are read back as NaN.
    #[serde(deserialize_with = "nan_if_null")]
    pub test_loss: f64,
    /// Mean training time of an epoch, without validation.
    pub seconds_per_epoch: f64,
    /// Training, validation and test together.
    pub total_seconds: f64,
}

impl Summary {
    /// Writes the summary to `path` as JSON.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        write_json(self, path)
    }

    /// Reads what [`write`](Self::write) wrote.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or is not such a summary; the message names the file, and
    /// the line and the field where they are known.
    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(&whole_file::read(path, FILE_LIMIT)?)
            .with_context(|| format!("{} is not a run's summary", path.display()))
    }

    /// The summary that these bytes of JSON describe.
    ///
    /// # Errors
    ///
    /// If they do not, or no model can do so.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let summary: Self = json::parse(bytes)?;
        let is_share = |share: f64| share.is_nan() || (0.0..=1.0).contains(&share);
        for (name, model) in &summary.models {
            let recalls = &model.class_recalls;
            ensure!(
                recalls.is_empty() || recalls.len() == summary.test_classes.len(),
                "models.{name}.class_recalls: {} were expected, one for each of test_classes",
                summary.test_classes.len()
            );
            let accuracies = [
                model.train_accuracy,
                model.validation_accuracy,
                model.test_accuracy,
            ];
            let shares = accuracies.into_iter().chain(model.balanced_accuracy);
            ensure!(
                shares
                    .chain(recalls.iter().copied().flatten())
                    .all(is_share),
                "models.{name}: accuracies and recalls are fractions from 0 to 1"
            );
        }
        Ok(summary)
    }
}

/// The summary of runs that differ in nothing but their seed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunsSummary {
    /// Name of the dataset.
    pub dataset: String,
    /// `wgpu` or `cpu`.
    pub backend: String,
    /// Name of the GPU or CPU.
    pub device: String,
    /// Name of the recipe.
    pub recipe: String,
    /// One for each run.
    pub seeds: Vec<u64>,
    /// Epochs trained in each run.
    pub epochs: usize,
    /// See [`Summary::largest_class`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub largest_class: Option<LargestClass>,
    /// See [`Summary::test_classes`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub test_classes: Vec<TestClass>,
    /// By the model's name, `dense` or `cnn`.
    pub models: BTreeMap<String, ModelRuns>,
}

/// One model's part of a [`RunsSummary`]: means and standard deviations over the runs of what a
/// [`ModelSummary`] holds. NaN and infinity are `null` on disk.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModelRuns {
    /// Number of trainable weights.
    pub parameters: usize,
    /// See [`ModelSummary::train_accuracy`].
    pub train_accuracy: MeanStd,
    /// See [`ModelSummary::validation_accuracy`].
    pub validation_accuracy: MeanStd,
    /// See [`ModelSummary::test_accuracy`].
    pub test_accuracy: MeanStd,
    /// See [`ModelSummary::balanced_accuracy`]; none unless every run has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub balanced_accuracy: Option<MeanStd>,
    /// See [`ModelSummary::class_recalls`]; none of a class unless every run has one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub class_recalls: Vec<Option<MeanStd>>,
    /// See [`ModelSummary::test_loss`].
    pub test_loss: MeanStd,
    /// See [`ModelSummary::seconds_per_epoch`].
    pub seconds_per_epoch: MeanStd,
    /// See [`ModelSummary::total_seconds`].
    pub total_seconds: MeanStd,
}

impl RunsSummary {
    /// Of these runs; none if there are none. What they share is taken from the first.
    pub fn of(runs: &[Summary]) -> Option<Self> {
        let first = runs.first()?;
        let models = first.models.keys().filter_map(|name| {
            let results: Vec<_> = runs.iter().filter_map(|run| run.models.get(name)).collect();
            Some((name.clone(), ModelRuns::of(&results)?))
        });
        Some(Self {
            dataset: first.dataset.clone(),
            backend: first.backend.clone(),
            device: first.device.clone(),
            recipe: first.recipe.clone(),
            seeds: runs.iter().map(|run| run.seed).collect(),
            epochs: first.epochs,
            largest_class: first.largest_class.clone(),
            test_classes: first.test_classes.clone(),
            models: models.collect(),
        })
    }

    /// Writes the summary to `path` as JSON.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        write_json(self, path)
    }
}

impl ModelRuns {
    fn of(runs: &[&ModelSummary]) -> Option<Self> {
        let first = runs.first()?;
        let over = |value: fn(&ModelSummary) -> f64| {
            MeanStd::of(&runs.iter().map(|run| value(run)).collect::<Vec<_>>())
        };
        // Only of what every run has.
        let over_all = |value: &dyn Fn(&ModelSummary) -> Option<f64>| {
            let values: Option<Vec<f64>> = runs.iter().map(|run| value(run)).collect();
            MeanStd::of(&values?)
        };
        let recall = |class: usize| over_all(&|run| *run.class_recalls.get(class)?);
        Some(Self {
            parameters: first.parameters,
            train_accuracy: over(|run| run.train_accuracy)?,
            validation_accuracy: over(|run| run.validation_accuracy)?,
            test_accuracy: over(|run| run.test_accuracy)?,
            balanced_accuracy: over_all(&|run| run.balanced_accuracy),
            class_recalls: (0..first.class_recalls.len()).map(recall).collect(),
            test_loss: over(|run| run.test_loss)?,
            seconds_per_epoch: over(|run| run.seconds_per_epoch)?,
            total_seconds: over(|run| run.total_seconds)?,
        })
    }
}

fn write_json(value: &impl Serialize, path: &Path) -> Result<()> {
    let json = serde_json::to_string_pretty(value)?;
    whole_file::write(path, (json + "\n").as_bytes())
}

/// JSON has no NaN: serde_json writes `null` for it.
fn nan_if_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}
