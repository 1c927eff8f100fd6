//! A model's training as a file, to go on from.
//!
//! | bytes | what |
//! | --- | --- |
//! | 8 | `fmnistCK` |
//! | 4 | version of the format |
//! | 4 | length of the header |
//! | … | the header, JSON: settings, digest of the images, history, position |
//! | … | weights; after the first step also first moments, second moments and, if the recipe averages, averages: `f32` each |
//! | 32 | SHA-256 of all before it |
//!
//! Numbers are little-endian. Nothing is allocated that the file's own length does not account for.

use std::io::Write;

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::model::ModelKind;
use crate::ops::adamw;
use crate::train::history::EpochRecord;
use crate::train::{Elements, Position, Settings, State};
use crate::util::text::count;

const MAGIC: [u8; 8] = *b"fmnistCK";
const VERSION: u32 = 1;
/// Magic, version and length of the header.
const PREFIX: usize = 16;
/// Length of the checksum.
const SUM: usize = 32;
/// Values that are written at a time.
const PIECE: usize = 1 << 18;
/// Bytes of a header, more than the longest run has.
const MAX_HEADER: usize = 16 << 20;
/// More parameters than any model has, each layer with its weight and bias.
const MAX_PARAMETERS: usize = 128;

/// A model's training as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint<T = Vec<f32>> {
    /// What does not change from step to step.
    pub run: RunIdentity,
    /// The epochs behind it.
    pub history: Vec<EpochRecord>,
    /// Where it stands.
    pub state: State<T>,
}

/// The run and the model that a checkpoint belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunIdentity {
    /// Which model of the run.
    pub model: ModelKind,
    /// The run's settings.
    pub settings: Settings,
    /// [Digest](crate::dataset::Split::digest) of the images to train on.
    pub images: String,
}

impl RunIdentity {
    /// Whether this is of that model of a run with these settings, but for its epochs.
    ///
    /// # Errors
    ///
    /// If not: what differs.
    pub fn check(&self, model: ModelKind, settings: &Settings) -> Result<()> {
        ensure!(self.model == model, "it is of the {} model", self.model);
        let same_epochs = Settings {
            epochs: settings.epochs,
            ..self.settings.clone()
        };
        if let Some(difference) = same_epochs.difference(settings) {
            bail!("it is of a run with other settings: {difference}");
        }
        Ok(())
    }
}

#[derive(Serialize, Deserialize)]
struct Header {
    run: RunIdentity,
    history: Vec<EpochRecord>,
    position: Position,
    /// Steps of the optimizer.
    time: usize,
    averages: bool,
    /// Elements of each parameter.
    lengths: Vec<usize>,
}

impl<T: Elements> Checkpoint<T> {
    /// Writes it piece by piece: its bytes are as many as all that the training holds.
    ///
    /// # Errors
    ///
    /// If `file` cannot be written, the device fails, or the history is longer than any run's.
    pub fn write(&self, file: &mut impl Write) -> Result<()> {
        let state = &self.state;
        let header = serde_json::to_vec(&Header {
            run: self.run.clone(),
            history: self.history.clone(),
            position: state.position,
            time: state.optimizer.time,
            averages: state.optimizer.moments.averages.is_some(),
            lengths: state.weights.iter().map(Elements::count).collect(),
        })?;
        let header_len = u32::try_from(header.len()).unwrap_or(u32::MAX);
        ensure!(
            header_len as usize <= MAX_HEADER,
            "its history is too long to be kept"
        );
        let mut sum = Sha256::new();
        let mut put = |bytes: &[u8]| {
            sum.update(bytes);
            file.write_all(bytes)
        };
        put(&MAGIC)?;
        put(&VERSION.to_le_bytes())?;
        put(&header_len.to_le_bytes())?;
        put(&header)?;
        let mut piece = Vec::with_capacity(4 * PIECE);
        for part in state.parts() {
            for values in part.read()?.chunks(PIECE) {
                piece.clear();
                piece.extend(values.iter().flat_map(|value| value.to_le_bytes()));
                put(&piece)?;
            }
        }
        file.write_all(&sum.finalize())?;
        Ok(())
    }
}

impl Checkpoint {
    /// Reads what [`write`](Self::write) wrote.
    ///
    /// # Errors
    ///
    /// If it is anything else: which part is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let cut_off = || anyhow!("it is cut off after {}", count(bytes.len(), "byte"));
        let Some((prefix, _)) = bytes.split_first_chunk::<PREFIX>() else {
            return Err(cut_off());
        };
        ensure!(prefix.starts_with(&MAGIC), "it is no checkpoint");
        let [version, header_len] = [8, 12].map(|at| word(&prefix[at..]));
        ensure!(
            version == VERSION,
            "it has version {version} of the format, but this program reads version {VERSION}"
        );
        let Some((body, sum)) = bytes.split_last_chunk::<SUM>() else {
            return Err(cut_off());
        };
        ensure!(
            Sha256::digest(body)[..] == sum[..],
            "it is cut off or damaged: its checksum does not match"
        );
        ensure!(
            header_len as usize <= MAX_HEADER,
            "its header is longer than any is"
        );
        let rest = body.get(PREFIX..).unwrap_or_default();
        let Some((header, values)) = rest.split_at_checked(header_len as usize) else {
            bail!("its header is longer than the file");
        };
        let header: Header = serde_json::from_slice(header).context("its header is unreadable")?;
        header.with(values)
    }
}

impl Header {
    /// The checkpoint of this header and the `values` behind it.
    fn with(self, values: &[u8]) -> Result<Checkpoint> {
        let model = self.run.model.name();
        let epochs = self.history.iter().map(|record| record.epoch);
        ensure!(
            epochs.eq(1..=self.position.epochs)
                && self.history.iter().all(|record| record.model == model),
            "its history is not that of the {} behind it",
            count(self.position.epochs, "epoch")
        );
        ensure!(
            self.lengths.len() <= MAX_PARAMETERS,
            "{} parameters are more than any model has",
            self.lengths.len()
        );
        let moments = if self.time > 0 { 2 } else { 0 };
        let parts = 1 + moments + usize::from(self.averages);
        let len = (self.lengths.iter()).try_fold(0usize, |sum, &len| sum.checked_add(len));
        let bytes = len.and_then(|len| len.checked_mul(4 * parts));
        ensure!(
            bytes == Some(values.len()),
            "it holds {} of weights, not as many as its header says",
            count(values.len(), "byte")
        );
        let mut values = values
            .chunks_exact(4)
            .map(|value| f32::from_bits(word(value)));
        let mut part = || {
            let lengths = self.lengths.iter();
            let vectors = lengths.map(|&len| values.by_ref().take(len).collect());
            vectors.collect::<Vec<Vec<f32>>>()
        };
        let weights = part();
        let [moments_1, moments_2] = match moments {
            0 => Default::default(),
            _ => [part(), part()],
        };
        let moments = adamw::Moments {
            moments_1,
            moments_2,
            averages: self.averages.then(part),
        };
        Ok(Checkpoint {
            run: self.run,
            history: self.history,
            state: State {
                position: self.position,
                weights,
                optimizer: adamw::State {
                    time: self.time,
                    moments,
                },
            },
        })
    }
}

/// The first four bytes as a number.
fn word(bytes: &[u8]) -> u32 {
    let first = bytes.first_chunk().copied();
    u32::from_le_bytes(first.unwrap_or_default())
}
