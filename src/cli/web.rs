//! `fmnist web`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use super::export::network;
use super::{named_page, open_run};
use crate::report::summary::Summary;
use crate::report::test_set::TestSet;
use crate::util::text::shown;
use crate::util::whole_file;
use crate::web::{Data, page};

/// Flags of `fmnist web`.
#[derive(Args, Debug)]
pub struct WebArgs {
    /// Folder of a run that has ended
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// File to write; an existing one is replaced if it ends in .html [default: web.html, in the folder of the run]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Writes the models of a run as a page that recognises pictures in a browser.
pub fn run(args: &WebArgs) -> Result<()> {
    let out = match &args.out {
        Some(out) => named_page(out)?,
        None => args.run.join("web.html"),
    };
    let (folder, config) = open_run(&args.run)?;
    let summary = Summary::read(&folder.file("summary.json"))?;
    let test = TestSet::read(folder.path(), &[], config.spec())?.split;
    let architectures = config
        .settings
        .models
        .iter()
        .map(|model| &model.architecture);
    let models = architectures.map(|architecture| {
        let network = network(&folder, &config, architecture)?;
        let result = summary.models.get(architecture.model.name());
        Ok((network, result.map(|result| result.test_accuracy)))
    });
    let models: Vec<_> = models.collect::<Result<_>>()?;
    let resize = config.preparation.as_ref().and_then(|own| own.resize);
    let data = Data::new(&config.dataset, &config.class_names, resize, &models, &test);
    whole_file::write(&out, page(&data)?.as_bytes())
        .context("the page is not saved — name a file elsewhere with --out")?;
    errln!("saved to {}", shown(&out));
    Ok(())
}
