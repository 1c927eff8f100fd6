//! When to wait for the device.

use std::time::{Duration, Instant};

/// How often running metrics are read: not more often than people can.
const READ_AFTER: Duration = Duration::from_millis(250);
/// How far the host may run ahead of the device.
const AHEAD: Duration = Duration::from_millis(500);
/// Steps that are in the queue at least; more than that only once the device has shown its speed.
const MIN_STEPS: usize = 8;
/// Steps that are in the queue at most.
const MAX_STEPS: usize = 1 << 14;

/// Decides after which steps to read back from the device.
///
/// Launches return at once, so that a host that never waited could queue an epoch of work on a slow
/// device; a host that waited after each step would leave a fast one idle. A read waits for all
/// steps before it, which tells the device's speed, and that tells how many steps are a moment's
/// work.
pub struct Pace {
    last_read: Instant,
    steps_since: usize,
    window: usize,
}

impl Pace {
    /// For a device of unknown speed.
    pub fn new() -> Self {
        Self {
            last_read: Instant::now(),
            steps_since: 0,
            window: MIN_STEPS,
        }
    }

    /// Counts a step; whether to read back after it.
    pub fn is_due(&mut self) -> bool {
        self.steps_since += 1;
        self.steps_since >= self.window || self.last_read.elapsed() >= READ_AFTER
    }

    /// To be called when a read has returned; returns the seconds that a step takes.
    pub fn note_read(&mut self) -> f64 {
        let seconds = self.last_read.elapsed().as_secs_f64();
        let step_seconds = seconds.max(1e-9) / self.steps_since.max(1) as f64;
        let steps = AHEAD.as_secs_f64() / step_seconds;
        *self = Self {
            last_read: Instant::now(),
            steps_since: 0,
            window: (steps as usize).clamp(MIN_STEPS, MAX_STEPS),
        };
        step_seconds
    }
}
