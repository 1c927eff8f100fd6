//! Where training stands.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Sums;
use crate::model::ModelKind;
use crate::ops::adamw;

/// All that the further course of a model's training depends on, besides its settings and images.
///
/// What is random is a function of seed, epoch and step: the position stands for the generators too.
#[derive(Clone, Debug, PartialEq)]
pub struct State {
    /// How far it has come.
    pub position: Position,
    /// The elements of each parameter, in the model's order.
    pub weights: Vec<Vec<f32>>,
    /// What the optimizer remembers.
    pub optimizer: adamw::State,
}

/// How far a model's training has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Epochs that are over.
    pub epochs: usize,
    /// Steps of the next one.
    pub steps: usize,
    /// The sums over those steps.
    pub sums: Sums,
    /// Images in those steps.
    pub images: usize,
    /// Seconds that those steps took.
    pub seconds: f64,
    /// Seconds of training and validation since the beginning.
    pub busy_seconds: f64,
}

impl State {
    /// Refuses weights that no training can go on from.
    ///
    /// # Errors
    ///
    /// [`Diverged`] if a number is infinite or NaN.
    pub fn check(&self, model: ModelKind) -> Result<()> {
        let memory = &self.optimizer.memory;
        let averages = memory.averages.iter().flatten();
        let all = self.weights.iter().chain(&memory.moments_1);
        let all = all.chain(&memory.moments_2).chain(averages).flatten();
        let mut all = all.chain(&self.position.sums);
        ensure!(
            all.all(|value| value.is_finite()),
            Diverged {
                model,
                epoch: self.position.epochs + 1,
                step: self.position.steps,
                what: "its weights or its loss are no longer finite numbers",
            }
        );
        Ok(())
    }
}

/// A model whose numbers have grown beyond all bounds. Nothing can be learned from there.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the {model} model diverged {}: {what}", place(*.step, *.epoch))]
pub struct Diverged {
    /// Which model.
    pub model: ModelKind,
    /// In which epoch, counted from 1.
    pub epoch: usize,
    /// In which of its steps, counted from 1; 0 if in validation.
    pub step: usize,
    /// What was seen.
    pub what: &'static str,
}

/// Where a model diverged.
fn place(step: usize, epoch: usize) -> String {
    match step {
        0 => format!("after epoch {epoch}"),
        _ => format!("in step {step} of epoch {epoch}"),
    }
}
