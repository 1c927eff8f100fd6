//! The history of a run: the metrics of each epoch.

use serde::{Deserialize, Serialize};

/// One model's results after one epoch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// `dense` or `cnn`.
    pub model: String,
    /// Counted from 1.
    pub epoch: usize,
    /// Mean cross-entropy over the epoch, in nats.
    pub train_loss: f64,
    /// Fraction of the epoch's images classified correctly, 0 to 1.
    pub train_accuracy: f64,
    /// Mean cross-entropy over the held-out images, in nats.
    pub validation_loss: f64,
    /// Fraction of the held-out images classified correctly, 0 to 1.
    pub validation_accuracy: f64,
    /// Training time of the epoch, without validation.
    pub seconds: f64,
}

/// The records of a run, in the order in which the epochs ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// One for each epoch of each model.
    pub records: Vec<EpochRecord>,
}

impl History {
    /// Adds the next epoch.
    pub fn push(&mut self, record: EpochRecord) {
        self.records.push(record);
    }

    /// The epochs of several models in the order in which training side by side ends them.
    pub fn merged(models: impl IntoIterator<Item = Vec<EpochRecord>>) -> Self {
        let mut records: Vec<EpochRecord> = models.into_iter().flatten().collect();
        records.sort_by_key(|record| record.epoch); // stable: models keep their order
        Self { records }
    }

    /// The names of the models, in order of their first epoch's end.
    pub fn models(&self) -> Vec<&str> {
        let mut models = Vec::new();
        for record in &self.records {
            if !models.contains(&record.model.as_str()) {
                models.push(&record.model);
            }
        }
        models
    }

    /// One model's records.
    pub fn of<'a>(&'a self, model: &'a str) -> impl Iterator<Item = &'a EpochRecord> {
        self.records.iter().filter(move |r| r.model == model)
    }

    /// Whether the model's last epoch is the first to reach its validation accuracy.
    pub fn has_just_improved(&self, model: &str) -> bool {
        let accuracies: Vec<f64> = self.of(model).map(|r| r.validation_accuracy).collect();
        accuracies
            .split_last()
            .is_some_and(|(last, before)| before.iter().all(|accuracy| accuracy < last))
    }
}
