//! `fmnist report`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use super::named_page;
use crate::report::html::{RunData, write_report};
use crate::run::{RunFiles, read_runs};
use crate::util::text::shown;

/// Flags of `fmnist report`.
#[derive(Args, Debug)]
pub struct ReportArgs {
    /// Folder of a run; several are compared, and what is no run that has ended is left out
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<PathBuf>,
    /// File to write; an existing one is replaced if it ends in .html [default: report.html, in the folder of the run
    /// if there is one]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Writes the report of runs as one HTML file. It is only read from their folders: other processes
/// may be training there.
pub fn run(args: &ReportArgs) -> Result<()> {
    let out = match (&args.runs[..], &args.out) {
        ([run], None) => run.join("report.html"),
        (_, None) => named_page(Path::new("report.html"))?,
        (_, Some(out)) => named_page(out)?,
    };
    let (runs, mut left_out) = read_runs(&args.runs);
    if let ([], [_]) = (&runs[..], &left_out[..]) {
        return Err(left_out.remove(0));
    }
    for reason in &left_out {
        errln!("warning: left out: {reason:#}");
    }
    if runs.is_empty() {
        bail!("none of these can be reported — name folders of runs that have ended");
    }
    let data: Vec<RunData<'_>> = runs.iter().map(RunFiles::data).collect();
    let written = write_report(&out, &data);
    match args.out {
        None => written.context("the report is not saved — name a file elsewhere with --out")?,
        Some(_) => written?,
    }
    errln!("saved to {}", shown(&out));
    Ok(())
}
