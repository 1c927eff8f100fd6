//! A folder of pictures as a dataset: decoded, checked, split, and brought to one size.
//!
//! - [`read`]: the way from the folder to the [`Dataset`].
//! - `decode`, [`cache`]: a picture's file into an image, once; the second time the image is there.
//! - `resize`: a picture of any size into an image of the dataset's.
//! - `split`: the images of a part.
//! - `inventory`: what is told of it all.

pub mod cache;
mod decode;
mod inventory;
mod resize;
mod split;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use regex::Regex;

use self::cache::{ImageFile, Info};
use super::assign::{self, Item, Shares};
use super::duplicates::{self, Duplicates};
use super::folder::{self, Listing};
use super::inventory::Skipped;
use super::parts::{self, Part};
use super::{Dataset, DatasetDigest, Event, ImageShape, Preparation, Spec, source};
use crate::util::text::{count, first_five, indented_five, line, percent, shown};

/// The share of pictures that may be unreadable.
const MAX_UNREADABLE: f64 = 0.05;

/// Reads a folder of pictures, `name`, as `preparation` says. Images are kept in the folder `cache`.
///
/// # Errors
///
/// If the folder does not hold a dataset, or too many of its pictures cannot be read; if the cache
/// cannot be written.
pub fn read(
    dir: &Path,
    name: String,
    preparation: &Preparation,
    cache: &Path,
    notify: &mut dyn FnMut(Event<'_>),
) -> Result<Dataset> {
    let pattern = preparation.group_by.as_deref().map(pattern).transpose()?;
    let listing = match &preparation.labels {
        Some(file) => folder::scan_labels(dir, file)?,
        None => folder::scan(dir)?,
    };
    if let Some(entered) = &listing.entered {
        notify(Event::Note(&source::entered(dir, entered)));
    }
    let images = decode::decode(&listing, preparation, cache, notify)?;
    let mut pictures = Pictures::new(listing, images);
    pictures.check_readable(preparation.strict)?;
    pictures.assign(pattern.as_ref(), preparation)?;
    let duplicates = pictures.drop_duplicates();
    pictures.check_classes()?;
    pictures.dataset(name, preparation, &duplicates)
}

/// The pattern of `--group-by`.
fn pattern(text: &str) -> Result<Regex> {
    assign::group_pattern(text)
        .with_context(|| format!("--group-by {text}: this is no regular expression"))
}

/// The pictures of a folder, decoded.
struct Pictures {
    listing: Listing,
    images: ImageFile,
    /// The part of each picture; none of one that is left out.
    parts: Vec<Option<Part>>,
    skipped: Vec<Skipped>,
}

impl Pictures {
    fn new(listing: Listing, images: ImageFile) -> Self {
        let of = |(entry, record): (&folder::Entry, &cache::Record)| {
            record
                .outcome
                .is_ok()
                .then_some(entry.part.unwrap_or(Part::Train))
        };
        let unreadable = |(entry, record): (&folder::Entry, &cache::Record)| {
            let reason = record.outcome.as_ref().err()?;
            Some(Skipped {
                path: entry.path.clone(),
                reason: reason.clone(),
            })
        };
        let both = || listing.files.iter().zip(&images.records);
        Self {
            parts: both().map(of).collect(),
            skipped: both().filter_map(unreadable).collect(),
            listing,
            images,
        }
    }

    /// What is known of picture number `index`, which can be read.
    fn info(&self, index: usize) -> Option<&Info> {
        self.images.records[index].outcome.as_ref().ok()
    }

    /// The pictures of a part, by their numbers.
    fn of(&self, part: Part) -> Vec<usize> {
        let numbered = self.parts.iter().enumerate();
        let is_of = |(index, of): (usize, &Option<Part>)| (*of == Some(part)).then_some(index);
        numbered.filter_map(is_of).collect()
    }

    fn path(&self, index: usize) -> String {
        line(&self.listing.files[index].path.to_string_lossy())
    }

    /// Refuses folders of which too much cannot be read.
    fn check_readable(&self, strict: bool) -> Result<()> {
        let (bad, all) = (self.skipped.len(), self.listing.files.len());
        let most = if strict {
            0.0
        } else {
            MAX_UNREADABLE * all as f64
        };
        ensure!(
            bad as f64 <= most,
            "{} of {} in {} cannot be read{} — mend or remove them:\n{}",
            bad,
            count(all, "picture"),
            shown(&self.listing.root),
            match strict {
                true => String::new(),
                false => format!(", more than {} %", percent(MAX_UNREADABLE)),
            },
            indented_five(self.skipped.iter().map(|skipped| skipped.reason.clone()))
        );
        Ok(())
    }

    /// Decides parts that the folder does not tell.
    fn assign(&mut self, pattern: Option<&Regex>, preparation: &Preparation) -> Result<()> {
        let given = &self.listing.given;
        let root = shown(&self.listing.root);
        ensure!(
            pattern.is_none() || given.len() < Part::ALL.len(),
            "--group-by: {root} says itself which pictures are for what — leave it out"
        );
        let from = self.of(Part::Train);
        let shares = Shares::wanted(&root, given, from.len(), preparation)?;
        if shares.are_none() {
            return Ok(());
        }
        let groups: Vec<Option<String>> = from
            .iter()
            .map(|&index| {
                let path = self.listing.files[index].path.to_string_lossy();
                pattern.and_then(|pattern| assign::group_of(pattern, &path))
            })
            .collect();
        if let (Some(pattern), Some(first)) = (pattern, from.first()) {
            ensure!(
                groups.iter().any(Option::is_some),
                "--group-by {pattern}: it is found in no path of {root}, such as {} — correct it",
                self.path(*first)
            );
        }
        let items: Vec<Item<'_>> = (from.iter().zip(&groups))
            .filter_map(|(&index, group)| {
                Some(Item {
                    label: self.listing.files[index].label,
                    content: content(self.info(index)?),
                    group: group.as_deref(),
                })
            })
            .collect();
        let parts = assign::assign(&items, preparation.seed, shares);
        for (index, part) in from.into_iter().zip(parts) {
            self.parts[index] = Some(part);
        }
        Ok(())
    }

    /// Takes pictures out of training that are in another part too.
    fn drop_duplicates(&mut self) -> Duplicates {
        let readable = (0..self.parts.len()).filter_map(|index| {
            let part = self.parts[index]?;
            Some(duplicates::Item {
                content: content(self.info(index)?),
                index,
                label: self.listing.files[index].label,
                part,
            })
        });
        let duplicates = Duplicates::of(readable.collect());
        for &(index, other) in &duplicates.across {
            if let Some(part) = self.parts[other] {
                self.skipped.push(Skipped {
                    path: self.listing.files[index].path.clone(),
                    reason: format!(
                        "it is the same picture as {} in {}",
                        self.path(other),
                        part.name()
                    ),
                });
            }
            self.parts[index] = None;
        }
        duplicates
    }

    /// Refuses classes of which nothing is left to train on.
    fn check_classes(&self) -> Result<()> {
        let mut counts = vec![0; self.listing.class_names.len()];
        for index in self.of(Part::Train) {
            counts[usize::from(self.listing.files[index].label)] += 1;
        }
        let classes = self.listing.class_names.iter().zip(counts);
        let empty = classes.filter(|(_, count)| *count == 0);
        let empty = first_five(empty.map(|(class, _)| format!("“{class}”")));
        ensure!(
            empty.is_empty(),
            "of {empty} no picture to train on is left in {}: those that are there cannot be read, or are \
             used to validate or to test — mend them, or add others",
            shown(&self.listing.root)
        );
        Ok(())
    }

    fn dataset(
        self,
        name: String,
        preparation: &Preparation,
        duplicates: &Duplicates,
    ) -> Result<Dataset> {
        let mut train = self.of(Part::Train);
        // In no order that has to do with their classes: the first ones are a sample.
        train.sort_by_key(|&index| (self.info(index).map(content), index));
        let is_grey = |&index: &usize| self.info(index).is_some_and(|info| info.is_grey);
        let grey = train.iter().all(is_grey);
        let shape = ImageShape {
            channels: preparation.channels.unwrap_or(if grey { 1 } else { 3 }),
            ..self.images.shape
        };
        let spec = Spec::new(shape, self.listing.class_names.len());
        let order: BTreeMap<Part, Vec<usize>> = BTreeMap::from([
            (Part::Train, train),
            (Part::Validation, self.of(Part::Validation)),
            (Part::Test, self.of(Part::Test)),
        ]);
        let split = |part| self.split(spec, &order[&part], split::MAX_IN_MEMORY);
        let mut splits = [
            split(Part::Train)?,
            split(Part::Validation)?,
            split(Part::Test)?,
        ];
        let spec = spec.measured(&splits[0]);
        for split in &mut splits {
            split.spec = spec;
        }
        let [train, validation, test] = splits;
        parts::check_held_out(&shown(&self.listing.root), validation.len(), test.len())?;
        let inventory = inventory::inventory(&self, &order);
        let warnings = inventory::warnings(&self, duplicates);
        Ok(Dataset {
            name,
            class_names: self.listing.class_names,
            digest: DatasetDigest::new(&train.sums(), Some(&validation.sums()), &test.sums()),
            preparation: Some(Preparation {
                resize: Some(preparation.resize.unwrap_or_default()),
                ..preparation
                    .clone()
                    .without_parts_if(self.listing.given.len() == Part::ALL.len())
            }),
            inventory: Some(inventory),
            warnings,
            train,
            validation: Some(validation),
            test,
        })
    }
}

fn content(info: &Info) -> u128 {
    let [high, low] = info.content.map(u128::from);
    high << 64 | low
}
