//! A learner's steps: one by one by Burn's operations, or several together.

use burn::optim::GradientsParams;
use burn_wgpu::CubeBackend;

use super::Learner;
use crate::Result;
use crate::device::{self, recorder};
use crate::model::{Classifier, Implementation};
use crate::ops::adamw::Buffers;
use crate::ops::dropout::Dropout;
use crate::train::step_queue::StepQueue;
use crate::train::{Batch, Batches, Tally};

impl Learner {
    /// Takes step number `step` of the run, counted from 0, on the next batch of an epoch; returns how many
    /// images it has, none after the last one. Its metrics are added to those of the epoch.
    ///
    /// On a GPU, steps may wait until several can be submitted together, at the latest when somebody asks for
    /// what they change.
    pub fn advance(
        &mut self,
        batches: &mut Batches,
        step: usize,
        learning_rate: f64,
    ) -> Option<usize> {
        let images = batches.peek()?.len as usize;
        if !self.can_queue(batches, images) {
            self.submit();
            let batch = batches.next()?;
            let mut tally = std::mem::take(&mut self.tally);
            self.step(&batch, step, learning_rate, &mut tally);
            self.tally = tally;
            return Some(images);
        }
        if self
            .queue
            .as_ref()
            .is_some_and(|queue| !queue.takes(batches))
        {
            self.submit();
        }
        if let Some(queue) = &mut self.queue {
            let dropout = Dropout::new(self.settings.training.dropout, self.seed, step as u64);
            let step = self.optimizer.next_step(learning_rate);
            queue.push(batches, &step, dropout);
            self.tally.count(images);
            if queue.is_full() {
                self.submit();
            }
        }
        Some(images)
    }

    /// Whether the step on such a batch can wait to be submitted with others.
    fn can_queue(&mut self, batches: &Batches, images: usize) -> bool {
        let is_whole = images == self.batch_size && !batches.is_streamed();
        if !is_whole || self.implementation != Implementation::Fused {
            return false;
        }
        if !self.has_tried_queue {
            self.has_tried_queue = true;
            let weights = self.class_weights.as_ref();
            self.queue = StepQueue::new(&self.settings, batches, images, weights, &self.device);
        }
        // A recording wants the time of each launch.
        let is_told = |queue: &StepQueue| !recorder::is_recording() || queue.has_clock();
        self.queue.as_ref().is_some_and(is_told)
    }

    /// Lets no step wait: each is taken by Burn's operations, whose launches are asked for one by one.
    pub fn launch_one_by_one(&mut self) {
        self.submit();
        (self.queue, self.has_tried_queue) = (None, true);
    }

    /// Submits the steps that wait.
    pub fn submit(&mut self) {
        let Some(queue) = self.queue.as_mut().filter(|queue| !queue.is_empty()) else {
            return;
        };
        self.folded = None;
        let total = self.tally.total(&self.device);
        let total = total.try_into_primitive::<CubeBackend>();
        let total = total.expect("a learner is on one device");
        let model = std::mem::replace(&mut self.model, Classifier::empty());
        let work = |buffers: Buffers| queue.submit(&buffers, &total);
        self.model = self.optimizer.in_place(model, work);
    }

    /// Submits the steps that wait, and waits for the device to take all.
    ///
    /// # Errors
    ///
    /// If the device fails.
    pub fn wait(&mut self) -> Result<()> {
        self.submit();
        if let Some(queue) = &self.queue {
            queue.wait();
        }
        device::wait(&self.device)
    }

    /// Steps that are submitted together.
    pub fn together(&self) -> usize {
        self.queue.as_ref().map_or(1, StepQueue::together)
    }

    /// Says how many seconds a step takes, as far as is known, by which it is decided how many are submitted
    /// together.
    pub fn set_step_seconds(&mut self, seconds: f64) {
        if let Some(queue) = &mut self.queue {
            queue.set_step_seconds(seconds);
        }
    }

    /// Bytes that it takes on a GPU besides Burn's.
    pub fn bytes_besides(&self) -> u64 {
        self.queue.as_ref().map_or(0, StepQueue::bytes)
    }

    /// Forward, loss, backward, update: step number `step` of the run, counted from 0. The batch's
    /// metrics are added to `tally`. This is what [`advance`](Self::advance) does, by Burn's operations.
    pub fn step(&mut self, batch: &Batch, step: usize, learning_rate: f64, tally: &mut Tally) {
        self.submit();
        self.folded = None;
        let mut dropout = Dropout::new(self.settings.training.dropout, self.seed, step as u64);
        let images = batch.images.clone().autodiff();
        let features = self.model.forward_features(images, &mut dropout);
        let targets = batch.targets.clone().autodiff();
        let weights = self.class_weights.clone();
        let head = self.model.head();
        let (loss, sums) =
            (self.implementation).linear_cross_entropy(head, features, targets, weights);
        tally.add(sums.inner(), batch.len());
        let gradients = GradientsParams::from_grads(loss.backward(), &self.model);
        // The optimizer works in place on a model that nobody else holds.
        let model = std::mem::replace(&mut self.model, Classifier::empty());
        self.model = self.optimizer.step(learning_rate, model, gradients);
    }
}
