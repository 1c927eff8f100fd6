//! Where training stands.

use std::ops::Deref;

use burn::Tensor;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::Sums;
use crate::Result;
use crate::device;
use crate::error::ensure;
use crate::model::ModelKind;
use crate::ops::adamw;
use crate::ops::weights::elements;

/// All that the further course of a model's training depends on, besides its settings and images; by default on
/// the host.
///
/// What is random is a function of seed, epoch and step: the position stands for the generators too.
#[derive(Clone, Debug, PartialEq)]
pub struct State<T = Vec<f32>> {
    /// How far it has come.
    pub position: Position,
    /// The elements of each parameter, in the model's order.
    pub weights: Vec<T>,
    /// The optimizer's moments.
    pub optimizer: adamw::State<T>,
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

/// The elements of a parameter, on the host or still on a device.
pub trait Elements {
    /// How many there are.
    fn count(&self) -> usize;

    /// The elements, without a copy of what is in the host's memory.
    ///
    /// # Errors
    ///
    /// If the device fails.
    fn read(&self) -> Result<Box<dyn Deref<Target = [f32]> + '_>>;
}

impl Elements for Vec<f32> {
    fn count(&self) -> usize {
        self.len()
    }

    fn read(&self) -> Result<Box<dyn Deref<Target = [f32]> + '_>> {
        Ok(Box::new(&self[..]))
    }
}

impl Elements for Tensor<1> {
    fn count(&self) -> usize {
        self.dims()[0]
    }

    fn read(&self) -> Result<Box<dyn Deref<Target = [f32]> + '_>> {
        elements(self.clone())
    }
}

impl<T: Elements> State<T> {
    /// Weights and all that the optimizer remembers of them, in the order of a checkpoint.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &T> {
        let moments = &self.optimizer.moments;
        let parts = [&self.weights, &moments.moments_1, &moments.moments_2];
        parts.into_iter().chain(&moments.averages).flatten()
    }

    /// Refuses weights that no training can go on from.
    ///
    /// # Errors
    ///
    /// [`Diverged`] if a number is infinite or NaN; if the device fails.
    pub fn check(&self, model: ModelKind) -> Result<()> {
        let is_finite = |values: &[f32]| values.iter().all(|value| value.is_finite());
        let mut all_finite = is_finite(&self.position.sums);
        for part in self.parts() {
            all_finite = all_finite && is_finite(&part.read()?);
        }
        ensure!(
            all_finite,
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

impl State<Tensor<1>> {
    /// The same on the host.
    ///
    /// # Errors
    ///
    /// If the device fails.
    pub(crate) fn read(self) -> Result<State> {
        let weights = self.weights.into_iter().map(device::read);
        Ok(State {
            position: self.position,
            weights: weights.collect::<Result<_>>()?,
            optimizer: self.optimizer.read()?,
        })
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
