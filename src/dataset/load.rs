//! Finds a dataset's four files, reads them and gives the dataset its name.

use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};

#[cfg(feature = "cli")]
use super::fetch;
use super::manifest::{self, Manifest, ManifestFile, not_published};
use super::{
    CLASSES, Dataset, DatasetChoice, DatasetDigest, Event, FASHION_MNIST, FASHION_MNIST_CLASSES,
    FASHION_MNIST_SHAPE, PIXELS, Split, idx, name, synthetic,
};
use crate::util::text::count;

const TRAIN_IMAGES: &str = "train-images-idx3-ubyte";
const TRAIN_LABELS: &str = "train-labels-idx1-ubyte";
const TEST_IMAGES: &str = "t10k-images-idx3-ubyte";
const TEST_LABELS: &str = "t10k-labels-idx1-ubyte";
const FILES: [&str; 4] = [TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS];

const READ_BUFFER: usize = 128 * 1024;

/// Where Fashion-MNIST is looked for when no `--data-dir` is given, in this order.
#[derive(Clone, Debug)]
pub struct SearchPaths {
    /// The folder in `FMNIST_DATA_DIR`: where it is set, nothing else is looked at.
    pub env_dir: Option<PathBuf>,
    /// `data/fashion-mnist/` under the current folder: used if all files are there.
    pub project_dir: PathBuf,
    /// The user's cache: what is not there is downloaded into it. None if the user has no such
    /// folder.
    pub cache_dir: Option<PathBuf>,
    /// What the files must be, and where they are downloaded from.
    pub manifest: Manifest,
}

impl SearchPaths {
    /// The places of this user and this current folder.
    pub fn of_user() -> Self {
        Self {
            env_dir: env::var_os("FMNIST_DATA_DIR")
                .filter(|dir| !dir.is_empty())
                .map(PathBuf::from),
            project_dir: PathBuf::from("data/fashion-mnist"),
            cache_dir: dirs::cache_dir().map(|dir| dir.join("fmnist").join("fashion-mnist")),
            manifest: Manifest::fashion_mnist(),
        }
    }

    /// The folder that [`load_from`] would read without downloading anything.
    pub fn found(&self) -> Option<PathBuf> {
        let complete = |dir: &&PathBuf| {
            self.manifest
                .files
                .iter()
                .all(|file| file.find(dir).is_some())
        };
        let shared = [Some(&self.project_dir), self.cache_dir.as_ref()];
        self.env_dir
            .clone()
            .or_else(|| shared.into_iter().flatten().find(complete).cloned())
    }
}

