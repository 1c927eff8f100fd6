//! `fmnist completions` and `fmnist man`: what a shell and `man` know of the program.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use super::Cli;
use crate::util::text::{quoted, shown};
use crate::util::{stdout, whole_file};

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
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    fs::create_dir_all(&args.folder)
        .map_err(anyhow::Error::from)
        .and_then(|()| write_pages(command, &args.folder))
        .with_context(|| {
            format!("the pages cannot be written to {folder} — name another folder")
        })?;
    let page = quoted(&args.folder.join("fmnist.1"));
    errln!("saved to {folder}; read one with `man {page}`");
    Ok(())
}

/// Writes the pages of a command and of those below it.
fn write_pages(command: Command, folder: &Path) -> Result<()> {
    for below in command.get_subcommands().filter(|c| !c.is_hide_set()) {
        write_pages(below.clone(), folder)?;
    }
    let page = Man::new(command);
    let mut text = Vec::new();
    page.render(&mut text)?;
    whole_file::write(&folder.join(page.get_filename()), &text)
}
