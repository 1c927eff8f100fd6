//! The `fmnist` program: parse, run, say what went wrong.

mod allocator;

use std::io::Write;
use std::panic;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use fmnist::cli::Cli;
use fmnist::device;
use fmnist::interrupt::{self, Interrupted};
use fmnist::stdout::{self, ReaderGone};

#[global_allocator]
static ALLOCATOR: allocator::Allocator = allocator::Allocator;

fn main() -> ExitCode {
    let process_start = Instant::now();
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        device::end_without_threads(info);
        // Without memory on the device Burn's threads panic one after the other: one message will do.
        if !device::ran_out_of_memory() {
            hook(info);
        }
    }));
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
