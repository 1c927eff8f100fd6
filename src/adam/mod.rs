//! Adam as one operation per parameter.
//!
//! "Adam: A Method for Stochastic Optimization" (Kingma and Ba, 2015), with the bias corrections
//! folded into the step as PyTorch does.

// burn-ndarray is deprecated: it ends with Burn 0.22, which this project stays on.
#![allow(deprecated)]

pub mod cpu;
mod ndarray;
mod plan;
mod wgpu;

use burn::Tensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Dispatch, backend_extension};
use burn::optim::{AdamState, AdaptiveMomentumState, LearningRate, Optimizer};
use burn::tensor::Device;

/// Decay of the first moment.
const BETA_1: f64 = 0.9;
/// Decay of the second moment.
const BETA_2: f64 = 0.999;
/// Keeps the step finite where the second moment is 0.
pub const EPSILON: f64 = 1e-8;

/// One step's numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamStep {
    /// Step size.
    pub learning_rate: f32,
    /// Decay of the first moment.
    pub beta_1: f32,
    /// Decay of the second moment.
    pub beta_2: f32,
    /// Keeps the step finite where the second moment is 0.
    pub epsilon: f32,
    /// `1 - beta_1^t` in step `t`.
    pub bias_correction_1: f32,
    /// `1 - beta_2^t` in step `t`.
    pub bias_correction_2: f32,
}

impl AdamStep {
    /// The numbers of step `time`, counted from 1.
    pub fn new(learning_rate: f64, time: usize) -> Self {
        let correction = |beta: f64| (1.0 - beta.powf(time as f64)) as f32;
        Self {
            learning_rate: learning_rate as f32,
            beta_1: BETA_1 as f32,
            beta_2: BETA_2 as f32,
            epsilon: EPSILON as f32,
            bias_correction_1: correction(BETA_1),
            bias_correction_2: correction(BETA_2),
        }
    }
}

/// The update of a parameter, as Burn dispatches it to the backend of its tensors.
#[backend_extension(Cube, NdArray)]
pub trait AdamUpdate: Backend {
    /// The parameter and its two moments after `step`. All tensors have the same shape.
    fn adam_update(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        moment_1: FloatTensor<Self>,
        moment_2: FloatTensor<Self>,
        step: AdamStep,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>);
}

/// Adam for Burn's module optimizer.
#[derive(Clone, Debug, Default)]
pub struct Adam;

/// Keeps Burn's own state, so that its records serve both.
impl Optimizer for Adam {
    type State<const D: usize> = AdamState<D>;

    fn step<const D: usize>(
        &self,
        learning_rate: LearningRate,
        tensor: Tensor<D>,
        grad: Tensor<D>,
        state: Option<AdamState<D>>,
    ) -> (Tensor<D>, Option<AdamState<D>>) {
        let (time, moment_1, moment_2) = match state {
            Some(AdamState { momentum }) => (momentum.time, momentum.moment_1, momentum.moment_2),
            None => (0, grad.zeros_like(), grad.zeros_like()),
        };
        let (tensor, moment_1, moment_2) = Dispatch::adam_update(
            tensor.into_dispatch(),
            grad.into_dispatch(),
            moment_1.into_dispatch(),
            moment_2.into_dispatch(),
            AdamStep::new(learning_rate, time + 1),
        );
        let momentum = AdaptiveMomentumState::new(
            time + 1,
            Tensor::from_dispatch(moment_1),
            Tensor::from_dispatch(moment_2),
        );
        let state = AdamState::new(momentum);
        (Tensor::from_dispatch(tensor), Some(state))
    }

    fn to_device<const D: usize>(mut state: AdamState<D>, device: &Device) -> AdamState<D> {
        state.momentum = state.momentum.to_device(device);
        state
    }
}