/// Loads the dataset a user asks for: from `data_dir` (`--data-dir`) if given, else from
/// [`SearchPaths::of_user`].
///
/// # Errors
///
/// See [`load_from`].
pub fn load(
    choice: DatasetChoice,
    data_dir: Option<&Path>,
    notify: &mut dyn FnMut(Event<'_>),
) -> Result<Dataset> {
    load_from(choice, data_dir, &SearchPaths::of_user(), notify)
}

/// Loads the dataset a user asks for: from `data_dir` if given, else from the first of `places`
/// that has it.
///
/// Files that hold what Fashion-MNIST's do, byte for byte, are `Fashion-MNIST`, packed in whatever
/// way. Others are taken from `data_dir` only, with [`DatasetChoice::Auto`]: under the folder's name if all
/// four are others, as a changed Fashion-MNIST if some are, after an [`Event::Warning`]. Where
/// [`DatasetChoice::Auto`] finds nothing and cannot download, the result is the synthetic stand-in, likewise
/// after a warning.
///
/// # Errors
///
/// If a folder that was named lacks a file, if a file is damaged or not of the format, if it is not
/// the dataset asked for, or if Fashion-MNIST was asked for and can neither be found nor
/// downloaded.
pub fn load_from(
    choice: DatasetChoice,
    data_dir: Option<&Path>,
    places: &SearchPaths,
    notify: &mut dyn FnMut(Event<'_>),
) -> Result<Dataset> {
    let manifest = &places.manifest;
    if choice == DatasetChoice::Synthetic {
        ensure!(
            data_dir.is_none(),
            "--data-dir names a folder, but --dataset synthetic reads none: leave one of them out"
        );
        return Ok(synthetic::dataset());
    }
    if let Some(dir) = data_dir {
        let others_allowed = choice == DatasetChoice::Auto;
        return read(dir, "--data-dir", manifest, others_allowed, notify);
    }
    if let Some(dir) = places.found() {
        return read(&dir, "FMNIST_DATA_DIR", manifest, false, notify);
    }
    let Some(cache) = &places.cache_dir else {
        let error = anyhow!(
            "{} cannot be downloaded: this user has no cache folder — set XDG_CACHE_HOME, or run \
             `fmnist data fetch --data-dir DIR` and name that folder by --data-dir or \
             FMNIST_DATA_DIR",
            manifest.name
        );
        return stand_in(choice, error, notify);
    };
    // Another dataset's file in the cache is an error, whereas a failed download may be made good.
    manifest::missing(cache, manifest)?;
    if let Err(error) = download(cache, manifest, notify) {
        return stand_in(choice, error, notify);
    }
    read(cache, "the cache folder", manifest, false, notify)
}

/// Completes what the cache has of Fashion-MNIST.
#[cfg(feature = "cli")]
fn download(cache: &Path, manifest: &Manifest, notify: &mut dyn FnMut(Event<'_>)) -> Result<()> {
    notify(Event::Note(&format!(
        "downloading {} to {}",
        manifest.name,
        cache.display()
    )));
    fetch::fetch(cache, manifest, fetch::PATIENCE, notify)
}

/// The library by itself has no client for HTTPS.
#[cfg(not(feature = "cli"))]
fn download(cache: &Path, manifest: &Manifest, _: &mut dyn FnMut(Event<'_>)) -> Result<()> {
    bail!(
        "{} is not on this machine, and fmnist without its feature `cli` downloads nothing — put \
         the four files into {}, or name their folder",
        manifest.name,
        cache.display()
    )
}

/// What there is when Fashion-MNIST is neither here nor to be had.
fn stand_in(
    choice: DatasetChoice,
    error: anyhow::Error,
    notify: &mut dyn FnMut(Event<'_>),
) -> Result<Dataset> {
    if choice == DatasetChoice::FashionMnist {
        return Err(error);
    }
    notify(Event::Warning(&format!(
        "NO REAL DATA: {error:#}. Going on with drawings made by this program, the dataset `{}`: \
         its results say nothing about {FASHION_MNIST}",
        synthetic::NAME
    )));
    Ok(synthetic::dataset())
}

/// Reads the four files of `dir`, which the user named by `origin`.
fn read(
    dir: &Path,
    origin: &str,
    manifest: &Manifest,
    others_allowed: bool,
    notify: &mut dyn FnMut(Event<'_>),
) -> Result<Dataset> {
    let [train_images, train_labels, test_images, test_labels] =
        FILES.map(|name| locate(dir, origin, manifest, name));
    let train = [train_images?, train_labels?];
    let test = [test_images?, test_labels?];
    let (trained, tested) = rayon::join(|| read_split(&train), || read_split(&test));
    let (train_split, train_sums) = trained?;
    let (test_split, test_sums) = tested?;
    let sums = train_sums.iter().chain(&test_sums);
    let foreign_files: Vec<&Located> = (train.iter().chain(&test).zip(sums))
        .filter(|(located, sum)| located.file.raw.sha256 != **sum)
        .map(|(located, _)| located)
        .collect();
    let of_garments = || FASHION_MNIST_CLASSES.map(str::to_owned).to_vec();
    let (name, class_names) = match &foreign_files[..] {
        [] => (manifest.name.clone(), of_garments()),
        [first, ..] if !others_allowed => return Err(not_published(dir, &first.path, manifest)),
        some if some.len() < FILES.len() => {
            let files: Vec<&str> = some.iter().map(|located| &*located.file.name).collect();
            let name = name::of_changed(manifest, &files);
            notify(Event::Warning(&format!(
                "not all files in {} are those of {}: this is another dataset, `{name}`",
                dir.display(),
                manifest.name
            )));
            (name, of_garments())
        }
        _ => {
            let classes = (0..CLASSES).map(|class| format!("class {class}"));
            (name::of_folder(dir, manifest), classes.collect())
        }
    };
    Ok(Dataset {
        name,
        class_names,
        digest: DatasetDigest::new(&train_sums, &test_sums),
        train: train_split,
        test: test_split,
    })
}

/// A file of a dataset on disk, with what it is in the manifest.
struct Located<'a> {
    path: PathBuf,
    file: &'a ManifestFile,
}

fn locate<'a>(dir: &Path, origin: &str, manifest: &'a Manifest, name: &str) -> Result<Located<'a>> {
    let Some(file) = manifest.files.iter().find(|file| file.name == name) else {
        bail!("the manifest of {} lacks {name}", manifest.name);
    };
    let Some(path) = file.find(dir) else {
        // A folder that may not be read seems to have nothing.
        if let Err(error) = fs::read_dir(dir)
            && error.kind() == ErrorKind::PermissionDenied
        {
            let dir = dir.display();
            return Err(error).with_context(|| {
                format!("{dir} ({origin}) cannot be read — name a folder that can")
            });
        }
        bail!(
            "{} ({origin}) has no {name}.gz nor {name} — put the dataset's four files there, or \
             leave {origin} out to have {} downloaded",
            dir.display(),
            manifest.name
        );
    };
    if let Some(other) = file.contradicted(dir, &path)? {
        bail!(
            "{} and {} do not hold the same — move the one away that is not meant",
            path.display(),
            other.display()
        );
    }
    Ok(Located { path, file })
}

/// Reads images and their labels; returns besides what [`Split::sums`] gives.
fn read_split([images, labels]: &[Located; 2]) -> Result<(Split, [String; 2])> {
    let split = Split {
        images: read_file(&images.path, |input, file| {
            idx::read_images(input, file, FASHION_MNIST_SHAPE)
        })?,
        labels: read_file(&labels.path, |input, file| {
            idx::read_labels(input, file, CLASSES)
        })?
        .into_iter()
        .map(|label| label as u8)
        .collect(),
        ..Split::empty(FASHION_MNIST_SHAPE, CLASSES)
    };
    let (image_count, label_count) = (split.images.len() / PIXELS, split.labels.len());
    ensure!(
        image_count == label_count,
        "{} has {} but {} has {}; as many were expected",
        images.path.display(),
        count(image_count, "image"),
        labels.path.display(),
        count(label_count, "label")
    );
    let sums = split.sums();
    Ok((split, sums))
}

/// A reader of [`idx`].
type Reader<T> = fn(&mut dyn BufRead, &str) -> Result<T>;

fn read_file<T>(path: &Path, reader: Reader<T>) -> Result<T> {
    let name = path.display().to_string();
    let input = File::open(path).with_context(|| format!("{name} could not be opened"))?;
    reader(&mut BufReader::with_capacity(READ_BUFFER, input), &name)
}
