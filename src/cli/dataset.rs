//! The flags that choose a dataset.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;

use super::data::console;
use crate::dataset::{self, Choice, Dataset, Split, synthetic};
use crate::device::Selected;

/// `--dataset` and `--data-dir`.
#[derive(Args, Clone, Debug)]
pub struct DatasetArgs {
    /// Which dataset
    #[arg(long, value_enum, default_value_t)]
    dataset: Choice,
    /// Folder of the dataset's four IDX files
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

impl DatasetArgs {
    /// Finds and reads the dataset, telling the user on stderr what happens.
    pub fn load(&self, quiet: bool) -> Result<Dataset> {
        dataset::load(self.dataset, self.data_dir.as_deref(), &mut console(quiet))
    }

    /// The same flags, with `auto` settled by the name of the dataset that a run used.
    pub fn for_run(&self, name: &str) -> Self {
        let mut args = self.clone();
        if args.dataset == Choice::Auto && args.data_dir.is_none() {
            args.dataset = match name {
                synthetic::NAME => Choice::Synthetic,
                _ => Choice::FashionMnist,
            };
        }
        args
    }
}

/// Refuses images that are more than the device can address, before they are moved there. `what`
/// they are for stands in the message.
pub fn check_size(what: &str, split: &Split, selected: &Selected) -> Result<()> {
    let bytes = split.images.len() as u64;
    let most = selected.largest_tensor.unwrap_or(u64::MAX);
    ensure!(
        bytes <= most,
        "the {} images to {what} are {bytes} bytes, but {} can address {most} at once — use \
         --backend cpu",
        split.len(),
        selected.name
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{self, BackendChoice};

    #[test]
    fn images_that_the_device_cannot_address_are_refused() {
        let split = synthetic::split(0, synthetic::Part::Test, 3);
        let mut selected = device::select(BackendChoice::Cpu, None).unwrap();
        check_size("test with", &split, &selected).unwrap();
        selected.largest_tensor = Some(3 * 784);
        check_size("test with", &split, &selected).unwrap();
        selected.largest_tensor = Some(3 * 784 - 1);
        let error = check_size("test with", &split, &selected).unwrap_err();
        let message = format!("{error:#}");
        for part in [
            "3 images to test with",
            "2352 bytes",
            "2351",
            "--backend cpu",
        ] {
            assert!(message.contains(part), "{message}");
        }
    }
}
