//! The flags that choose a dataset.

use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail, ensure};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::recipe::RecipeArgs;
use crate::dataset::{
    self, Dataset, DatasetChoice, Event, FASHION_MNIST, Preparation, Resize, synthetic,
};
use crate::run::{Config, RunFolder, clean_name, split_file};
use crate::util::text;

/// Which dataset, and how its pictures are read.
#[derive(Args, Clone, Debug)]
pub struct DatasetArgs {
    /// Which dataset
    #[arg(long, value_enum, default_value_t, help_heading = DATA)]
    dataset: DatasetChoice,
    /// Folder of the dataset: pictures in a folder for each class, or the files of Fashion-MNIST, of
    /// another dataset in IDX format or of CIFAR; or an NPZ file
    #[arg(long, value_name = "DIR", help_heading = DATA)]
    data_dir: Option<PathBuf>,
    /// CSV file that says the classes of the pictures, in columns `path`, `label` and perhaps `split`
    #[arg(long, value_name = "FILE", help_heading = DATA)]
    labels: Option<PathBuf>,
    /// Height and width that pictures are brought to [default: theirs if all have one of at most 64,
    /// else 64]
    #[arg(long, value_name = "N", value_parser = side(), help_heading = DATA)]
    image_size: Option<u16>,
    /// How pictures are brought to that size [default: pad]
    #[arg(long, value_enum, help_heading = DATA)]
    resize: Option<Resize>,
    /// 1 to see pictures in grey, 3 in colour [default: 1 if all to train on are grey, else 3]
    #[arg(long, value_name = "N", value_parser = channels, help_heading = DATA)]
    channels: Option<usize>,
    /// Keep pictures in one part of which this finds the same in their paths, such as '^[^_]+'
    #[arg(long, value_name = "REGEX", help_heading = DATA)]
    group_by: Option<String>,
    /// Refuse the dataset if one of its pictures cannot be read
    #[arg(long, help_heading = DATA)]
    strict: bool,
}

const DATA: &str = "Data";

impl DatasetArgs {
    /// Finds and reads the dataset, telling the user on stderr what happens.
    pub fn load(&self, preparation: &Preparation, quiet: bool) -> Result<Dataset> {
        let dir = self.data_dir.as_deref();
        Ok(dataset::load(
            self.dataset,
            dir,
            preparation,
            &mut console(quiet),
        )?)
    }

    /// What the flags say of pictures, and `recipe` of parts that are not there.
    pub fn preparation(&self, recipe: &RecipeArgs) -> Preparation {
        Preparation {
            validation: recipe.validation,
            seed: recipe.seed.unwrap_or_default(),
            ..self.pictures()
        }
    }

    /// What the flags say of pictures.
    pub fn pictures(&self) -> Preparation {
        Preparation {
            image_size: self.image_size.map(usize::from),
            resize: self.resize,
            channels: self.channels,
            labels: self.labels.clone(),
            group_by: self.group_by.clone(),
            validation: None,
            seed: 0,
            last_validate: false,
            strict: self.strict,
        }
    }

    /// The dataset of a run, which these flags may help to find. `command` is what the user asked of the
    /// run in `folder`.
    ///
    /// # Errors
    ///
    /// If it cannot be read, is another one, or is to be prepared in another way: what differs.
    pub fn load_for_run(
        &self,
        config: &Config,
        folder: &RunFolder,
        command: &str,
        quiet: bool,
    ) -> Result<Dataset> {
        let own = config.preparation.clone();
        let mut own = own.unwrap_or_else(Preparation::of_earlier);
        self.refuse_other_pictures(&own)?;
        // Wherever the file is now: what it says is in the digest.
        own.labels = self.labels.clone().or(own.labels);
        own.strict = self.strict;
        let command = format!("{command} {}", text::quoted(folder.path()));
        let mut data = self.for_run(config, &command)?.load(&own, quiet)?;
        if let Some(other) = config.other_dataset(&data.name, Some(&data.digest)) {
            let mut changes = match &data.inventory {
                Some(inventory) => {
                    split_file::changes(folder.path(), inventory, &data.class_names)?
                }
                None => Vec::new(),
            };
            if changes.is_empty() {
                let own = config.dataset_digest.as_ref();
                changes.extend(own.map(|own| own.difference(&data.digest).to_owned()));
            }
            let changes = match changes.is_empty() {
                true => String::new(),
                false => format!(": {}", changes.join("; ")),
            };
            bail!("the run {other}{changes} — pass the run's dataset with --data-dir or --dataset");
        }
        let spec = config.spec();
        // Earlier versions took ten classes for granted, whether or not the last ones have images.
        let class_names = data.class_names.iter().map(|name| clean_name(name));
        ensure!(
            config
                .class_names
                .starts_with(&class_names.collect::<Vec<_>>())
                && data.train.spec.shape == spec.shape,
            "{} is of other classes or images than the dataset — put the run's own back",
            text::shown(&folder.file("config.json"))
        );
        // What the models learned from, whatever is measured now.
        data.set_spec(spec);
        Ok(data)
    }

