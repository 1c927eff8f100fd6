//! The end of a run in figures, and its form on disk, `summary.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Deserializer, Serialize};

use crate::whole_file;

/// What was trained on what, and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Name of the dataset.
    pub dataset: String,
    /// `wgpu` or `cpu`.
    pub backend: String,
    /// Name of the GPU or CPU.
    pub device: String,
    /// Seed of weights and order.
    pub seed: u64,
    /// Epochs trained.
    pub epochs: usize,
    /// By the model's name, `dense` or `cnn`.
    pub models: BTreeMap<String, ModelSummary>,
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
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        let json = serde_json::to_string_pretty(self)?;
        whole_file::write(path, (json + "\n").as_bytes())
    }

    /// Reads what [`write`](Self::write) wrote.
    ///
    /// # Errors
    /// When the file cannot be read or is not such a summary; the message names the file, and
    /// the line and the field where they are known.
    pub fn read(path: &Path) -> Result<Self> {
        let json = fs::read_to_string(path)
            .with_context(|| format!("cannot read the summary {}", path.display()))?;
        serde_json::from_str(&json)
            .with_context(|| format!("{} is not a run's summary", path.display()))
    }
}

/// JSON has no NaN: serde_json writes `null` for it.
fn nan_if_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}
