//! What a stretch of work launches, how long each kernel takes, and what crosses between host and
//! device.
//!
//! On a GPU CubeCL reports every launch, Burn's own included, and times it by the device's clock.
//! On the CPU each operation of this program times itself ([`operation`]). Transfers are noted where
//! they are made ([`uploaded`], [`read_back`]). Outside of [`record`] all that costs one relaxed
//! load.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use burn_cubecl::cubecl::config::{TypeNameFormatLevel, type_name_format};
use burn_cubecl::cubecl::logging::{
    LaunchObservation, LaunchObserver, ProfileDuration, TimingMethod, TimingRequest,
};

use crate::util::lock;

/// What [`record`] saw.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// By name: a shader's file in `shaders`, the same operation on the CPU, or `Burn: ` and its
    /// kernel's type.
    pub kernels: BTreeMap<String, KernelTime>,
    /// Bytes sent to the device.
    pub uploaded_bytes: usize,
    /// Bytes fetched from the device.
    pub read_back_bytes: usize,
    /// Whether all times are the device's own. Others are the host's: exact on the CPU, with the
    /// cost of a launch on a GPU without timestamps.
    pub device_clock: bool,
}

/// One kernel's part of a [`Record`].
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct KernelTime {
    /// How often it ran.
    pub calls: usize,
    /// How long all its calls took.
    pub seconds: f64,
}

impl Record {
    /// Calls of all kernels.
    pub fn calls(&self) -> usize {
        self.kernels.values().map(|kernel| kernel.calls).sum()
    }

    /// Time of all kernels.
    pub fn seconds(&self) -> f64 {
        self.kernels.values().map(|kernel| kernel.seconds).sum()
    }
}

/// Runs `work` and tells what this process did meanwhile. One at a time: others wait.
///
/// Timing ends a GPU's queue of work after every launch, so that `work` takes longer than it would.
pub fn record<R>(work: impl FnOnce() -> R) -> (R, Record) {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _alone = lock(&ONE_AT_A_TIME);
    let recording = Recording::start();
    let result = work();
    drop(recording);
    let events = std::mem::take(&mut *lock(&EVENTS));
    (result, summary(events))
}

/// Whether [`record`] is at work.
pub(crate) fn is_recording() -> bool {
    RECORDING.load(Ordering::Relaxed)
}

/// Notes that this many bytes go to the device.
pub fn uploaded(bytes: usize) {
    note(|| Event::Uploaded(bytes));
}

/// Notes that this many bytes come from the device.
pub fn read_back(bytes: usize) {
    note(|| Event::ReadBack(bytes));
}

/// Notes a launch that CubeCL does not know of, with its time by the device's clock.
pub(crate) fn timed_launch(name: &'static str, time: Duration) {
    note(|| Event::Timed(name, time));
}

/// Times an operation on the CPU until the guard is dropped.
#[must_use = "the operation ends when the guard is dropped"]
pub fn operation(name: &'static str) -> Option<Operation> {
    is_recording().then(|| Operation {
        name,
        started: Instant::now(),
    })
}

/// A running operation.
pub struct Operation {
    name: &'static str,
    started: Instant,
}

impl Drop for Operation {
    fn drop(&mut self) {
        let time = self.started.elapsed();
        note(|| Event::Ran(self.name, time));
    }
}

enum Event {
    /// A launch whose time the device has yet to tell.
    Launched(&'static str, ProfileDuration),
    /// The same, told.
    Timed(&'static str, Duration),
    Ran(&'static str, Duration),
    Uploaded(usize),
    ReadBack(usize),
}

static RECORDING: AtomicBool = AtomicBool::new(false);
static EVENTS: Mutex<Vec<Event>> = Mutex::new(Vec::new());

fn note(event: impl FnOnce() -> Event) {
    if is_recording() {
        lock(&EVENTS).push(event());
    }
}

/// Notes events until it is dropped.
struct Recording {
    _observation: LaunchObservation,
}

impl Recording {
    fn start() -> Self {
        lock(&EVENTS).clear();
        RECORDING.store(true, Ordering::Relaxed);
        Self {
            _observation: LaunchObservation::new(Arc::new(Launches)),
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        RECORDING.store(false, Ordering::Relaxed);
    }
}

/// What CubeCL reports launches to.
struct Launches;

impl LaunchObserver for Launches {
    fn launched(&self, _kernel: &'static str) {
        // Its time follows, under the same name.
    }

    fn timing(&self) -> TimingRequest {
        TimingRequest::Deferred
    }

    fn profiled(&self, kernel: &'static str, time: ProfileDuration) {
        note(|| Event::Launched(kernel, time));
    }

    /// Instead of the above, where CubeCL's own log reads the times too.
    fn timed(&self, kernel: &'static str, time: Duration, _: TimingMethod) {
        note(|| Event::Ran(kernel, time));
    }
}

fn summary(events: Vec<Event>) -> Record {
    let mut record = Record {
        device_clock: true,
        ..Record::default()
    };
    for event in events {
        let (name, seconds) = match event {
            Event::Uploaded(bytes) => {
                record.uploaded_bytes += bytes;
                continue;
            }
            Event::ReadBack(bytes) => {
                record.read_back_bytes += bytes;
                continue;
            }
            Event::Ran(name, time) => {
                record.device_clock = false;
                (name, time.as_secs_f64())
            }
            Event::Timed(name, time) => (name, time.as_secs_f64()),
            Event::Launched(name, time) => {
                record.device_clock &= time.timing_method() == TimingMethod::Device;
                // None where the device wrote no time: the launch counts all the same.
                let ticks = pollster::block_on(time.resolve());
                (name, ticks.map_or(0.0, |t| t.duration().as_secs_f64()))
            }
        };
        let kernel = record.kernels.entry(title(name)).or_default();
        kernel.calls += 1;
        kernel.seconds += seconds;
    }
    record
}

/// A name for people: kernels of this program have one, Burn's are called by their Rust type.
fn title(name: &str) -> String {
    if name.contains("::") {
        let short = type_name_format(name, TypeNameFormatLevel::Balanced);
        format!("Burn: {short}")
    } else {
        name.to_string()
    }
}
