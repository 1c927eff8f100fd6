//! `history.csv`: what each epoch of a run reached.

use std::path::Path;

use anyhow::{Result, bail};

use crate::train::history::{EpochRecord, History};
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

impl History {
    /// Writes the history to `path`.
    ///
    /// An existing file is replaced in one step: whoever stops the program while it writes
    /// keeps the previous history.
    ///
    /// # Errors
    ///
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
    ///
    /// When the file cannot be read, has other columns, or holds a value of another kind; the
    /// message names the file and the line.
    pub fn read_csv(path: &Path) -> Result<Self> {
        Self::parse(&whole_file::read(path, FILE_LIMIT)?, path)
    }

    /// Reads the bytes of the file `path`, which errors name.
    ///
    /// # Errors
    ///
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
