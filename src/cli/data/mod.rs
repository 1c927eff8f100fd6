//! `fmnist data`: download, check and look at the data.

mod check;
mod show;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};

use super::DeviceArgs;
use super::dataset::console;
use crate::dataset::manifest::{self, Manifest, State};
use crate::dataset::{SearchPaths, fetch};
use crate::util::text::{quoted, shown};

/// How long `fetch` waits for silent mirrors: longer than a training run, which can go on without.
const FETCH_PATIENCE: Duration = Duration::from_secs(30);

/// Download, check and look at the data
#[derive(Args, Debug)]
pub struct DataArgs {
    #[command(subcommand)]
    command: DataCommand,
}

#[derive(Subcommand, Debug)]
enum DataCommand {
    /// Download Fashion-MNIST (30 MB) into the folder FMNIST_DATA_DIR if that is set, into
    /// data/fashion-mnist/ if the current folder is this project, else into the user's cache folder
    Fetch {
        /// Folder to download into
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// Hash what the four files of Fashion-MNIST hold and compare it with the published ones
    Verify {
        /// Folder to look at [default: where training would find the data]
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
    },
    /// Say what a dataset holds, and what may be wrong with it, without training on it
    Check(check::CheckArgs),
    /// Draw training images of every class, one row per class, into a PNG file
    Show(show::ShowArgs),
}

/// Runs `fmnist data …`.
///
/// # Errors
///
/// If the data cannot be downloaded, is not what it should be, or cannot be read or drawn.
pub fn run(args: DataArgs, device: &DeviceArgs) -> Result<()> {
    match args.command {
        DataCommand::Fetch { data_dir } => fetch_files(data_dir),
        DataCommand::Verify { data_dir } => verify_files(data_dir),
        DataCommand::Show(args) => show::run(args, device),
        DataCommand::Check(args) => check::run(args, device),
    }
}

fn fetch_files(data_dir: Option<PathBuf>) -> Result<()> {
    let dir = match data_dir {
        Some(dir) => dir,
        None => own_dir()?,
    };
    let manifest = Manifest::fashion_mnist();
    fetch::fetch(&dir, &manifest, FETCH_PATIENCE, &mut console(false))?;
    outln!("{} is complete in {}", manifest.name, shown(&dir))?;
    Ok(())
}

/// Where Fashion-MNIST is downloaded to: the first of
///
/// 1. the folder in `FMNIST_DATA_DIR`,
/// 2. the project's data folder, in a checkout of the project,
/// 3. the user's cache.
fn own_dir() -> Result<PathBuf> {
    let places = SearchPaths::of_user();
    if let Some(dir) = places.env_dir {
        return Ok(dir);
    }
    if Path::new("data/fashion-mnist.json").is_file() {
        return Ok(places.project_dir);
    }
    places.cache_dir.context(
        "this user has no cache folder — name a folder by --data-dir or FMNIST_DATA_DIR, or \
             set XDG_CACHE_HOME",
    )
}

fn verify_files(data_dir: Option<PathBuf>) -> Result<()> {
    let places = SearchPaths::of_user();
    let Some(dir) = data_dir.or_else(|| places.found()) else {
        bail!(
            "no folder has files of Fashion-MNIST: run `fmnist data fetch`, or name a folder \
             by --data-dir"
        );
    };
    let manifest = &places.manifest;
    let states = manifest::verify(&dir, manifest)?;
    for (file, state) in manifest.files.iter().zip(&states) {
        match state {
            State::Good(path) => outln!("ok       {}", shown(path))?,
            State::Wrong(path) => outln!("WRONG    {}", shown(path))?,
            State::Missing => outln!("MISSING  {}", shown(&dir.join(file.gz_name())))?,
        }
    }
    if !states.iter().all(|state| matches!(state, State::Good(_))) {
        bail!(
            "{} does not hold all files of {} as published — move wrong ones away and run `fmnist \
             data fetch --data-dir {}`",
            dir.display(),
            manifest.name,
            quoted(&dir)
        );
    }
    Ok(())
}
