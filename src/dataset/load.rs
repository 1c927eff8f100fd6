//! Finds a dataset's four files, reads them and gives the dataset its name.

use std::env;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail, ensure};

use rayon::prelude::*;

use super::assemble::{assemble, refuse_for_arrays};
use super::idx_files::{self, IdxSet};
use super::manifest::{self, Manifest, ManifestFile, not_published};
use super::parts::Arrays;
use super::source::Source;
use super::{
    CLASSES, Dataset, DatasetChoice, Event, FASHION_MNIST, FASHION_MNIST_CLASSES,
    FASHION_MNIST_SHAPE, Preparation, cifar, idx, name, npz, synthetic,
};
#[cfg(feature = "cli")]
use super::{fetch, pictures};

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
    /// Where images are kept that a user's pictures become. None if the user has no cache.
    pub pictures_dir: Option<PathBuf>,
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
            pictures_dir: dirs::cache_dir().map(|dir| dir.join("fmnist").join("pictures")),
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
    preparation: &Preparation,
    notify: &mut dyn FnMut(Event<'_>),
) -> crate::Result<Dataset> {
    load_from(
        choice,
        data_dir,
        preparation,
        &SearchPaths::of_user(),
        notify,
    )
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
    preparation: &Preparation,
    places: &SearchPaths,
    notify: &mut dyn FnMut(Event<'_>),
) -> crate::Result<Dataset> {
    Ok(find(choice, data_dir, preparation, places, notify)?)
}

fn find(
    choice: DatasetChoice,
    data_dir: Option<&Path>,
    preparation: &Preparation,
    places: &SearchPaths,
    notify: &mut dyn FnMut(Event<'_>),
) -> Result<Dataset> {
    let manifest = &places.manifest;
    if data_dir.is_none() {
        let name = match choice {
            DatasetChoice::Synthetic => synthetic::NAME,
            DatasetChoice::Auto | DatasetChoice::FashionMnist => &manifest.name,
        };
        refuse_for_arrays(name, preparation)?;
    }
    if choice == DatasetChoice::Synthetic {
        ensure!(
            data_dir.is_none(),
            "--data-dir names a folder, but --dataset synthetic reads none: leave one of them out"
        );
        return Ok(synthetic::dataset());
    }
    if let Some(dir) = data_dir {
        let others_allowed = choice == DatasetChoice::Auto;
        return read_named(dir, others_allowed, preparation, places, notify);
    }
    if let Some(dir) = places.found() {
        return read_published(&dir, "FMNIST_DATA_DIR", preparation, manifest, notify);
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
    read_published(cache, "the cache folder", preparation, manifest, notify)
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

/// Reads what a user names.
fn read_named(
    path: &Path,
    others_allowed: bool,
    preparation: &Preparation,
    places: &SearchPaths,
    notify: &mut dyn FnMut(Event<'_>),
) -> Result<Dataset> {
    let manifest = &places.manifest;
    let name = |path: &Path| name::of_folder(path, manifest);
    let source = match &preparation.labels {
        Some(_) => Source::Pictures(path.to_path_buf()),
        None => Source::find(path, notify)?,
    };
    match source {
        Source::Idx(set) => read_idx(path, &set, preparation, manifest, others_allowed, notify),
        _ if !others_allowed => bail!(
            "{} does not hold the files of {} — leave --dataset out to use what is there",
            path.display(),
            manifest.name
        ),
        Source::Npz(file) => {
            let stem = file.with_extension("");
            assemble(name(&stem), npz::read(&file)?, true, preparation, notify)
        }
        Source::Cifar(dir) => assemble(name(&dir), cifar::read(&dir)?, true, preparation, notify),
        #[cfg(feature = "cli")]
        Source::Pictures(dir) => {
            let cache = places.pictures_dir.as_deref().context(
                "pictures cannot be kept: this user has no cache folder — set XDG_CACHE_HOME",
            )?;
            pictures::read(&dir, name(&dir), preparation, cache, notify)
        }
        #[cfg(not(feature = "cli"))]
        Source::Pictures(dir) => bail!(
            "{} holds pictures, which fmnist without its feature `cli` does not read",
            dir.display()
        ),
    }
}

/// Reads a set of IDX files, which may be those of Fashion-MNIST.
fn read_idx(
    dir: &Path,
    set: &IdxSet,
    preparation: &Preparation,
    manifest: &Manifest,
    others_allowed: bool,
    notify: &mut dyn FnMut(Event<'_>),
) -> Result<Dataset> {
    let mut arrays = idx_files::read(set)?;
    if preparation.last_validate {
        // Earlier versions passed over those to validate with.
        arrays.parts.validation = None;
    }
    let paths = set.train.iter().chain(set.test.iter().flatten());
    let sums = sums_of(&arrays);
    let files: Vec<(&PathBuf, &ManifestFile)> = paths.zip(&manifest.files).collect();
    let foreign: Vec<_> = (files.iter().zip(&sums))
        .filter(|((_, file), sum)| file.raw.sha256 != **sum)
        .map(|((path, file), _)| (*path, *file))
        .collect();
    // Of Fashion-MNIST there are four files, and what is changed in one still is of garments.
    let is_whole = files.len() == manifest.files.len();
    let is_alike = arrays.shape == FASHION_MNIST_SHAPE && arrays.class_names.len() <= CLASSES;
    let of_garments = |arrays: Arrays| Arrays {
        class_names: FASHION_MNIST_CLASSES.map(str::to_owned).to_vec(),
        ..arrays
    };
    if is_whole && foreign.is_empty() {
        if arrays.parts.validation.take().is_some() {
            notify(Event::Note(&format!(
                "{} validates with images of its own: the files to validate with are passed over",
                manifest.name
            )));
        }
        let arrays = of_garments(arrays);
        return assemble(manifest.name.clone(), arrays, false, preparation, notify);
    }
    let has_validation = arrays.parts.validation.is_some();
    let mut dataset = match &foreign[..] {
        [(path, _), ..] if !others_allowed => Err(not_published(dir, path, manifest)),
        some if is_whole && is_alike && some.len() < files.len() => {
            let names: Vec<&str> = some.iter().map(|(_, file)| &*file.name).collect();
            let name = name::of_changed(manifest, &names);
            notify(Event::Warning(&format!(
                "not all files in {} are those of {}: this is another dataset, `{name}`",
                dir.display(),
                manifest.name
            )));
            assemble(name, of_garments(arrays), false, preparation, notify)
        }
        _ => {
            let folder = if dir.is_dir() {
                dir
            } else {
                dir.parent().unwrap_or(dir)
            };
            let name = match &*set.prefix {
                "" => name::of_folder(folder, manifest),
                prefix => prefix.to_owned(),
            };
            // Runs of every seed validate with the same images, as they test with the same.
            let of_any_seed = Preparation {
                seed: 0,
                ..preparation.clone()
            };
            let (with_validation, preparation) = match set.test {
                None => (true, preparation),
                Some(_) => (!preparation.last_validate, &of_any_seed),
            };
            assemble(name, arrays, with_validation, preparation, notify)
        }
    }?;
    if has_validation {
        // Else a run would be taken for one of an earlier version, which passed over them.
        dataset.preparation.get_or_insert_default();
    }
    Ok(dataset)
}

/// SHA-256 of the unpacked files of a set, in the order of the manifest.
fn sums_of(arrays: &Arrays) -> Vec<String> {
    let parts = [Some(&arrays.parts.train), arrays.parts.test.as_ref()];
    let sums = parts.into_par_iter().flatten().map(|part| {
        [
            idx::images_sum(
                arrays.shape,
                part.labels.len(),
                part.images.chunks_exact(arrays.shape.values()),
            ),
            idx::labels_sum(&part.labels),
        ]
    });
    sums.collect::<Vec<_>>().into_iter().flatten().collect()
}

/// Refuses a folder in which Fashion-MNIST is expected if it lacks a file of it.
fn check_complete(dir: &Path, origin: &str, manifest: &Manifest) -> Result<()> {
    for file in &manifest.files {
        if file.find(dir).is_some() {
            continue;
        }
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
            manifest.name,
            name = file.name
        );
    }
    Ok(())
}

/// Reads Fashion-MNIST from a folder that is named by `origin`.
fn read_published(
    dir: &Path,
    origin: &str,
    preparation: &Preparation,
    manifest: &Manifest,
    notify: &mut dyn FnMut(Event<'_>),
) -> Result<Dataset> {
    check_complete(dir, origin, manifest)?;
    let sets = idx_files::sets_in(dir)?;
    let own = sets.into_iter().find(|set| set.prefix.is_empty());
    let set = own.with_context(|| format!("{} has no dataset", dir.display()))?;
    read_idx(dir, &set, preparation, manifest, false, notify)
}
