//! What each epoch of a run reached, and its form on disk, `history.csv`.

use std::path::Path;

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

use crate::util::whole_file;

/// The columns of `history.csv`, in the order of [`EpochRecord`]'s fields.
const COLUMNS: [&str; 7] = [
    "model",
    "epoch",
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "seconds",
];

/// Bytes of `history.csv`, far more than any run has epochs for.
const FILE_LIMIT: u64 = 64 << 20;

/// One model's results after one epoch: one line of `history.csv`.
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

    /// Writes the history to `path`.
    ///
    /// An existing file is replaced in one step: whoever stops the program while it writes
    /// keeps the previous history.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_csv(&self, path: &Path) -> Result<()> {
        // The header is written by hand because serde's stands over the first record only,
        // and an empty history must be readable too.
        let mut writer = csv::WriterBuilder::new()
            .has_headers(false)
            .from_writer(Vec::new());
        writer.write_record(COLUMNS)?;
        for record in &self.records {
            writer.serialize(record)?;
        }
        let bytes = writer.into_inner()?;
        whole_file::write(path, &bytes)
    }

    /// Reads what [`write_csv`](Self::write_csv) wrote.
    ///
    /// # Errors
    /// When the file cannot be read, has other columns, or holds a value of another kind; the
    /// message names the file and the line.
    pub fn read_csv(path: &Path) -> Result<Self> {
        Self::parse(&whole_file::read(path, FILE_LIMIT)?, path)
    }

    /// Reads the bytes of the file `path`, which errors name.
    ///
    /// # Errors
    /// As of [`read_csv`](Self::read_csv).
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Self> {
        let mut reader = csv::Reader::from_reader(bytes);
        let header = reader.headers().map_err(|error| in_file(path, &error))?;
        if header != COLUMNS[..] {
            bail!(
                "{} is no history — line 1 must be `{}`, not `{}`",
                path.display(),
                COLUMNS.join(","),
                crate::util::text::one_line(&header.iter().collect::<Vec<_>>().join(","), 120),
            );
        }

        let mut records = Vec::new();
        let mut row = csv::StringRecord::new();
        while reader
            .read_record(&mut row)
            .map_err(|error| in_file(path, &error))?
        {
            let record: EpochRecord = row
                .deserialize(Some(&csv::StringRecord::from(&COLUMNS[..])))
                .map_err(|error| in_file(path, &error))?;
            if record.epoch == 0 {
                bail!(
                    "{}, line {} — column `epoch` is 0, but epochs are counted from 1",
                    path.display(),
                    row.position().map_or(0, csv::Position::line),
                );
            }
            records.push(record);
        }
        Ok(Self { records })
    }
}

/// Says where in the file a reader's error lies, and in which column where that is known.
fn in_file(path: &Path, error: &csv::Error) -> anyhow::Error {
    let file = path.display();
    let line = error.position().map_or(0, csv::Position::line);
    match error.kind() {
        csv::ErrorKind::UnequalLengths { len, .. } => anyhow::anyhow!(
            "{file}, line {line} — expected {} values, found {len}",
            COLUMNS.len()
        ),
        csv::ErrorKind::Deserialize { err, .. } => {
            let column = err.field().and_then(|i| COLUMNS.get(i as usize));
            anyhow::anyhow!(
                "{file}, line {line} — column `{}`: {}",
                column.unwrap_or(&"?"),
                err.kind()
            )
        }
        _ => anyhow::anyhow!("{file} cannot be read as CSV — {error}"),
    }
}
