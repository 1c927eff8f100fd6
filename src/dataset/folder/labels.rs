//! A CSV file that tells each picture's class, where folders do not.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};
use csv::{ByteRecord, ReaderBuilder, Trim};

use super::Listing;
use super::classes::{Labelled, Source, listing, shown_name};
use super::layout::part_named;
use super::tree::{Counts, Ignored};
use crate::dataset::parts::Part;
use crate::util::text::{count, first_five, one_line, shown};

/// The most bytes that a file may have: a million pictures' and more.
const FILE_LIMIT: u64 = 64 << 20;

/// What is expected.
const EXAMPLE: &str = "    \
    path,label,split
    images/a.jpg,cat,train
    images/b.jpg,dog,test";

/// A line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its number, counted from 1.
    pub line: u64,
    /// Where the picture is, as it is written there.
    pub path: OsString,
    /// The class.
    pub label: OsString,
    /// The part, if there is a column for it.
    pub part: Option<Part>,
}

/// Lists the pictures of a folder that the file `csv` lists with their labels: a header, and the
/// columns `path`, `label` and, where there are parts, `split`.
///
/// Paths begin in `dir` or, if there is no such file, in the folder of `csv`.
///
/// # Errors
///
/// If the file cannot be read or is no such file; if it lists what is not there or not in `dir`, or a
/// picture under two labels or in two parts; as [`scan`](super::scan) for what is wrong with classes.
pub fn scan_labels(dir: &Path, csv: &Path) -> Result<Listing> {
    let rows = parse(&read(csv)?, csv)?;
    let roots = Roots::new(dir, csv)?;
    let mut ignored = Counts::new();
    let mut pictures: Vec<Labelled<'_>> = Vec::new();
    let mut seen: HashMap<PathBuf, &Row> = HashMap::new();
    let mut missing = Vec::new();
    for row in &rows {
        let Some(path) = roots.find(row, csv)? else {
            missing.push(row);
            continue;
        };
        if let Some(before) = seen.insert(path.clone(), row) {
            check_same(before, row, csv)?;
            *ignored.entry(Ignored::Repeated).or_default() += 1;
            continue;
        }
        pictures.push(Labelled {
            path,
            class: &row.label,
            part: row.part,
        });
    }
    ensure!(
        missing.is_empty(),
        "{} lists {} that cannot be found: {} — paths begin in {} or in the CSV file's folder; correct \
         them, or take the lines out",
        shown(csv),
        count(missing.len(), "picture"),
        first_five(missing.iter().map(|row| shown_name(&row.path))),
        shown(dir)
    );
    let source = Source {
        path: csv,
        expected: EXAMPLE,
    };
    let names = rows.iter().map(|row| row.label.as_os_str());
    listing(dir, &source, names, pictures, &ignored)
}

fn read(csv: &Path) -> Result<Vec<u8>> {
    let unreadable = || format!("{} (--labels) cannot be read", shown(csv));
    let metadata = fs::metadata(csv).with_context(unreadable)?;
    // Opening a pipe would wait for whoever writes to it.
    ensure!(
        metadata.is_file(),
        "{} (--labels) is not a file — name the CSV file that lists the pictures",
        shown(csv)
    );
    let mut bytes = Vec::new();
    let file = File::open(csv).with_context(unreadable)?;
    (file.take(FILE_LIMIT + 1).read_to_end(&mut bytes)).with_context(unreadable)?;
    ensure!(
        bytes.len() as u64 <= FILE_LIMIT,
        "{} (--labels) has more than {} MiB, the most that is read — list fewer pictures",
        shown(csv),
        FILE_LIMIT >> 20
    );
    Ok(bytes)
}

/// Reads the bytes of the file `csv`, which errors name.
///
/// # Errors
///
/// If it is no CSV file of these columns or lists nothing, if a line lacks a path or a label, or if
/// some lines have a part and others none.
pub fn parse(bytes: &[u8], csv: &Path) -> Result<Vec<Row>> {
    let file = shown(csv);
    let mut reader = ReaderBuilder::new()
        .delimiter(delimiter(bytes))
        .trim(Trim::All)
        .from_reader(bytes);
    let header = reader
        .byte_headers()
        .map_err(|error| malformed(&file, &error))?;
    let column = |name: &str| {
        let is_it = |cell: &[u8]| cell.eq_ignore_ascii_case(name.as_bytes());
        header.iter().position(is_it)
    };
    let (Some(path), Some(label)) = (column("path"), column("label")) else {
        let columns: Vec<_> = header.iter().map(String::from_utf8_lossy).collect();
        bail!(
            "{file} has no columns `path` and `label`: its first line is `{}` — name the columns \
             there, separated by commas:\n\n{EXAMPLE}",
            one_line(&columns.join(","), 120)
        );
    };
    let split = column("split");

    let mut rows: Vec<Row> = Vec::new();
    let mut record = ByteRecord::new();
    while (reader.read_byte_record(&mut record)).map_err(|error| malformed(&file, &error))? {
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |column: usize| record.get(column).unwrap_or_default();
        for (column, name) in [(path, "path"), (label, "label")] {
            ensure!(
                !cell(column).is_empty(),
                "{file}, line {line}: the {name} is empty — write one, or take the line out"
            );
        }
        let part = match split.map(cell) {
            None | Some([]) => None,
            Some(name) => Some(part(name).with_context(|| format!("{file}, line {line}"))?),
        };
        rows.push(Row {
            line,
            path: os_string(cell(path)),
            label: os_string(cell(label)),
            part,
        });
    }
    check_parts(&rows, &file)?;
    Ok(rows)
}

