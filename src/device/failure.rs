//! What no function returns as an error: a GPU has no memory left, or is gone; the system has no
//! memory left, or no thread.
//!
//! A GPU's fault is noticed on threads of Burn's and the driver's, while the rest of the program
//! waits for results.

use std::fmt;
use std::io::Write;
use std::panic::PanicHookInfo;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burn_wgpu::wgpu;

/// A device had no memory left for a tensor. What it computed since then is worthless. Shown with
/// [what to do](advise_without_memory).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;

impl fmt::Display for OutOfMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the device ran out of memory — ")?;
        f.write_str(match &advice().without_memory {
            Some(advice) => advice,
            None => "end what else uses it, or take --backend cpu",
        })
    }
}

impl std::error::Error for OutOfMemory {}

/// A device was lost, for a reason that its driver names.
struct Lost(String);

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the GPU was lost ({}) — ", self.0)?;
        f.write_str(match &advice().if_lost {
            Some(advice) => advice,
            None => "try again, or take another one: `fmnist devices`",
        })
    }
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

fn advice() -> MutexGuard<'static, Advice> {
    ADVICE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the user is told to do if a device runs out of memory from now on.
pub fn advise_without_memory(text: String) {
    advice().without_memory = Some(text);
}

/// What the user is told to do if a device is lost from now on.
pub fn advise_if_lost(text: String) {
    advice().if_lost = Some(text);
}

/// Whether a device ran out of memory.
pub fn ran_out_of_memory() -> bool {
    RAN_OUT_OF_MEMORY.load(Ordering::Relaxed)
}

/// Ends the process when the system has no more memory to give for `bytes` bytes. Takes none itself.
pub fn end_without_memory(bytes: usize) -> ! {
    // Held to the end, so that there is one message, though several threads may come here.
    let mut stderr = std::io::stderr().lock();
    // Who holds it may be the one that needs memory.
    let advice = ADVICE.try_lock().ok();
    let advice = advice
        .as_ref()
        .and_then(|advice| advice.without_memory.as_deref());
    let advice = advice.unwrap_or(
        "end what else uses it, or raise the limit that this process has (`ulimit -v`, a \
         container's)",
    );
    // A progress bar may stand in this line.
    drop(writeln!(
        stderr,
        "\nerror: no memory is left: {bytes} more bytes were asked for — {advice}"
    ));
    signal_hook::low_level::exit(1);
}

/// Ends the process if this is the panic of a thread that could not start another. Burn, wgpu and the
/// like have no error for that.
pub fn end_without_threads(panic: &PanicHookInfo) {
    let message = panic.payload_as_str().unwrap_or_default();
    // The standard library's own, and its error of a library that unwraps it.
    if message.starts_with("failed to spawn thread") || message.contains("kind: WouldBlock") {
        drop(writeln!(
            std::io::stderr(),
            "\nerror: the system starts no more threads — end what else runs here, or raise the limit \
             of threads (`ulimit -u`) or memory"
        ));
        signal_hook::low_level::exit(1);
    }
}

/// Notes when the device's memory is exhausted, and ends the process when the device is lost: as
/// wgpu then never completes the reads it was asked for, what waits for one might never go on.
pub(super) fn watch(device: &wgpu::Device) {
    device.on_uncaptured_error(Arc::new(|error| match error {
        wgpu::Error::OutOfMemory { .. } => RAN_OUT_OF_MEMORY.store(true, Ordering::Relaxed),
        // All that follows from it is no news; any other error is a mistake in this program.
        _ if ran_out_of_memory() => {}
        _ => panic!("wgpu error: {error}"),
    }));
    device.set_device_lost_callback(|_, reason| {
        // Where wgpu needs memory for itself it gives the device up.
        let message = match reason == "Out of memory" || ran_out_of_memory() {
            true => OutOfMemory.to_string(),
            false => Lost(reason).to_string(),
        };
        // A progress bar may stand in this line.
        drop(writeln!(std::io::stderr(), "\nerror: {message}"));
        // Not through the driver's own handlers, which may wait for the device.
        signal_hook::low_level::exit(1);
    });
}
