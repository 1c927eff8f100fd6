//! The `fmnist` program: parse, run, say what went wrong.

use std::io::Write;
use std::panic;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use fmnist::cli::Cli;
use fmnist::device;
use fmnist::interrupt::{self, Interrupted};
use fmnist::stdout::{self, ReaderGone};

/// Keeps the pages of one step's tensors for the next: the system's allocator may return them to
/// the kernel and fault them in again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let process_start = Instant::now();
    // Without memory on the device Burn's threads panic one after the other: one message will do.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if !device::ran_out_of_memory() {
            hook(info);
        }
    }));
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => return answered(&answer),
    };
    ended(cli.run(process_start))
}

/// Prints the help, the version, or what is wrong with the command line.
fn answered(answer: &clap::Error) -> ExitCode {
    let printed = answer.print().and_then(|()| std::io::stdout().flush());
    match answer.use_stderr() {
        true => ExitCode::from(2),
        false => ended(stdout::noted(printed)),
    }
}

/// Says what went wrong, if anything did.
fn ended(result: anyhow::Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<ReaderGone>() => ExitCode::SUCCESS,
        Err(error) if error.is::<Interrupted>() => {
            drop(writeln!(std::io::stderr(), "{error}"));
            ExitCode::from(interrupt::EXIT_CODE)
        }
        Err(error) => {
            // One line: the chain of causes after the message itself.
            let line = fmnist::text::one_line(&format!("{error:#}"), 4096);
            // Whoever closed stderr still gets the exit code.
            drop(writeln!(std::io::stderr(), "error: {line}"));
            ExitCode::FAILURE
        }
    }
}