/// What separates the cells of the first line: spreadsheets write semicolons where numbers have commas.
fn delimiter(bytes: &[u8]) -> u8 {
    let first = bytes.split(|&byte| byte == b'\n').next();
    let first = first.unwrap_or_default();
    let is_there = |delimiter: &u8| first.contains(delimiter);
    *b",;\t".iter().find(|byte| is_there(byte)).unwrap_or(&b',')
}

/// Makes sure that there are rows, and that either none has a part or all have, some of them that of
/// training.
fn check_parts(rows: &[Row], file: &str) -> Result<()> {
    ensure!(
        !rows.is_empty(),
        "{file} lists no picture — add a line for each:\n\n{EXAMPLE}"
    );
    let Some(with_part) = rows.iter().find(|row| row.part.is_some()) else {
        return Ok(());
    };
    if let Some(without) = rows.iter().find(|row| row.part.is_none()) {
        bail!(
            "{file} tells the split of line {} but not of line {} — fill in the column, or leave it out",
            with_part.line,
            without.line
        );
    }
    ensure!(
        rows.iter().any(|row| row.part == Some(Part::Train)),
        "{file} lists pictures but none to train on: no split is `train` — mark those, or leave the \
         column out:\n\n{EXAMPLE}"
    );
    Ok(())
}

fn part(name: &[u8]) -> Result<Part> {
    let name = String::from_utf8_lossy(name);
    let known = part_named(&name);
    known.with_context(|| {
        let name = one_line(&name, 40);
        format!("the split is `{name}` — write train, validation or test")
    })
}

fn malformed(file: &str, error: &csv::Error) -> anyhow::Error {
    let line = error.position().map_or(0, csv::Position::line);
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => anyhow!(
            "{file}, line {line}, has {} where the first line has {expected_len} — put text that has \
             commas in double quotes",
            count(*len as usize, "cell")
        ),
        _ => anyhow!("{file} is not a CSV file: {error}"),
    }
}

#[cfg(unix)]
fn os_string(bytes: &[u8]) -> OsString {
    std::os::unix::ffi::OsStringExt::from_vec(bytes.to_vec())
}

/// Names are no bytes there.
#[cfg(not(unix))]
fn os_string(bytes: &[u8]) -> OsString {
    String::from_utf8_lossy(bytes).into_owned().into()
}

/// A picture may be listed again, as the same.
fn check_same(before: &Row, row: &Row, csv: &Path) -> Result<()> {
    let part_of = |row: &Row| row.part.map_or("", Part::name).into();
    let label_of = |row: &Row| shown_name(&row.label);
    let (what, value_of): (_, &dyn Fn(&Row) -> String) = if before.label != row.label {
        ("labels", &label_of)
    } else if before.part != row.part {
        ("splits", &part_of)
    } else {
        return Ok(());
    };
    bail!(
        "{} gives {} two {what}: {} in line {} and {} in line {} — keep one of the lines",
        shown(csv),
        shown_name(&row.path),
        value_of(before),
        before.line,
        value_of(row),
        row.line
    )
}

/// Where paths begin.
struct Roots<'a> {
    dir: &'a Path,
    /// The same without links.
    root: PathBuf,
    /// The way from `dir` down to the CSV file's folder.
    down: Option<PathBuf>,
    /// The way from there down to `dir`.
    up: Option<PathBuf>,
}

impl<'a> Roots<'a> {
    fn new(dir: &'a Path, csv: &Path) -> Result<Self> {
        let canonical = |path: &Path| {
            let place = path.canonicalize();
            place.with_context(|| format!("{} cannot be read — check its name", shown(path)))
        };
        let (root, csv) = (canonical(dir)?, canonical(csv)?);
        let place = csv.parent().unwrap_or(&csv);
        let way = |from: &Path, to: &Path| to.strip_prefix(from).map(Path::to_path_buf).ok();
        Ok(Self {
            dir,
            down: way(&root, place),
            up: way(place, &root),
            root,
        })
    }

    /// Where in `dir` the picture of a row is, if it is there.
    fn find(&self, row: &Row, csv: &Path) -> Result<Option<PathBuf>> {
        let slashes: Vec<u8> = (row.path.as_encoded_bytes().iter())
            .map(|&byte| if byte == b'\\' { b'/' } else { byte })
            .collect();
        for written in [row.path.clone(), os_string(&slashes)] {
            let path = Path::new(&written);
            let path = path.strip_prefix(&self.root).unwrap_or(path);
            let path = inner(path).with_context(|| {
                format!(
                    "{}, line {}: {} leads out of {} — write paths that begin there",
                    shown(csv),
                    row.line,
                    shown_name(&row.path),
                    shown(self.dir)
                )
            })?;
            let below = self.down.as_ref().map(|down| down.join(&path));
            let above = self.up.as_ref().and_then(|up| path.strip_prefix(up).ok());
            let above = above.map(Path::to_path_buf);
            let mut places = [Some(path.clone()), below, above].into_iter().flatten();
            if let Some(place) = places.find(|place| self.dir.join(place).is_file()) {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }
}

/// A path by its names alone; none if it is absolute or leads up.
fn inner(path: &Path) -> Option<PathBuf> {
    let names = path.components().filter(|part| *part != Component::CurDir);
    names
        .map(|part| match part {
            Component::Normal(name) => Some(name),
            _ => None,
        })
        .collect()
}
