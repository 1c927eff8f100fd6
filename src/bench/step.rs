//! Training steps, timed from outside and taken apart.

use std::time::Instant;

use anyhow::Result;
use burn::tensor::Device;

use super::{DeviceMemory, Spread};
use crate::device::recorder::{self, Record};
use crate::train::{Batches, DeviceSplit, Learner, ModelSettings, Settings};

/// Before anything is measured: pipelines, memory pools, caches and clocks settle.
const WARM_UP_STEPS: usize = 10;
const WARM_UP_SECONDS: f64 = 0.5;
/// How long to measure where the user names no number of steps.
const MEASURED_SECONDS: f64 = 3.0;
/// The steps measured are divided into so many samples, between which the device is waited for.
const SAMPLES: usize = 20;
/// Steps that the device is given at most before it is waited for: what waits takes memory.
const MAX_AHEAD: usize = 4096;
/// How long to look at single kernels.
const RECORDED_SECONDS: f64 = 1.0;
const RECORDED_STEPS: [usize; 2] = [2, 20];
/// How long to measure steps whose launches are asked for one by one.
const ONE_BY_ONE_SECONDS: f64 = 1.0;
const ONE_BY_ONE_STEPS: [usize; 2] = [2, 500];

/// What was seen of a model's training steps.
pub struct Steps {
    /// Trainable weights of the model.
    pub parameters: usize,
    /// From fresh weights to the end of the first step: pipelines are compiled in it.
    pub first_step_seconds: f64,
    /// Steps in `step_seconds`.
    pub steps: usize,
    /// Seconds per step: one value for each sample.
    pub step_seconds: Spread,
    /// Seconds until the host has asked for a step that an idle device then works on.
    pub enqueue_seconds: f64,
    /// Seconds per step by Burn's operations, launched one by one; none where no others were measured.
    pub one_by_one_seconds: Option<f64>,
    /// What happened in `recorded_steps` more steps.
    pub record: Record,
    /// Steps in `record`.
    pub recorded_steps: usize,
    /// Memory of the GPU after the last step.
    pub memory: Option<DeviceMemory>,
}

/// Trains a fresh model for a while; `steps` are measured, or as many as take a few seconds. The
/// batch size of `settings` is at most the number of images.
///
/// # Errors
///
/// If the device fails.
pub fn measure(
    model: &ModelSettings,
    settings: &Settings,
    steps: Option<usize>,
    images: &DeviceSplit,
    device: &Device,
) -> Result<Steps> {
    let started = Instant::now();
    let mut trainer = Trainer::new(model, settings, images, device);
    trainer.timed(1)?;
    let first_step_seconds = started.elapsed().as_secs_f64();

    let (mut warmed_up, warm_up) = (0, Instant::now());
    while warmed_up < WARM_UP_STEPS || warm_up.elapsed().as_secs_f64() < WARM_UP_SECONDS {
        trainer.timed(WARM_UP_STEPS)?;
        warmed_up += WARM_UP_STEPS;
    }
    let estimate = warm_up.elapsed().as_secs_f64() / warmed_up as f64;
    let fitting = |seconds: f64| (seconds / estimate) as usize;
    trainer.learner.set_step_seconds(estimate);

    let steps = steps.unwrap_or_else(|| fitting(MEASURED_SECONDS).max(SAMPLES));
    let mut step_seconds = Vec::new();
    for steps in samples(steps) {
        step_seconds.push(trainer.timed(steps)? / steps as f64);
    }
    let mut enqueue_seconds = Vec::new();
    let together = trainer.learner.together();
    for _ in 0..SAMPLES.min(steps) {
        let started = Instant::now();
        trainer.run(together)?;
        enqueue_seconds.push(started.elapsed().as_secs_f64() / together as f64);
        trainer.learner.wait()?;
    }
    let [fewest, most] = RECORDED_STEPS;
    let recorded_steps = fitting(RECORDED_SECONDS).clamp(fewest, most);
    // One operation at a time: the first time their kernels are compiled.
    recorder::record(|| trainer.timed(1)).0?;
    let (waited, record) = recorder::record(|| trainer.timed(recorded_steps));
    waited?;

    let besides = trainer.learner.bytes_besides();
    let memory = device.memory_pool_usage().map(|usage| DeviceMemory {
        in_use: usage.bytes_in_use + besides,
        reserved: usage.bytes_reserved + besides,
    });
    let parameters = trainer.learner.parameters();
    drop(trainer);
    let [fewest, most] = ONE_BY_ONE_STEPS;
    let one_by_one_steps = fitting(ONE_BY_ONE_SECONDS).clamp(fewest, most);
    let one_by_one = || -> Result<f64> {
        let mut trainer = Trainer::new(model, settings, images, device);
        trainer.learner.launch_one_by_one();
        trainer.timed(2)?;
        let samples = samples(one_by_one_steps);
        let seconds = samples.map(|steps| Ok(trainer.timed(steps)? / steps as f64));
        Ok(Spread::of(seconds.collect::<Result<_>>()?).median)
    };
    Ok(Steps {
        parameters,
        first_step_seconds,
        steps,
        step_seconds: Spread::of(step_seconds),
        enqueue_seconds: Spread::of(enqueue_seconds).median,
        one_by_one_seconds: (besides > 0).then(one_by_one).transpose()?,
        record,
        recorded_steps,
        memory,
    })
}

