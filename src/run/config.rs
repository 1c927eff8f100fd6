//! `config.json`.

use std::path::Path;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};

use crate::dataset::digest::{DatasetDigest, label};
use crate::dataset::{
    Channel, FASHION_MNIST, FASHION_MNIST_SPEC, Preparation, Spec, Split, synthetic,
};
use crate::device::Backend;
use crate::train::Settings;
use crate::util::json;
use crate::util::text::{count, one_line, quoted};

/// Characters of a name, more than any has.
const MAX_NAME_LEN: usize = 200;

/// What `config.json` records: enough to repeat the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Version of the program.
    pub version: String,
    /// Name of the dataset.
    pub dataset: String,
    /// What the dataset holds; runs of earlier versions did not record it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dataset_digest: Option<DatasetDigest>,
    /// Names of its classes in the order of their labels.
    pub class_names: Vec<String>,
    /// How the bytes of each channel are distributed over the images to train on; earlier versions
    /// knew nothing but Fashion-MNIST's.
    #[serde(default = "fashion_mnist_channels")]
    pub channels: Vec<Channel>,
    /// How pictures become the dataset's images; none where they do as Fashion-MNIST's did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preparation: Option<Preparation>,
    /// Backend it ran on.
    pub backend: Backend,
    /// Name of the device.
    pub device: String,
    /// How many runs: one, or the number of folders `seed-K` in this one.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub runs: usize,
    /// Everything else the training depends on.
    #[serde(flatten, deserialize_with = "json::flattened")]
    pub settings: Settings,
}

/// A name as a configuration has it: without control characters, and not too long.
pub fn clean_name(name: &str) -> String {
    one_line(name, MAX_NAME_LEN)
}

impl Config {
    /// The configuration that these bytes of JSON describe.
    ///
    /// # Errors
    ///
    /// If they do not, or if no such run is possible. Names are cleaned of control characters.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut config: Self = json::parse(bytes)?;
        let names = [&mut config.version, &mut config.dataset, &mut config.device];
        for name in names.into_iter().chain(&mut config.class_names) {
            *name = clean_name(name);
        }
        config.settings.check()?;
        let classes = config.class_names.len();
        let architectures = || (config.settings.models.iter()).map(|model| &model.architecture);
        ensure!(
            architectures().all(|architecture| architecture.classes == classes),
            "it names {}, and its models tell another number apart",
            count(classes, "class")
        );
        let shape = config.spec().shape;
        ensure!(
            architectures().all(|architecture| architecture.input == shape),
            "its models see images of different sizes"
        );
        ensure!(
            config.channels.len() == shape.channels
                && config.channels.iter().all(|channel| channel.std > 0),
            "channels: a mean and a deviation above 0 were expected for each of {}",
            count(shape.channels, "channel")
        );
        let resize = config.preparation.as_ref().and_then(|own| own.resize);
        ensure!(
            resize.is_some() || shape == FASHION_MNIST_SPEC.shape,
            "preparation: it does not say how pictures become images of {shape}"
        );
        if let Some(own) = &config.preparation {
            let sides = own
                .image_size
                .iter()
                .all(|side| [shape.height, shape.width] == [*side; 2]);
            let channels = own
                .channels
                .is_none_or(|channels| channels == shape.channels);
            ensure!(
                sides && channels,
                "preparation: image_size and channels are not those of {shape}, which its models see"
            );
        }
        config
            .dataset_digest
            .as_ref()
            .map_or(Ok(()), DatasetDigest::check)?;
        ensure!(
            config.settings.seeds(config.runs).is_ok(),
            "{} is no possible number of runs",
            config.runs
        );
        Ok(config)
    }

    /// What its models see.
    pub fn spec(&self) -> Spec {
        let shape = self.settings.models[0].architecture.input;
        let mut spec = Spec::new(shape, self.class_names.len());
        for (channel, own) in spec.channels.iter_mut().zip(&self.channels) {
            *channel = *own;
        }
        spec
    }

    /// The dataset for people: its name, and the beginning of its digest.
    pub fn dataset_label(&self) -> String {
        let digest = self.dataset_digest.as_ref();
        label(&self.dataset, digest.map(|digest| &*digest.all))
    }

    /// Whether a dataset is not the one of this run, in words. Whatever it is called, it is the same
    /// if it holds the same; where that is not known of both, if they have the same name.
    pub fn other_dataset(&self, name: &str, digest: Option<&DatasetDigest>) -> Option<String> {
        let same = match (&self.dataset_digest, digest) {
            (Some(own), Some(digest)) => own.all == digest.all,
            // Earlier versions called a dataset by the last of its folders alone.
            _ => self.dataset == name || name.rsplit('/').next() == Some(&*self.dataset),
        };
        let now = label(name, digest.map(|digest| &*digest.all));
        (!same).then(|| format!("was trained on {}, but this is {now}", self.dataset_label()))
    }

    /// The command that goes on with this run in the folder `run`.
    pub fn resume_command(&self, run: &Path) -> String {
        let own = match &*self.dataset {
            FASHION_MNIST | synthetic::NAME => "",
            _ => " --data-dir DIR",
        };
        format!("fmnist train --resume {}{own}", quoted(run))
    }

    /// Whether these can be the images that this run is tested with.
    pub fn is_tested_with(&self, test: &Split) -> bool {
        let digest = self.dataset_digest.as_ref();
        digest.is_none_or(|digest| digest.test == DatasetDigest::of_test(&test.sums()))
    }
}

fn fashion_mnist_channels() -> Vec<Channel> {
    FASHION_MNIST_SPEC.channels().to_vec()
}

fn one() -> usize {
    1
}

fn is_one(runs: &usize) -> bool {
    *runs == 1
}