    /// Refuses flags that ask for pictures prepared otherwise than those of a run.
    fn refuse_other_pictures(&self, own: &Preparation) -> Result<()> {
        let flags = [
            (
                "--image-size",
                self.image_size.is_some() && self.pictures().image_size != own.image_size,
            ),
            (
                "--resize",
                self.resize.is_some() && self.resize != own.resize,
            ),
            (
                "--channels",
                self.channels.is_some() && self.channels != own.channels,
            ),
            (
                "--group-by",
                self.group_by.is_some() && self.group_by != own.group_by,
            ),
        ];
        for (flag, differs) in flags {
            ensure!(
                !differs,
                "{flag}: a run goes on with its own settings — leave it out"
            );
        }
        Ok(())
    }

    /// The same flags with the dataset in this folder.
    pub fn at(&self, dir: &Path) -> Self {
        Self {
            data_dir: Some(dir.to_path_buf()),
            ..self.clone()
        }
    }

    /// The same flags; where they choose nothing, this dataset.
    pub fn or(&self, choice: DatasetChoice) -> Self {
        let mut args = self.clone();
        if !args.names_dataset() {
            args.dataset = choice;
        }
        args
    }

    /// Whether the user names a dataset, or says how its pictures are read.
    pub fn is_given(&self) -> bool {
        let pictures = Preparation {
            strict: self.strict,
            ..self.pictures()
        };
        self.names_dataset() || pictures != Preparation::default()
    }

    fn names_dataset(&self) -> bool {
        self.dataset != DatasetChoice::Auto || self.data_dir.is_some()
    }

    /// The folder that the user names.
    pub fn data_dir(&self) -> Option<&Path> {
        self.data_dir.as_deref()
    }

    /// The same flags, with `auto` settled by the dataset that a run used. `command` is what the user
    /// asked of the run.
    ///
    /// # Errors
    ///
    /// If only the user can say where that dataset is.
    fn for_run(&self, config: &Config, command: &str) -> Result<Self> {
        let mut args = self.clone();
        if !args.names_dataset() {
            args.dataset = match &*config.dataset {
                synthetic::NAME => DatasetChoice::Synthetic,
                FASHION_MNIST => DatasetChoice::FashionMnist,
                _ => bail!(
                    "the run was trained on {} — pass its folder with --data-dir: \
                     `fmnist {command} --data-dir DIR`",
                    config.dataset_label()
                ),
            };
        }
        Ok(args)
    }
}

/// Height and width of an image.
fn side() -> clap::builder::RangedI64ValueParser<u16> {
    clap::value_parser!(u16).range(8..=256)
}

fn channels(text: &str) -> Result<usize, String> {
    match text {
        "1" => Ok(1),
        "3" => Ok(3),
        _ => Err("expected 1, grey, or 3, colour".to_string()),
    }
}

/// Tells the user on stderr what happens to the data: lines, and a bar for a download if stderr is
/// a terminal. With `quiet` only warnings are printed.
pub(super) fn console(quiet: bool) -> impl FnMut(Event<'_>) {
    let bars = !quiet && stderr().is_terminal();
    let mut bar: Option<ProgressBar> = None;
    let mut begun = String::new();
    move |event| {
        let goes_on = match event {
            Event::Download { .. } => true,
            Event::Decoding { done, total } => done < total,
            Event::Note(_) | Event::Warning(_) => false,
        };
        if !goes_on && let Some(unfinished) = bar.take() {
            unfinished.finish_and_clear();
        }
        match event {
            Event::Warning(text) => errln!("warning: {text}"),
            Event::Note(_) | Event::Download { .. } | Event::Decoding { .. } if quiet => {}
            Event::Note(text) => errln!("{text}"),
            Event::Decoding { done, total } if bars => {
                if goes_on {
                    let bar = bar.get_or_insert_with(|| decoding_bar(total));
                    bar.set_position(done as u64);
                }
            }
            Event::Decoding { done: 0, total } => {
                errln!("decoding {}", text::count(total, "picture"));
            }
            Event::Decoding { .. } => {}
            Event::Download { file, done, total } if bars => {
                let bar = bar.get_or_insert_with(|| download_bar(file, total));
                bar.set_position(done);
            }
            Event::Download { file, total, .. } => {
                if begun != file {
                    errln!("downloading {file} ({})", text::bytes(total));
                    file.clone_into(&mut begun);
                }
            }
        }
    }
}

fn download_bar(file: &str, total: u64) -> ProgressBar {
    let template = "{prefix} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}";
    bar_of(template, total).with_prefix(file.to_owned())
}

fn decoding_bar(total: usize) -> ProgressBar {
    bar_of(
        "decoding {wide_bar} {human_pos}/{human_len} pictures {eta}",
        total as u64,
    )
}

fn bar_of(template: &str, total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template(template);
    ProgressBar::new(total).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
