//! `fmnist completions` and `fmnist man`: what a shell and `man` know of the program.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;
use crate::stdout;
use crate::text::{quoted, shown};

/// Flags of `fmnist completions`.
#[derive(Args, Debug)]
pub struct CompletionsArgs {
    /// The shell to complete commands in
    shell: Shell,
}

/// Flags of `fmnist man`.
#[derive(Args, Debug)]
pub struct ManArgs {
    /// Folder for the pages, such as ~/.local/share/man/man1
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// Prints a script that completes commands, flags and values in a shell.
pub fn completions(args: &CompletionsArgs) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "fmnist", &mut script);
    let mut stdout = std::io::stdout().lock();
    stdout::noted(stdout.write_all(&script).and_then(|()| stdout.flush()))
}

/// Writes a page for `man` about the program, and one about each command.
pub fn man(args: &ManArgs) -> Result<()> {
    let folder = shown(&args.folder);
    fs::create_dir_all(&args.folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), &args.folder))
        .with_context(|| format!("the pages cannot be written to {folder}"))?;
    let page = quoted(&args.folder.join("fmnist.1"));
    errln!("saved to {folder}; read one with `man {page}`");
    Ok(())
}
