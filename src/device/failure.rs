//! Failures that no function returns as an error: a GPU has no memory left, or is gone; the system has no
//! memory left, or no thread.
//!
//! A GPU's fault is noticed on threads of Burn's and the driver's, while the rest of the program
//! waits for results.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use burn_wgpu::wgpu;
use thiserror::Error;

use crate::Result;
use crate::error::ensure;
use crate::util::lock;

/// A device had no memory left for a tensor. What it computed since then is worthless. Shown with
/// [what to do](advise_without_memory).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the device ran out of memory — {}", without_memory())]
pub struct OutOfMemory;

/// A device was lost: it can do nothing any more. Shown with [what to do](advise_if_lost).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the GPU was lost ({reason}) — {}", if_lost())]
pub struct DeviceLost {
    /// What its driver says.
    pub reason: String,
}

/// What the user is told to do when a device fails.
struct Advice {
    without_memory: Option<String>,
    if_lost: Option<String>,
}

static RAN_OUT_OF_MEMORY: AtomicBool = AtomicBool::new(false);
static ADVICE: Mutex<Advice> = Mutex::new(Advice {
    without_memory: None,
    if_lost: None,
});

static LOST: Mutex<Option<DeviceLost>> = Mutex::new(None);
static WHEN_LOST: Mutex<Option<fn(&str)>> = Mutex::new(None);

/// What the user is told to do without memory.
fn without_memory() -> String {
    let advice = lock(&ADVICE).without_memory.clone();
    advice.unwrap_or_else(|| "end what else uses it, or take --backend cpu".to_string())
}

/// What the user is told to do without the device.
fn if_lost() -> String {
    let advice = lock(&ADVICE).if_lost.clone();
    advice.unwrap_or_else(|| "try again, or take another one: `fmnist devices`".to_string())
}

/// What the user is told to do if a device runs out of memory from now on.
pub fn advise_without_memory(text: String) {
    lock(&ADVICE).without_memory = Some(text);
}

/// What the user is told to do if a device is lost from now on.
pub fn advise_if_lost(text: String) {
    lock(&ADVICE).if_lost = Some(text);
}

/// Lets `see` look at what the user is told to do without memory, if that is anything. Takes no memory
/// itself, and waits for nobody: who holds it may be the one that needs memory.
#[cfg(feature = "cli")]
pub(crate) fn with_advice_without_memory<R>(see: impl FnOnce(Option<&str>) -> R) -> R {
    let advice = ADVICE.try_lock().ok();
    let advice = advice.as_ref();
    see(advice.and_then(|advice| advice.without_memory.as_deref()))
}

/// Whether a device ran out of memory.
pub fn ran_out_of_memory() -> bool {
    RAN_OUT_OF_MEMORY.load(Ordering::Relaxed)
}

/// Refuses results of a device that failed while it computed them.
pub(super) fn check() -> Result<()> {
    ensure!(!ran_out_of_memory(), OutOfMemory);
    match lock(&LOST).clone() {
        Some(lost) => Err(lost.into()),
        None => Ok(()),
    }
}

/// What to do as soon as a device is lost, with the message for the user. As wgpu then never completes
/// the reads it was asked for, a thread that waits for one might never go on: a program may want to end.
/// By default nothing is done, and the next read that does come back is an [error](DeviceLost).
///
/// It is called on a thread of the driver's, which may hold locks of its own.
pub fn when_lost(act: fn(&str)) {
    *lock(&WHEN_LOST) = Some(act);
}

/// Notes when the device's memory is exhausted, and when the device is lost.
pub(super) fn watch(device: &wgpu::Device) {
    device.on_uncaptured_error(Arc::new(|error| match error {
        wgpu::Error::OutOfMemory { .. } => RAN_OUT_OF_MEMORY.store(true, Ordering::Relaxed),
        // All that follows from it is no news; any other error is a mistake in this program.
        _ if ran_out_of_memory() || lock(&LOST).is_some() => {}
        _ => panic!("wgpu error: {error}"),
    }));
    device.set_device_lost_callback(|_, reason| {
        // Where wgpu needs memory for itself it gives the device up.
        let without_memory = reason == "Out of memory" || ran_out_of_memory();
        let lost = DeviceLost { reason };
        let act = *lock(&WHEN_LOST);
        if let Some(act) = act {
            act(&match without_memory {
                true => OutOfMemory.to_string(),
                false => lost.to_string(),
            });
        }
        match without_memory {
            true => RAN_OUT_OF_MEMORY.store(true, Ordering::Relaxed),
            false => *lock(&LOST) = Some(lost),
        }
    });
}
