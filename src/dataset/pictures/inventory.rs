//! What is told of the pictures of a folder.

use std::collections::BTreeMap;

use super::{Duplicates, Pictures};
use crate::dataset::inventory::{Inventory, Picture};
use crate::dataset::parts::Part;
use crate::util::text::{count, is_or_are};

/// Of these pictures, with the order in which each part has them.
pub(super) fn inventory(
    pictures: &Pictures,
    order: &BTreeMap<Part, Vec<usize>>,
    duplicates: &Duplicates,
) -> Inventory {
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
        warnings: warnings(pictures, duplicates),
    }
}

/// Pictures that cannot be read, or are there twice.
fn warnings(pictures: &Pictures, duplicates: &Duplicates) -> Vec<String> {
    let mut warnings = Vec::new();
    let unreadable: Vec<String> = (pictures.images.records.iter())
        .filter_map(|record| record.outcome.clone().err())
        .collect();
    if !unreadable.is_empty() {
        warnings.push(format!(
            "{} cannot be read and {} left out:\n{}",
            count(unreadable.len(), "picture"),
            is_or_are(unreadable.len()),
            listed(unreadable.into_iter())
        ));
    }
    let pairs = |pairs: &[(usize, usize)]| {
        let pair =
            |&(a, b): &(usize, usize)| format!("{} and {}", pictures.path(a), pictures.path(b));
        let pairs: Vec<String> = pairs.iter().map(pair).collect();
        listed(pairs.into_iter())
    };
    if !duplicates.across.is_empty() {
        warnings.push(format!(
            "{} to train on {} also in another part, and taken out of training:\n{}",
            count(duplicates.across.len(), "picture"),
            is_or_are(duplicates.across.len()),
            pairs(&duplicates.across)
        ));
    }
    if !duplicates.held_out.is_empty() {
        warnings.push(format!(
            "{} to validate with {} also to test with, and left in both parts:\n{}",
            count(duplicates.held_out.len(), "picture"),
            is_or_are(duplicates.held_out.len()),
            pairs(&duplicates.held_out)
        ));
    }
    if !duplicates.two_labels.is_empty() {
        warnings.push(format!(
            "{} of the same picture {} different classes, of which one must be wrong:\n{}",
            count(duplicates.two_labels.len(), "pair"),
            if duplicates.two_labels.len() == 1 {
                "has"
            } else {
                "have"
            },
            pairs(&duplicates.two_labels)
        ));
    }
    if duplicates.within > 0 {
        warnings.push(format!(
            "{} {} the same as another of the same class and part",
            count(duplicates.within, "picture"),
            is_or_are(duplicates.within)
        ));
    }
    warnings
}

/// The first five lines, indented, and how many more there are.
pub(super) fn listed(lines: impl ExactSizeIterator<Item = String>) -> String {
    let more = lines.len().saturating_sub(5);
    let mut text: Vec<String> = lines.take(5).map(|line| format!("   {line}")).collect();
    if more > 0 {
        text.push(format!("   and {more} more"));
    }
    text.join("\n")
}