/// Divides `steps` into samples of about equal length.
fn samples(steps: usize) -> impl Iterator<Item = usize> {
    let samples = steps.min(SAMPLES);
    (0..samples).map(move |i| steps / samples + usize::from(i < steps % samples))
}

/// A model in training.
struct Trainer {
    learner: Learner,
    batch_size: usize,
    learning_rate: f64,
    /// What is left of the epoch.
    batches: Option<Batches>,
    epoch: usize,
    steps: usize,
}

impl Trainer {
    fn new(
        model: &ModelSettings,
        settings: &Settings,
        images: &DeviceSplit,
        device: &Device,
    ) -> Self {
        Self {
            learner: Learner::new(model, settings, images, device),
            batch_size: settings.batch_size,
            learning_rate: model.training.learning_rate,
            batches: None,
            epoch: 0,
            steps: 0,
        }
    }

    /// Asks the device for `steps` whole steps, each with a full batch of its own.
    fn run(&mut self, steps: usize) -> Result<()> {
        for asked in 1..=steps {
            let is_whole = |batches: &Batches| batches.images_ahead() >= self.batch_size;
            let mut batches = self.batches.take().filter(is_whole).unwrap_or_else(|| {
                self.epoch += 1;
                self.learner.batches(self.epoch)
            });
            self.learner
                .advance(&mut batches, self.steps, self.learning_rate);
            self.steps += 1;
            self.batches = Some(batches);
            if asked.is_multiple_of(MAX_AHEAD) {
                self.learner.wait()?;
            }
        }
        self.learner.submit();
        Ok(())
    }

    /// Seconds for `steps` steps, until the device has finished them.
    fn timed(&mut self, steps: usize) -> Result<f64> {
        let started = Instant::now();
        self.run(steps)?;
        self.learner.wait()?;
        Ok(started.elapsed().as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::samples;

    #[test]
    fn samples_share_out_the_steps() {
        assert_eq!(samples(1).collect::<Vec<_>>(), [1]);
        assert_eq!(samples(3).collect::<Vec<_>>(), [1, 1, 1]);
        for steps in [20, 21, 39, 1_234, usize::MAX] {
            let samples: Vec<usize> = samples(steps).collect();
            assert_eq!(samples.len(), 20);
            assert_eq!(samples.iter().sum::<usize>(), steps);
            let (min, max) = (samples.iter().min(), samples.iter().max());
            assert!(max.unwrap() - min.unwrap() <= 1, "{samples:?}");
        }
    }
}
