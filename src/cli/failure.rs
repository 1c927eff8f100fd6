//! The end of the program where no function can return an error.

use std::io::Write;
use std::panic::PanicHookInfo;

use crate::device;

/// Ends the process when the system has no more memory to give for `bytes` bytes. Takes none itself.
pub(super) fn end_without_memory(bytes: usize) -> ! {
    // Held to the end, so that there is one message, though several threads may come here.
    let mut stderr = std::io::stderr().lock();
    device::with_advice_without_memory(|advice| {
        let advice = advice.unwrap_or(
            "end what else uses it, or raise the limit that this process has (`ulimit -v`, a \
             container's)",
        );
        // A progress bar may stand in this line.
        drop(writeln!(
            stderr,
            "\nerror: no memory is left: {bytes} more bytes were asked for — {advice}"
        ));
        signal_hook::low_level::exit(1)
    })
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

/// Ends the process when the device is lost: what waits for it might never go on.
pub fn end_without_device(message: &str) {
    // A progress bar may stand in this line.
    drop(writeln!(std::io::stderr(), "\nerror: {message}"));
    // Not through the driver's own handlers, which may wait for the device.
    signal_hook::low_level::exit(1);
}
