//! CIFAR-10 and CIFAR-100 in their binary form, and other datasets in the same files.
//!
//! A file is a row of records: a byte with the label (in CIFAR-100 two, the coarse one and the fine one,
//! which is taken), then 32×32 bytes each of red, green and blue, row by row.

use std::fs;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow};

use super::idx::MAX_ITEMS;
use super::parts::{self, Arrays, Labelled, MAX_CLASSES, Parts};
use super::{ImageShape, files};
use crate::Result;
use crate::error::{bail, ensure};
use crate::util::text;

const SHAPE: ImageShape = ImageShape {
    channels: 3,
    height: 32,
    width: 32,
};
const VALUES: usize = 3 * 32 * 32;

/// The two file formats: CIFAR-10 and CIFAR-100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `data_batch_1.bin` and so on, `test_batch.bin`, `batches.meta.txt`.
    Cifar10,
    /// `train.bin`, `test.bin`, `fine_label_names.txt`.
    Cifar100,
}

impl Form {
    const ALL: [Self; 2] = [Self::Cifar10, Self::Cifar100];

    /// Bytes before an image; the last of them is its label.
    fn label_bytes(self) -> usize {
        match self {
            Self::Cifar10 => 1,
            Self::Cifar100 => 2,
        }
    }

    fn record(self) -> usize {
        self.label_bytes() + VALUES
    }

    fn test_file(self) -> &'static str {
        match self {
            Self::Cifar10 => "test_batch.bin",
            Self::Cifar100 => "test.bin",
        }
    }

    fn names_file(self) -> &'static str {
        match self {
            Self::Cifar10 => "batches.meta.txt",
            Self::Cifar100 => "fine_label_names.txt",
        }
    }

    /// What `dir` has of the files to train on, in the order of their numbers.
    fn train_files(self, dir: &Path) -> Vec<PathBuf> {
        let mut files = match self {
            Self::Cifar10 => numbered_batches(dir),
            Self::Cifar100 => vec![(0, dir.join("train.bin"))],
        };
        files.sort();
        let files = files.into_iter().map(|(_, path)| path);
        files.filter(|path| path.is_file()).collect()
    }

    /// Whether a file is a row of whole records, by its size.
    fn is_whole(self, path: &Path) -> bool {
        fs::metadata(path)
            .is_ok_and(|file| file.len() > 0 && file.len() % self.record() as u64 == 0)
    }

    /// Whether `dir` has files of this form to train on: by their names, and, where other datasets have
    /// such names too, by a size of whole records.
    fn is_in(self, dir: &Path) -> bool {
        let files = self.train_files(dir);
        match self {
            Self::Cifar10 => !files.is_empty(),
            Self::Cifar100 => files.iter().any(|path| self.is_whole(path)),
        }
    }
}

/// The files `data_batch_N.bin` of a folder with their numbers.
fn numbered_batches(dir: &Path) -> Vec<(u32, PathBuf)> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let batch = |entry: fs::DirEntry| {
        let name = entry.file_name();
        let number = name.to_str()?.strip_prefix("data_batch_")?;
        Some((number.strip_suffix(".bin")?.parse().ok()?, entry.path()))
    };
    entries.filter_map(batch).collect()
}

/// Whether a folder has CIFAR's files to train on.
pub fn is_in(dir: &Path) -> bool {
    Form::ALL.iter().any(|form| form.is_in(dir))
}

