//! `fmnist data check`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde_json::json;

use crate::cli::DeviceArgs;
use crate::cli::dataset::DatasetArgs;
use crate::cli::limits::check_memory;
use crate::cli::recipe::usual_validation;
use crate::dataset::Split;
use crate::report::data_check::DataCheck;

/// Flags of `fmnist data check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Folder of the dataset, as --data-dir of `fmnist train`; without, what that would train on
    #[arg(value_name = "DIR", conflicts_with = "data_dir")]
    dir: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    /// Seed of the parts that the data do not tell
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    dataset: DatasetArgs,
}

/// Reads a dataset and says what is in it.
pub fn run(args: CheckArgs, device: &DeviceArgs) -> Result<()> {
    check_memory(0)?;
    let check = || check(&args);
    match device.on_pool(check) {
        Ok(check) if args.json => outln!("{}", serde_json::to_string_pretty(&check)?),
        Ok(check) => outln!("{}\n\n{}", check.dataset, check.table().trim_end()),
        Err(error) => {
            if args.json {
                let errors = json!({ "errors": [format!("{error:#}")] });
                outln!("{}", serde_json::to_string_pretty(&errors)?)?;
            }
            Err(error)
        }
    }
}

fn check(args: &CheckArgs) -> Result<DataCheck> {
    let dataset = match &args.dir {
        Some(dir) => args.dataset.at(dir),
        None => args.dataset.clone(),
    };
    let mut preparation = dataset.pictures();
    preparation.seed = args.seed;
    let mut data = dataset.load(&preparation, false)?;
    let validation = match data.validation.take() {
        Some(own) => own,
        None => {
            let held_out = usual_validation(data.train.len());
            data.train.split_off_last(held_out)
        }
    };
    let training = std::mem::replace(&mut data.train, Split::empty(validation.spec));
    Ok(DataCheck::new(&data, &training, &validation))
}
