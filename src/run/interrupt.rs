//! Ctrl-C and its kin.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock};

use anyhow::{Context, Result};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use thiserror::Error;

/// What shells expect of a program that was interrupted.
pub const EXIT_CODE: u8 = 130;

static REQUESTED: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// From now on the first Ctrl-C or SIGTERM is noted, and the second one ends the program at once.
///
/// # Errors
///
/// If the system refuses.
pub fn catch() -> Result<()> {
    for signal in [SIGINT, SIGTERM] {
        let noted = || Arc::clone(&REQUESTED);
        // In this order: the first signal finds nothing noted yet.
        flag::register_conditional_shutdown(signal, EXIT_CODE.into(), noted())
            .and_then(|_| flag::register(signal, noted()))
            .context("interrupts cannot be caught")?;
    }
    Ok(())
}

/// From now on a write beyond the limit of a file's size (`ulimit -f`) fails as any other does: by
/// itself the system's signal would end the program without a word.
pub fn survive_file_limit() {
    #[cfg(unix)]
    drop(flag::register(
        signal_hook::consts::SIGXFSZ,
        Arc::new(AtomicBool::new(false)),
    ));
}

/// Whether there was an interrupt.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}

/// The end of a command that was interrupted, and saved.
#[derive(Debug, Error)]
#[error("interrupted {at}; saved — {go_on}")]
pub struct Interrupted {
    /// Where.
    pub at: String,
    /// How to go on.
    pub go_on: String,
}
