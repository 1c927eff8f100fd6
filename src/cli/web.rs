//! `fmnist web`.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;

use super::dataset::DatasetArgs;
use super::export::network;
use super::limits::{check_counted, check_memory};
use super::recipe::RecipeArgs;
use super::{named_page, open_run};
use crate::dataset::{Dataset, Resize, Split};
use crate::export::Network;
use crate::report::summary::Summary;
use crate::report::test_set::TestSet;
use crate::run::{Config, RunFolder};
use crate::train::{self, ModelSettings, Settings};
use crate::util::text::{bytes, shown};
use crate::util::whole_file;
use crate::web::{Contents, Data, EVALUATION_BATCH, Packed, page};

/// Images to train on that a page holds, if nobody says how many.
const PACKED: usize = 2_000;

/// Flags of `fmnist web`.
#[derive(Args, Debug)]
pub struct WebArgs {
    /// Folder of a run that has ended; without one the models have learned nothing yet
    #[arg(value_name = "RUN")]
    run: Option<PathBuf>,
    /// File to write; an existing one is replaced if it ends in .html [default: web.html, in the
    /// folder of the run or in this one]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Leave images to train on out of the page: it trains on files that it is given
    #[arg(long, conflicts_with = "samples")]
    no_samples: bool,
    #[command(flatten)]
    recipe: RecipeArgs,
    #[command(flatten)]
    dataset: DatasetArgs,
}

/// Writes models as a page that recognises pictures, and trains, in a browser.
pub fn run(args: &WebArgs) -> Result<()> {
    let out = match (&args.out, &args.run) {
        (Some(out), _) => named_page(out)?,
        (None, Some(run)) => run.join("web.html"),
        (None, None) => named_page(Path::new("web.html"))?,
    };
    check_memory(0)?;
    let page = match &args.run {
        Some(run) => of_run(args, run)?,
        None => of_dataset(args)?,
    };
    whole_file::write(&out, page.as_bytes())
        .context("the page is not saved — name a file elsewhere with --out")?;
    errln!("saved to {} ({})", shown(&out), bytes(page.len() as u64));
    Ok(())
}

/// The page of a run's models.
fn of_run(args: &WebArgs, run: &Path) -> Result<String> {
    ensure!(
        args.recipe.is_usual(),
        "{} has its settings — leave out the flags that say how models are trained, or the run",
        shown(run)
    );
    let (folder, config) = open_run(run)?;
    check_counted(&config.settings, EVALUATION_BATCH)?;
    let architectures = (config.settings.models.iter()).map(|model| &model.architecture);
    let networks = architectures.map(|architecture| network(&folder, &config, architecture));
    // First, for they tell of a run that has not ended.
    let networks: Vec<Network> = networks.collect::<Result<_>>()?;
    let summary = Summary::read(&folder.file("summary.json"))?;
    let test = TestSet::read(folder.path(), &[], config.spec())?.split;
    let packed = match args.no_samples {
        true => None,
        false => match packed_for_run(args, &folder, &config, &test) {
            Ok(packed) => Some(packed),
            // Who asks for a number of them wants them.
            Err(error) if args.recipe.samples().is_some() => return Err(error),
            Err(error) => {
                errln!(
                    "warning: the page has no images to train on: {error:#}; --no-samples leaves them out without this"
                );
                None
            }
        },
    };
    let accuracy = |model: &ModelSettings| {
        let result = summary.models.get(model.architecture.model.name());
        result.map(|result| result.test_accuracy)
    };
    let accuracies = config.settings.models.iter().map(accuracy);
    let trained = networks.into_iter().zip(accuracies).collect();
    let data = Data::new(Contents {
        dataset: &config.dataset,
        class_names: &config.class_names,
        spec: config.spec(),
        resize: config.preparation.as_ref().and_then(|own| own.resize),
        settings: &config.settings,
        trained,
        test: &test,
        packed,
    })?;
    page(&data)
}

fn packed_for_run(
    args: &WebArgs,
    folder: &RunFolder,
    config: &Config,
    test: &Split,
) -> Result<Packed> {
    let mut data = args.dataset.load_for_run(config, folder, "web", false)?;
    let settings = Settings {
        samples: None,
        ..config.settings.clone()
    };
    let (training, validation) = train::split(&settings, &mut data)?;
    let images = args.recipe.samples().unwrap_or(PACKED);
    let splits = [&training, &validation, test];
    Packed::new(splits, images, settings.batch_size)
}

/// A page of models that are to be trained.
fn of_dataset(args: &WebArgs) -> Result<String> {
    let preparation = args.dataset.preparation(&args.recipe);
    let mut data = args.dataset.load(&preparation, false)?;
    let settings = Settings {
        samples: None,
        ..args.recipe.settings(&data)?
    };
    check_counted(&settings, EVALUATION_BATCH)?;
    let (training, validation) = train::split(&settings, &mut data)?;
    let images = args.recipe.samples().unwrap_or(PACKED);
    let packed = match args.no_samples {
        true => None,
        false => {
            let splits = [&training, &validation, &data.test];
            Some(Packed::new(splits, images, settings.batch_size)?)
        }
    };
    let data = Data::new(Contents {
        dataset: &data.name,
        class_names: &data.class_names,
        spec: training.spec,
        resize: resize(&data),
        settings: &settings,
        trained: Vec::new(),
        test: &data.test,
        packed,
    })?;
    page(&data)
}

/// How a dataset's pictures were brought to their size, if they were.
fn resize(data: &Dataset) -> Option<Resize> {
    let preparation = data.preparation.as_ref();
    preparation.and_then(|preparation| preparation.resize)
}
