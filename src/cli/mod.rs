//! The command line: one file per command.

/// `println!` for a reader who may have gone: closing the pipe ends nothing but the printing.
macro_rules! outln {
    ($($arg:tt)*) => {
        drop(std::io::Write::write_fmt(
            &mut std::io::stdout(),
            format_args!("{}\n", format_args!($($arg)*)),
        ))
    };
}

/// `eprintln!` likewise.
macro_rules! errln {
    ($($arg:tt)*) => {
        drop(std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("{}\n", format_args!($($arg)*)),
        ))
    };
}

mod bench;
mod data;
mod dataset;
mod devices;
mod evaluate;
mod recipe;
mod train;

use std::panic::{self, AssertUnwindSafe};
use std::time::Instant;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};

use crate::device::{self, BackendChoice, OutOfMemory, Selected};

/// Trains a dense and a convolutional network on Fashion-MNIST, on any GPU or CPU.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    after_help = "Start with `fmnist train`; `fmnist train --help` tells more."
)]
pub struct Cli {
    #[command(flatten)]
    device: DeviceArgs,
    #[command(subcommand)]
    command: Command,
}

/// What to compute on. These flags stand before or after the command; commands that compute
/// nothing ignore them.
#[derive(Args, Clone, Debug)]
struct DeviceArgs {
    /// What to compute on
    #[arg(long, global = true, value_enum, default_value_t)]
    backend: BackendChoice,
    /// GPU to use: its number or a part of its name, as `fmnist devices` lists them
    #[arg(long, global = true, value_name = "GPU")]
    device: Option<String>,
    /// CPU threads to use [default: one for each core]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

impl DeviceArgs {
    /// Runs `work` on a thread of the pool that the CPU kernels share. From outside the pool each
    /// of their parallel loops would take 20 to 70 µs longer to begin.
    ///
    /// Burn has no error for a device without memory: it panics somewhere behind. That becomes
    /// [`OutOfMemory`] here.
    fn on_pool<R: Send>(&self, work: impl FnOnce() -> Result<R> + Send) -> Result<R> {
        if let Some(threads) = self.threads {
            rayon::ThreadPoolBuilder::new()
                .num_threads(threads.into())
                .build_global()
                .with_context(|| format!("--threads {threads}: the threads cannot be started"))?;
        }
        let work = AssertUnwindSafe(|| rayon::scope(|_| work()));
        match panic::catch_unwind(work) {
            _ if device::ran_out_of_memory() => Err(OutOfMemory.into()),
            Ok(result) => result,
            Err(panic) => panic::resume_unwind(panic),
        }
    }

    /// Opens the device and says which it is.
    fn select(&self, say: impl Fn(&str)) -> Result<Selected> {
        let selected = device::select(self.backend, self.device.as_deref())?;
        say(&format!(
            "backend {}: {} — {}",
            selected.backend, selected.name, selected.reason
        ));
        if let Some(warning) = &selected.warning {
            say(&format!("warning: {warning}"));
        }
        Ok(selected)
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train the models, compare them on the test set, and leave a run folder
    Train(Box<train::TrainArgs>),
    /// Measure the models of a run on the test set again
    Evaluate(evaluate::EvaluateArgs),
    /// Measure how fast this machine trains, and what a training step is made of
    Bench(Box<bench::BenchArgs>),
    /// Download, check or look at the dataset
    Data(data::DataArgs),
    /// List the GPUs that --device can name
    Devices,
}

impl Cli {
    /// Does what the command line asks for. `process_start` is when the program began.
    ///
    /// # Errors
    ///
    /// If the work fails; the message is for the user.
    pub fn run(self, process_start: Instant) -> Result<()> {
        match self.command {
            Command::Train(args) => {
                let advice = args.recipe.memory_advice();
                self.device
                    .on_pool(|| train::run(*args, &self.device))
                    .map_err(advice)
            }
            Command::Evaluate(args) => self.device.on_pool(|| evaluate::run(args, &self.device)),
            Command::Bench(args) => {
                let advice = args.recipe.memory_advice();
                self.device
                    .on_pool(|| bench::run(*args, &self.device, process_start))
                    .map_err(advice)
            }
            Command::Data(args) => data::run(args),
            Command::Devices => {
                devices::run();
                Ok(())
            }
        }
    }
}

/// A number that counts something.
fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".to_string()),
        Ok(number) => Ok(number),
        Err(_) => Err("expected a whole number".to_string()),
    }
}