/// Reads the files of a folder: those to train on that are there, in the order of their numbers, those
/// to test with and the names of the classes if they are there.
///
/// # Errors
///
/// If there are none to train on, or those of both forms, if a file cannot be read, is cut off or has no
/// image, or if there are more labels than names.
pub fn read(dir: &Path) -> Result<Arrays> {
    let forms: Vec<Form> = Form::ALL
        .into_iter()
        .filter(|form| form.is_in(dir))
        .collect();
    let form = match forms[..] {
        [form] => form,
        [] => bail!(
            "{} has no data_batch_1.bin of CIFAR-10 nor train.bin of CIFAR-100 of whole records — \
             unpack the binary version of the dataset there",
            dir.display()
        ),
        _ => bail!(
            "{} has files of CIFAR-10 and of CIFAR-100 — put them into folders of their own",
            dir.display()
        ),
    };
    let train_files = form.train_files(dir);
    let train = read_files(form, &train_files)?;
    let test_file = dir.join(form.test_file());
    let test = match test_file.is_file() {
        true => Some(read_files(form, std::slice::from_ref(&test_file))?),
        false => None,
    };
    let names_file = dir.join(form.names_file());
    let (class_names, classes_of) = match names_file.is_file() {
        true => {
            let text = files::read_text(&names_file)?;
            let file = names_file.display().to_string();
            (parse_names(&text, &file)?, &names_file)
        }
        false => (parts::numbered_classes(&train.labels), &train_files[0]),
    };
    let classes_of = classes_of.display().to_string();
    let check = |file: &Path, part: &Labelled| {
        let file = file.display().to_string();
        parts::check_labels(&file, &part.labels, class_names.len(), &classes_of)
    };
    check(dir, &train)?;
    if let Some(test) = &test {
        check(&test_file, test)?;
    }
    Ok(Arrays {
        shape: SHAPE,
        class_names,
        parts: Parts {
            train,
            validation: None,
            test,
        },
    })
}

/// Reads files one after the other.
fn read_files(form: Form, files: &[PathBuf]) -> Result<Labelled> {
    let mut images = 0;
    for path in files {
        let name = path.display();
        let metadata = fs::metadata(path).with_context(|| format!("{name} could not be read"))?;
        images += metadata.len() / form.record() as u64;
        ensure!(
            images <= MAX_ITEMS as u64,
            "{name} has more images than a dataset may have, {MAX_ITEMS} — leave some out"
        );
    }
    let mut part = Labelled::default();
    part.images
        .try_reserve_exact(images as usize * VALUES)
        .map_err(|_| anyhow!("{images} images do not fit into this machine's memory"))?;
    for path in files {
        read_records(
            &mut files::open(path)?,
            &path.display().to_string(),
            form,
            &mut part,
        )?;
    }
    Ok(part)
}

/// Appends the images and labels of a file to `part`. `file` is its name in errors.
///
/// # Errors
///
/// If it has no record or ends within one, if there are too many, and any error of `input`.
pub fn read_records(
    input: &mut dyn Read,
    file: &str,
    form: Form,
    part: &mut Labelled,
) -> Result<()> {
    let mut buffer = [0; 2 + VALUES];
    let record = &mut buffer[..form.record()];
    let mut records: usize = 0;
    loop {
        let have = fill(input, record).with_context(|| format!("{file} could not be read"))?;
        if have == 0 {
            break;
        }
        ensure!(
            have == record.len(),
            "{file} is cut off: it ends after {have} of the {} bytes of record {records} — download or \
             unpack it again",
            record.len()
        );
        ensure!(
            part.labels.len() < MAX_ITEMS,
            "{file} has more images than a dataset may have, {MAX_ITEMS} — leave some out"
        );
        let (labels, image) = record.split_at(form.label_bytes());
        part.labels
            .extend(labels.last().map(|&label| u16::from(label)));
        part.images.extend_from_slice(image);
        records += 1;
    }
    ensure!(records > 0, "{file} holds no images");
    Ok(())
}

/// Fills the buffer as far as there are bytes; returns how far.
fn fill(input: &mut dyn Read, buffer: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// The names of the classes: one in each line of the text of `file`.
///
/// # Errors
///
/// If a line has none, or if there are too many.
pub fn parse_names(text: &str, file: &str) -> Result<Vec<String>> {
    let names: Vec<String> = text
        .trim_end()
        .lines()
        .map(|line| text::line(line.trim()))
        .collect();
    if let Some(at) = names.iter().position(String::is_empty) {
        bail!(
            "{file} has no name in line {} — write one in each line",
            at + 1
        );
    }
    ensure!(
        names.len() <= MAX_CLASSES,
        "{file} has {} names — a dataset has at most {MAX_CLASSES} classes",
        names.len()
    );
    Ok(names)
}
