//! `fmnist data`: download, check and look at the data.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Subcommand};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use super::DeviceArgs;
use super::dataset::{DatasetArgs, console};
use super::limits::check_memory;
use crate::dataset::manifest::{self, Manifest, State};
use crate::dataset::{SearchPaths, Split, fetch};
use crate::ops::gather::{Augment, Normalization, Selection, cpu, epoch_key, target_values};
use crate::ops::simd::Isa;
use crate::report::grid::draw_grid;
use crate::util::text::{count, quoted, shown};

/// What `show --augment` does to them.
const SHOWN: Augment = Augment {
    flip: true,
    shift: 3,
    erase: 50,
    erase_side: 14,
    cutmix: 25,
    mixup: 25,
};

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
    /// Draw training images of every class, one row per class, into a PNG file
    Show {
        /// The file to write; an existing one is not overwritten
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Images per class
        #[arg(long, value_name = "N", default_value_t = 12)]
        #[arg(value_parser = clap::value_parser!(u16).range(1..=100))]
        per_class: u16,
        /// Change the images at random, in all ways that training can
        #[arg(long)]
        augment: bool,
        /// Which images are drawn, and how they are changed
        #[arg(long, default_value_t = 0)]
        seed: u64,
        #[command(flatten)]
        dataset: DatasetArgs,
    },
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
        DataCommand::Show {
            out,
            per_class,
            augment,
            seed,
            dataset,
        } => {
            ensure!(
                out.extension()
                    .is_some_and(|ending| ending.eq_ignore_ascii_case("png")),
                "--out {}: the picture is a PNG — give it a name that ends in .png",
                out.display()
            );
            check_memory(0)?;
            let data = device.on_pool(|| dataset.load(&dataset.pictures(), false))?;
            let augment = if augment { SHOWN } else { Augment::NONE };
            let drawn = show(&data.train, &out, per_class.into(), augment, seed)?;
            outln!(
                "{}: {} per class in {}{}",
                data.name,
                count(per_class.into(), "image"),
                shown(&out),
                fewer(&drawn, per_class.into(), &data.class_names)
            )?;
            Ok(())
        }
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

/// Draws images of each class, and returns of how many.
fn show(
    split: &Split,
    out: &Path,
    per_class: usize,
    augment: Augment,
    seed: u64,
) -> Result<Vec<usize>> {
    let classes = samples(split, per_class, seed);
    let order = classes.concat();
    let labels: Vec<u32> = split.labels.iter().copied().map(u32::from).collect();
    let source = cpu::Source {
        images: &split.images,
        spec: split.spec,
        labels: &labels,
        order: &order,
        target_values: &target_values(0.0, split.spec),
    };
    let selection = Selection {
        first: 0,
        len: u32::try_from(order.len())?,
        key: epoch_key(seed, 0),
        augment,
        normalization: Normalization::Unit,
    };
    let (pixels, _) = cpu::gather(Isa::detect(), source, &selection);
    let pixels: Vec<u8> = pixels.iter().map(|x| (255.0 * x).round() as u8).collect();
    let mut images = pixels.chunks_exact(split.spec.shape.values());
    let rows: Vec<Vec<&[u8]>> = classes
        .iter()
        .map(|class| images.by_ref().take(class.len()).collect())
        .collect();
    draw_grid(out, split.spec.shape, &rows)?;
    Ok(classes.iter().map(Vec::len).collect())
}

/// Of which classes there are not `asked` images to draw.
fn fewer(drawn: &[usize], asked: usize, class_names: &[String]) -> String {
    let few: Vec<String> = (class_names.iter().zip(drawn))
        .filter(|(_, drawn)| **drawn < asked)
        .map(|(class, drawn)| match drawn {
            0 => format!("none of “{class}”"),
            _ => format!("{drawn} of “{class}”"),
        })
        .collect();
    match few.is_empty() {
        true => String::new(),
        false => format!(", but {}", few.join(", ")),
    }
}

/// Indices of `per_class` images of each class, or of as many as there are.
fn samples(split: &Split, per_class: usize, seed: u64) -> Vec<Vec<u32>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut seen = vec![0; split.spec.classes];
    let mut classes = vec![Vec::new(); split.spec.classes];
    // Reservoir sampling: every image of a class is drawn with the same probability.
    for (index, &label) in (0..).zip(&split.labels) {
        let class = usize::from(label);
        seen[class] += 1;
        if classes[class].len() < per_class {
            classes[class].push(index);
        } else {
            let drawn = (rng.next_u64() % seen[class]) as usize;
            if drawn < per_class {
                classes[class][drawn] = index;
            }
        }
    }
    classes
}
