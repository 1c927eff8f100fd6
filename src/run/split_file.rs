//! `split.csv` and `skipped.csv`: which pictures of a folder a run uses, and for what.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::dataset::inventory::{Inventory, Picture, Skipped};
use crate::dataset::parts::Part;
use crate::util::text::{count, first_five, is_or_are, line};
use crate::util::whole_file;

/// The file of the pictures that a run uses.
pub const SPLIT: &str = "split.csv";
const SKIPPED: &str = "skipped.csv";

/// More bytes than the lines of a million pictures have.
const LIMIT: u64 = 1 << 30;

/// A line of `split.csv`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// The picture, in the folder of all.
    pub path: String,
    /// Its class.
    pub class: String,
    /// What it is for.
    pub part: String,
    /// Hash of the picture's pixels, in hexadecimal digits.
    pub content: String,
}

impl Row {
    fn of(picture: &Picture, class_names: &[String]) -> Self {
        Self {
            path: line(&picture.path.to_string_lossy()),
            class: class_names[usize::from(picture.label)].clone(),
            part: picture.part.name().to_owned(),
            content: format!("{:032x}", picture.content),
        }
    }
}

/// Writes both files into a run's folder.
///
/// # Errors
///
/// If one cannot be written.
pub fn write(folder: &Path, inventory: &Inventory, class_names: &[String]) -> Result<()> {
    let rows = inventory.pictures.iter();
    let rows = rows.map(|picture| Row::of(picture, class_names));
    let columns = ["path", "class", "part", "content"];
    whole_file::write(&folder.join(SPLIT), &csv_of(&columns, rows)?)?;
    #[derive(Serialize)]
    struct Left {
        path: String,
        reason: String,
    }
    let left = inventory
        .skipped
        .iter()
        .map(|Skipped { path, reason }| Left {
            path: line(&path.to_string_lossy()),
            reason: line(reason),
        });
    whole_file::write(&folder.join(SKIPPED), &csv_of(&["path", "reason"], left)?)
}

fn csv_of(columns: &[&str], rows: impl Iterator<Item = impl Serialize>) -> Result<Vec<u8>> {
    // Where there are no rows, too.
    let mut writer = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(Vec::new());
    writer.write_record(columns)?;
    for row in rows {
        writer.serialize(row)?;
    }
    Ok(writer.into_inner()?)
}

/// The lines of a run's `split.csv`; none if it has no such file.
fn read(folder: &Path) -> Result<Vec<Row>> {
    let path = folder.join(SPLIT);
    if !path.exists() {
        return Ok(Vec::new());
    }
    parse(&whole_file::read(&path, LIMIT)?, &path)
}

/// The lines of the bytes of the file at `path`.
///
/// # Errors
///
/// If it is no such file.
pub fn parse(bytes: &[u8], path: &Path) -> Result<Vec<Row>> {
    let rows: Result<Vec<Row>, csv::Error> =
        csv::Reader::from_reader(bytes).deserialize().collect();
    rows.with_context(|| format!("{} is damaged", path.display()))
}

/// The files of the pictures that a run was tested with, in the order of its test images, which are of these
/// classes. None if neither the run nor the folder of the several that it is one of has a `split.csv` that
/// fits.
///
/// # Errors
///
/// If a file is there and cannot be read.
pub fn test_pictures<'a>(
    folder: &Path,
    classes: impl Iterator<Item = &'a str> + Clone,
) -> Result<Vec<String>> {
    for folder in [folder, &folder.join("..")] {
        let mut rows = read(folder)?;
        rows.retain(|row| row.part == Part::Test.name());
        if rows.iter().map(|row| &*row.class).eq(classes.clone()) {
            return Ok(rows.into_iter().map(|row| row.path).collect());
        }
    }
    Ok(Vec::new())
}

/// What is not as `split.csv` of a run says, in words; nothing if the run has no such file.
///
/// # Errors
///
/// If the file cannot be read.
pub fn changes(
    folder: &Path,
    inventory: &Inventory,
    class_names: &[String],
) -> Result<Vec<String>> {
    let rows = read(folder)?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let by_path = |rows: Vec<Row>| -> BTreeMap<String, Row> {
        rows.into_iter()
            .map(|row| (row.path.clone(), row))
            .collect()
    };
    let pictures = inventory.pictures.iter();
    let now = by_path(
        pictures
            .map(|picture| Row::of(picture, class_names))
            .collect(),
    );
    let before = by_path(rows);
    let missing_in = |from: &BTreeMap<String, Row>, of: &BTreeMap<String, Row>| -> Vec<String> {
        of.keys()
            .filter(|path| !from.contains_key(*path))
            .cloned()
            .collect()
    };
    let differ = |field: fn(&Row) -> &String| -> Vec<String> {
        let both = before
            .iter()
            .filter_map(|(path, row)| Some((path, row, now.get(path)?)));
        let differing = both.filter(|(_, before, now)| field(before) != field(now));
        differing.map(|(path, _, _)| path.clone()).collect()
    };
    let kinds = [
        (missing_in(&before, &now), "new"),
        (missing_in(&now, &before), "gone"),
        (differ(|row| &row.content), "changed"),
        (differ(|row| &row.class), "of another class"),
        (differ(|row| &row.part), "in another part"),
    ];
    let text = |(paths, what): (Vec<String>, &str)| {
        let count = count(paths.len(), "picture");
        let are = is_or_are(paths.len());
        format!("{count} {are} {what} ({})", first_five(paths.into_iter()))
    };
    let kinds = kinds.into_iter().filter(|(paths, _)| !paths.is_empty());
    Ok(kinds.map(text).collect())
}
