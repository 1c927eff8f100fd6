//! What is told of the pictures of a folder.

use std::collections::BTreeMap;

use super::Pictures;
use crate::dataset::duplicates::Duplicates;
use crate::dataset::inventory::{Inventory, Picture};
use crate::dataset::parts::Part;
use crate::util::text::{count, indented_five, is_or_are};

/// Of these pictures, with the order in which each part has them.
pub(super) fn inventory(pictures: &Pictures, order: &BTreeMap<Part, Vec<usize>>) -> Inventory {
    let files = &pictures.listing.files;
    let mut listed = Vec::new();
    for (&part, of_part) in order {
        for &index in of_part {
            listed.extend(pictures.info(index).map(|info| Picture {
                path: files[index].path.clone(),
                label: files[index].label,
                part,
                content: super::content(info),
            }));
        }
    }
    let infos = || (0..files.len()).filter_map(|index| pictures.info(index));
    let mut formats = BTreeMap::new();
    for info in infos() {
        *formats.entry(info.format.name()).or_default() += 1;
    }
    let mut sizes: Vec<[usize; 2]> = infos().map(|info| info.size).collect();
    sizes.sort_by_key(|size| size[0] * size[1]);
    let size = |index: usize| sizes.get(index).copied().unwrap_or_default();
    Inventory {
        pictures: listed,
        skipped: pictures.skipped.clone(),
        ignored: pictures.listing.ignored.clone(),
        formats,
        sizes: [0, sizes.len() / 2, sizes.len().saturating_sub(1)].map(size),
        given: pictures.listing.given.clone(),
    }
}

/// Pictures that cannot be read, or are there twice.
pub(super) fn warnings(pictures: &Pictures, duplicates: &Duplicates) -> Vec<String> {
    let mut warnings = Vec::from_iter(pictures.listing.warning.clone());
    let unreadable: Vec<String> = (pictures.images.records.iter())
        .filter_map(|record| record.outcome.clone().err())
        .collect();
    if !unreadable.is_empty() {
        warnings.push(format!(
            "{} cannot be read and {} left out:\n{}",
            count(unreadable.len(), "picture"),
            is_or_are(unreadable.len()),
            indented_five(unreadable.into_iter())
        ));
    }
    warnings.extend(duplicates.warnings("picture", true, |index| pictures.path(index)));
    warnings
}
