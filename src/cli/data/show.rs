//! `fmnist data show`.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};
use clap::Args;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::cli::DeviceArgs;
use crate::cli::dataset::DatasetArgs;
use crate::cli::limits::check_memory;
use crate::dataset::Split;
use crate::ops::gather::{Augment, Normalization, Selection, cpu, epoch_key, target_values};
use crate::ops::simd::Isa;
use crate::report::grid::draw_grid;
use crate::util::text::{count, first_five, line, shown};

/// What `show --augment` does to them.
const SHOWN: Augment = Augment {
    crop: 20,
    flip: true,
    shift: 3,
    erase: 50,
    erase_side: 14,
    cutmix: 25,
    mixup: 25,
    color: 25,
};

/// Flags of `fmnist data show`.
#[derive(Args, Debug)]
pub struct ShowArgs {
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
}

/// Draws training images of each class.
pub fn run(args: ShowArgs, device: &DeviceArgs) -> Result<()> {
    let ShowArgs {
        out,
        per_class,
        augment,
        seed,
        dataset,
    } = args;
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
    for (row, name) in (1..).zip(&data.class_names) {
        outln!("row {row:>3}: {}", line(name))?;
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
    let drawn = classes.concat();
    let (mut images, mut labels) = (Vec::new(), Vec::new());
    for &index in &drawn {
        images.extend_from_slice(split.image(index as usize));
        labels.push(u32::from(split.labels[index as usize]));
    }
    let order: Vec<u32> = (0..drawn.len() as u32).collect();
    let source = cpu::Source {
        images: &images,
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
        part: None,
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
    let few = class_names.iter().zip(drawn);
    let few = few.filter(|(_, drawn)| **drawn < asked);
    let few = first_five(few.map(|(class, drawn)| match drawn {
        0 => format!("none of “{class}”"),
        _ => format!("{drawn} of “{class}”"),
    }));
    match few.is_empty() {
        true => few,
        false => format!(", but {few}"),
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
