//! Finds a dataset's four files, reads them and gives the dataset its name.

use std::env;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, anyhow, bail, ensure};
use sha2::{Digest, Sha256};

use super::manifest::{self, Manifest, ManifestFile, not_published};
use super::{CLASSES, Choice, Dataset, Event, FASHION_MNIST, PIXELS, Split, fetch, idx, synthetic};

const TRAIN_IMAGES: &str = "train-images-idx3-ubyte";
const TRAIN_LABELS: &str = "train-labels-idx1-ubyte";
const TEST_IMAGES: &str = "t10k-images-idx3-ubyte";
const TEST_LABELS: &str = "t10k-labels-idx1-ubyte";
const FILES: [&str; 4] = [TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS];

const READ_BUFFER: usize = 128 * 1024;

/// Where Fashion-MNIST is looked for when no `--data-dir` is given, in this order.
#[derive(Clone, Debug)]
pub struct Places {
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

impl Places {
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
/// [`Places::of_user`].
///
/// # Errors
///
/// See [`load_from`].
pub fn load(
    choice: Choice,
    data_dir: Option<&Path>,
    notify: &mut dyn FnMut(Event<'_>),
) -> Result<Dataset> {
    load_from(choice, data_dir, &Places::of_user(), notify)
}

/// Loads the dataset a user asks for: from `data_dir` if given, else from the first of `places`
/// that has it.
///
/// Files that are Fashion-MNIST's, byte for byte, are `Fashion-MNIST`. Others are taken from
/// `data_dir` only, with [`Choice::Auto`], under the folder's name. Where [`Choice::Auto`] finds
/// nothing and cannot download, the result is the synthetic stand-in, after an [`Event::Warning`].
///
/// # Errors
///
/// If a folder that was named lacks a file, if a file is damaged or not of the format, if it is not
/// the dataset asked for, or if Fashion-MNIST was asked for and can neither be found nor
/// downloaded.
pub fn load_from(
    choice: Choice,
    data_dir: Option<&Path>,
    places: &Places,
    notify: &mut dyn FnMut(Event<'_>),
) -> Result<Dataset> {
    let manifest = &places.manifest;
    if choice == Choice::Synthetic {
        ensure!(
            data_dir.is_none(),
            "--data-dir names a folder, but --dataset synthetic reads none: leave one of them out"
        );
        return Ok(synthetic::dataset());
    }
    if let Some(dir) = data_dir {
        let others_allowed = choice == Choice::Auto;
        return read(dir, "--data-dir", manifest, others_allowed);
    }
    if let Some(dir) = places.found() {
        return read(&dir, "FMNIST_DATA_DIR", manifest, false);
    }
    let Some(cache) = &places.cache_dir else {
        let error = anyhow!(
            "{} cannot be downloaded: this user has no cache folder",
            manifest.name
        );
        return stand_in(choice, error, notify);
    };
    // Another dataset's file in the cache is an error, whereas a failed download may be made good.
    manifest::missing(cache, manifest)?;
    notify(Event::Note(&format!(
        "downloading {} to {}",
        manifest.name,
        cache.display()
    )));
    if let Err(error) = fetch::fetch(cache, manifest, fetch::PATIENCE, notify) {
        return stand_in(choice, error, notify);
    }
    read(cache, "the cache folder", manifest, false)
}

/// What there is when Fashion-MNIST is neither here nor to be had.
fn stand_in(
    choice: Choice,
    error: anyhow::Error,
    notify: &mut dyn FnMut(Event<'_>),
) -> Result<Dataset> {
    if choice == Choice::FashionMnist {
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
fn read(dir: &Path, origin: &str, manifest: &Manifest, others_allowed: bool) -> Result<Dataset> {
    let [train_images, train_labels, test_images, test_labels] =
        FILES.map(|name| locate(dir, origin, manifest, name));
    let train = (train_images?, train_labels?);
    let test = (test_images?, test_labels?);
    let (train, test) = thread::scope(|scope| {
        let test = scope.spawn(|| read_split(&test.0, &test.1));
        let train = read_split(&train.0, &train.1);
        (train, test.join())
    });
    let (train, mut strangers) = train?;
    let (test, more) =
        test.map_err(|_| anyhow!("reading {} ended unexpectedly", dir.display()))??;
    strangers.extend(more);
    if strangers.is_empty() {
        return Ok(Dataset::of_garments(&manifest.name, train, test));
    }
    if !others_allowed || strangers.len() < FILES.len() {
        return Err(not_published(&strangers[0], manifest));
    }
    Ok(Dataset {
        name: name_of(dir),
        class_names: std::array::from_fn::<_, CLASSES, _>(|class| format!("class {class}")),
        train,
        test,
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
        bail!(
            "{} ({origin}) has no {name}.gz nor {name}: put the dataset's four files there, or \
             leave {origin} out to have {} downloaded",
            dir.display(),
            manifest.name
        );
    };
    Ok(Located { path, file })
}

/// Reads images and their labels; returns besides the paths of the files that are not the
/// manifest's.
fn read_split(images: &Located, labels: &Located) -> Result<(Split, Vec<PathBuf>)> {
    let mut strangers = Vec::new();
    let split = Split {
        images: read_file(images, idx::read_images, &mut strangers)?,
        labels: read_file(labels, idx::read_labels, &mut strangers)?,
    };
    let (image_count, label_count) = (split.images.len() / PIXELS, split.labels.len());
    ensure!(
        image_count == label_count,
        "{} has {image_count} images but {} has {label_count} labels; as many were expected",
        images.path.display(),
        labels.path.display()
    );
    Ok((split, strangers))
}

/// A reader of [`idx`].
type Reader = fn(&mut dyn BufRead, &str) -> Result<Vec<u8>>;

fn read_file(located: &Located, reader: Reader, strangers: &mut Vec<PathBuf>) -> Result<Vec<u8>> {
    let Located { path, file } = located;
    let name = path.display().to_string();
    let input = File::open(path).with_context(|| format!("{name} could not be opened"))?;
    let mut hasher = Sha256::new();
    let input = Hashing {
        input,
        hasher: &mut hasher,
    };
    let data = reader(&mut BufReader::with_capacity(READ_BUFFER, input), &name)?;
    if manifest::hex(hasher) != file.fingerprint(path).sha256 {
        strangers.push(path.clone());
    }
    Ok(data)
}

/// Hashes what is read through it. The readers of [`idx`] read to the end of the file, or fail.
struct Hashing<'a, R> {
    input: R,
    hasher: &'a mut Sha256,
}

impl<R: Read> Read for Hashing<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}

/// The name of another dataset: its folder's, made fit to be printed, and never that of
/// [`FASHION_MNIST`].
fn name_of(dir: &Path) -> String {
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let name = dir.file_name().unwrap_or(dir.as_os_str()).to_string_lossy();
    let name = name.replace(char::is_control, "\u{fffd}");
    let letters = name.replace(|c: char| !c.is_alphanumeric(), "");
    if letters.eq_ignore_ascii_case("fashionmnist")
        || letters.to_lowercase().starts_with("synthetic")
    {
        format!("{name} (another dataset)")
    } else {
        name
    }
}
