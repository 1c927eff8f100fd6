//! The `fmnist` program: parse, run, say what went wrong.

use std::io::Write;
use std::panic;
use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use clap::Parser;
use fmnist::Error;
use fmnist::cli::Cli;
use fmnist::cli::allocator::Allocator;
use fmnist::cli::failure;
use fmnist::device;
use fmnist::run::interrupt;
use fmnist::util::stdout::{self, ReaderGone};

#[global_allocator]
static ALLOCATOR: Allocator = Allocator;

/// Bytes of stack, far more than anything here takes.
const STACK: usize = 8 << 20;

fn main() -> ExitCode {
    let process_start = Instant::now();
    // The main thread's own stack is as small as the user's shell says (`ulimit -s`).
    let thread = thread::Builder::new().name("main".to_string());
    match thread
        .stack_size(STACK)
        .spawn(move || program(process_start))
    {
        Ok(thread) => thread
            .join()
            .unwrap_or_else(|panic| panic::resume_unwind(panic)),
        Err(_) => program(process_start),
    }
}

fn program(process_start: Instant) -> ExitCode {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        failure::end_without_threads(info);
        // Without memory on the device Burn's threads panic one after the other: one message will do.
        if !device::ran_out_of_memory() {
            hook(info);
        }
    }));
    device::when_lost(failure::end_without_device);
    interrupt::survive_file_limit();
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
        Err(error) if matches!(error.downcast_ref(), Some(Error::Interrupted(_))) => {
            drop(writeln!(std::io::stderr(), "{error}"));
            ExitCode::from(interrupt::EXIT_CODE)
        }
        Err(error) => {
            // The chain of causes after the message itself.
            let text = fmnist::util::text::lines(&format!("{error:#}"));
            // Whoever closed stderr still gets the exit code.
            drop(writeln!(std::io::stderr(), "error: {text}"));
            ExitCode::FAILURE
        }
    }
}
