//! The command line: one file per command.

/// `println!` that returns an error where it would panic: see [`crate::util::stdout::print`].
macro_rules! outln {
    ($($arg:tt)*) => {
        $crate::util::stdout::print(format_args!("{}\n", format_args!($($arg)*)))
    };
}

/// `eprintln!` of one line without control characters, for a reader who may have gone: there is no
/// other place to say so.
macro_rules! errln {
    ($($arg:tt)*) => {
        drop(std::io::Write::write_fmt(
            &mut std::io::stderr(),
            format_args!("{}\n", $crate::util::text::line(&format!($($arg)*))),
        ))
    };
}

pub mod allocator;
mod bench;
mod choices;
mod data;
mod dataset;
mod devices;
mod evaluate;
mod export;
pub mod failure;
mod limits;
mod predict;
mod recipe;
mod report;
mod shell;
mod train;
mod web;

use std::num::NonZero;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use anyhow::{Result, ensure};
use clap::{Args, Parser, Subcommand};

use crate::device::{self, AdapterClass, Backend, BackendChoice, OutOfMemory, Selected};
use crate::run::{Config, RunFolder};
use crate::util::side_by_side::cannot_start;
use crate::util::stdout;
use crate::util::text::{quoted, shown};

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
    /// Why, if not for these flags.
    #[arg(skip)]
    reason: Option<&'static str>,
}

impl DeviceArgs {
    /// Runs `work` on a thread of the pool that the CPU kernels share. From outside the pool each
    /// of their parallel loops would take 20 to 70 µs longer to begin.
    ///
    /// Burn has no error for a device without memory, and may panic somewhere behind. That becomes
    /// [`OutOfMemory`] here.
    fn on_pool<R: Send>(&self, work: impl FnOnce() -> Result<R> + Send) -> Result<R> {
        // None for as many as there are cores.
        let threads = self.threads.unwrap_or(0);
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads.into())
            .build_global()
            .map_err(cannot_start)?;
        let work = AssertUnwindSafe(|| rayon::scope(|_| work()));
        match panic::catch_unwind(work) {
            Ok(Err(error)) => Err(error),
            _ if device::ran_out_of_memory() => Err(OutOfMemory.into()),
            Ok(result) => result,
            Err(panic) => panic::resume_unwind(panic),
        }
    }

    /// Opens the device and says which it is.
    fn select(&self, say: impl Fn(&str)) -> Result<Selected> {
        self.select_as(None, say)
    }

    /// The same, with the kernels of this class.
    fn select_as(&self, class: Option<AdapterClass>, say: impl Fn(&str)) -> Result<Selected> {
        let selected = device::select_as(self.backend, self.device.as_deref(), class)?;
        say(&format!(
            "backend {}: {} — {}",
            selected.backend,
            selected.name,
            self.reason.unwrap_or(&selected.reason)
        ));
        if let Some(warning) = &selected.warning {
            say(&format!("warning: {warning}"));
        }
        let cores = thread::available_parallelism().map_or(usize::MAX, NonZero::get);
        let threads = usize::from(self.threads.unwrap_or(0));
        if selected.backend == Backend::Cpu && threads > cores {
            say(&format!(
                "warning: --threads {threads}: only {cores} can run at once here, and more make each \
                 other wait: training may take many times as long — leave --threads out"
            ));
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
    /// Say what the models of a run take pictures for: files of any size and of most formats
    Predict(predict::PredictArgs),
    /// Write what a run found, or how several compare, as one HTML file
    Report(report::ReportArgs),
    /// Write a model of a run as a file that other programs read
    Export(export::ExportArgs),
    /// Write models as one HTML file that recognises pictures, and trains, in a browser
    Web(Box<web::WebArgs>),
    /// Measure how fast this machine trains, and what a training step is made of
    Bench(Box<bench::BenchArgs>),
    /// Download, check or look at the dataset
    Data(data::DataArgs),
    /// List the GPUs that --device can name
    Devices,
    /// Print a script that completes commands in bash, zsh, fish and others
    Completions(shell::CompletionsArgs),
    /// Write pages for `man`
    Man(shell::ManArgs),
}

impl Cli {
    /// Does what the command line asks for. `process_start` is when the program began.
    ///
    /// # Errors
    ///
    /// If the work fails; the message is for the user.
    pub fn run(self, process_start: Instant) -> Result<()> {
        self.work(process_start)?;
        stdout::check()
    }

    fn work(self, process_start: Instant) -> Result<()> {
        match self.command {
            Command::Train(args) => self.device.on_pool(|| train::run(*args, &self.device)),
            Command::Evaluate(args) => self.device.on_pool(|| evaluate::run(args, &self.device)),
            Command::Predict(args) => self.device.on_pool(|| predict::run(args, &self.device)),
            Command::Report(args) => report::run(&args),
            Command::Export(args) => export::run(args),
            Command::Web(args) => self.device.on_pool(|| web::run(&args)),
            Command::Bench(args) => {
                let bench = || bench::run(*args, &self.device, process_start);
                self.device.on_pool(bench)
            }
            Command::Data(args) => data::run(args, &self.device),
            Command::Devices => devices::run(),
            Command::Completions(args) => shell::completions(&args),
            Command::Man(args) => shell::man(&args),
        }
    }
}

/// The folder of a run that has models of its own, and what the run was.
fn open_run(path: &Path) -> Result<(RunFolder, Config)> {
    let folder = RunFolder::open(path)?;
    let config = folder.read_config()?;
    ensure!(
        config.runs == 1,
        "{} is of {} runs — name one of its folders, such as {}",
        shown(path),
        config.runs,
        quoted(&path.join(format!("seed-{}", config.settings.seed)))
    );
    Ok((folder, config))
}

/// The file of a page that is to be written to `out`: where a link leads that the user named, if it leads
/// somewhere. Replaces nothing that is not a page by its name.
fn named_page(out: &Path) -> Result<PathBuf> {
    let out = match out.canonicalize() {
        Ok(target) if out.is_symlink() => target,
        _ => out.to_path_buf(),
    };
    let is_page = (out.extension()).is_some_and(|ending| ending == "html" || ending == "htm");
    ensure!(
        is_page || !out.is_file(),
        "{} exists and is not a page by its name — name a file that ends in .html",
        shown(&out)
    );
    Ok(out)
}

/// A number that counts something.
fn positive(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("must be at least 1".to_string()),
        Ok(number) => Ok(number),
        Err(_) => Err("expected a whole number".to_string()),
    }
}
