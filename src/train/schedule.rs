//! The learning rate over the course of a run.

use std::f64::consts::PI;

use serde::{Deserialize, Serialize};

/// How the learning rate changes after the warm-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Decay {
    /// Not at all.
    Constant,
    /// Along half a cosine down to 0 at the end of the run.
    Cosine,
}

/// The learning rate of each step of a run.
///
/// A linear warm-up, then half a cosine: "SGDR: Stochastic Gradient Descent with Warm Restarts"
/// (Loshchilov and Hutter, 2017), without restarts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// The largest learning rate, reached after the warm-up.
    pub peak: f64,
    /// Steps over which the learning rate grows to the peak.
    pub warm_up_steps: usize,
    /// How it goes on.
    pub decay: Decay,
    /// Steps of the run.
    pub steps: usize,
}

impl Schedule {
    /// The learning rate of step number `step`, counted from 0.
    pub fn learning_rate(&self, step: usize) -> f64 {
        if step < self.warm_up_steps {
            return self.peak * (step + 1) as f64 / (self.warm_up_steps as f64 + 1.0);
        }
        match self.decay {
            Decay::Constant => self.peak,
            Decay::Cosine => {
                let left = self.steps.saturating_sub(self.warm_up_steps).max(1);
                let progress = (step - self.warm_up_steps) as f64 / left as f64;
                self.peak * 0.5 * (1.0 + (PI * progress.min(1.0)).cos())
            }
        }
    }
}
