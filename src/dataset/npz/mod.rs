//! Datasets in an NPZ file: a ZIP archive of NumPy arrays, as `numpy.savez` and
//! `numpy.savez_compressed` write it.
//!
//! The arrays have Keras's names (`x_train`, `y_train`, …) or MedMNIST's (`train_images`,
//! `train_labels`, …).
//!
//! Nothing the archive claims is believed before it is checked: no array may be larger than its packed
//! bytes can stand for, those of all arrays together not more than the file has, and an array's shape
//! must agree with its size. Pages of memory are touched only as values arrive.

use std::path::Path;

use anyhow::Context;
use rawzip::{FileReader, ReaderAt};
use rayon::prelude::*;

use self::archive::Archive;
use self::array::Array;
use self::header::Dtype;
use super::idx::MAX_ITEMS;
use super::parts::{self, Arrays, Labelled, MAX_CLASSES, Parts};
use super::{ImageShape, files};
use crate::Result;
use crate::error::{bail, ensure};
use crate::util::text::{count, one_line, thousands};

mod archive;
mod array;
mod header;

/// Characters of something in the file that a message shows.
const SHOWN: usize = 400;

/// Names of the images and labels to train on, to validate with and to test with.
type Layout = [[&'static str; 2]; 3];

const LAYOUTS: [Layout; 2] = [
    [
        ["x_train", "y_train"],
        ["x_val", "y_val"],
        ["x_test", "y_test"],
    ],
    [
        ["train_images", "train_labels"],
        ["val_images", "val_labels"],
        ["test_images", "test_labels"],
    ],
];

/// Reads the images and labels of an NPZ file.
///
/// # Errors
///
/// If it cannot be read, is damaged, has other arrays or arrays of another kind than the module says, or
/// is larger than memory.
pub fn read(path: &Path) -> Result<Arrays> {
    let name = path.display().to_string();
    let file = files::open(path)?.into_inner();
    let metadata = file.metadata();
    let length = metadata
        .with_context(|| format!("{name} could not be read"))?
        .len();
    read_archive(FileReader::from(file), length, &name)
}

/// Reads the images and labels of the bytes of an NPZ file, which is called `file` in errors.
///
/// # Errors
///
/// As of [`read`].
pub fn decode(bytes: &[u8], file: &str) -> Result<Arrays> {
    read_archive(bytes, bytes.len() as u64, file)
}

fn read_archive(input: impl ReaderAt, length: u64, file: &str) -> Result<Arrays> {
    let mut archive = Archive::open(input, length, file)?;
    let [train, validation, test] = layout(&archive)?;
    let train_part = read_part(&mut archive, train)?;
    let (shape, train_part) = train_part.with_context(|| format!("{file} has no {}", train[0]))?;
    let class_names = parts::numbered_classes(&train_part.labels);
    let classes_of = train[1];
    let mut others = [None, None];
    for (other, names) in others.iter_mut().zip([validation, test]) {
        let Some((other_shape, part)) = read_part(&mut archive, names)? else {
            continue;
        };
        let [images, labels] = names;
        ensure!(
            other_shape == shape,
            "{file}: {images} holds images of {other_shape}, but {} of {shape} — all images of a \
             dataset must have one size",
            train[0]
        );
        let source = format!("{file}: {labels}");
        parts::check_labels(&source, &part.labels, class_names.len(), classes_of)?;
        *other = Some(part);
    }
    let [validation, test] = others;
    Ok(Arrays {
        shape,
        class_names,
        parts: Parts {
            train: train_part,
            validation,
            test,
        },
    })
}

/// The layout whose names the arrays have.
fn layout<R: ReaderAt>(archive: &Archive<'_, R>) -> Result<Layout> {
    let names: Vec<&str> = archive.names().collect();
    let fits = |layout: &&Layout| {
        let (all, [[images, _], ..]) = (layout.as_flattened(), layout);
        names.contains(images) && names.iter().all(|name| all.contains(name))
    };
    if let Some(layout) = LAYOUTS.iter().find(fits) {
        return Ok(*layout);
    }
    let found = match names.is_empty() {
        true => "nothing".to_owned(),
        false => one_line(&names.join(", "), SHOWN),
    };
    let [keras, medmnist] = LAYOUTS.map(|layout| layout.as_flattened().join(", "));
    bail!(
        "{} holds {found} — expected are arrays named {keras}, or {medmnist}: those of train at least, \
         and no others",
        archive.file
    )
}

/// Reads images with their labels; none if there are neither.
fn read_part<R: ReaderAt>(
    archive: &mut Archive<'_, R>,
    [images, labels]: [&str; 2],
) -> Result<Option<(ImageShape, Labelled)>> {
    let file = archive.file;
    let pixels = archive.array(images)?.map(read_images).transpose()?;
    let classes = archive.array(labels)?.map(read_labels).transpose()?;
    let ((shape, pixels), classes) = match (pixels, classes) {
        (Some(pixels), Some(classes)) => (pixels, classes),
        (None, None) => return Ok(None),
        (Some(_), None) => bail!("{file} holds {images} but no {labels} — save both, or neither"),
        (None, Some(_)) => bail!("{file} holds {labels} but no {images} — save both, or neither"),
    };
    let image_count = pixels.len() / shape.values();
    ensure!(
        image_count == classes.len(),
        "{file}: {images} has {} but {labels} has {}; as many were expected",
        count(image_count, "image"),
        count(classes.len(), "label")
    );
    let part = Labelled {
        images: pixels,
        labels: classes,
    };
    Ok(Some((shape, part)))
}

fn read_images(array: Array<'_>) -> Result<(ImageShape, Vec<u8>)> {
    let (name, shown) = (array.name.clone(), array.shown_shape());
    let (images, height, width, channels) = match array.shape[..] {
        [images, height, width] => (images, height, width, 1),
        [images, height, width, channels @ (1 | 3)] => (images, height, width, channels),
        [_, 1 | 3, _, _] => bail!(
            "{name} has shape {shown} — channels must come last: save it by .transpose(0, 2, 3, 1)"
        ),
        _ => bail!(
            "{name} has shape {shown}; (images, height, width) of grey images, or (images, height, width, \
             3) of coloured ones, was expected"
        ),
    };
    ensure!(
        Dtype::parse(&array.descr).is_some_and(|dtype| (dtype.kind, dtype.bytes) == ('u', 1)),
        "{name} is of type {} — save images as uint8, from 0 (black) to 255: of values from 0 to 1, \
         (255 * images).round().astype('uint8')",
        one_line(&array.descr, SHOWN)
    );
    let shape = ImageShape {
        channels,
        height,
        width,
    };
    check_count(&name, images, "image")?;
    parts::check_shape(&name, shape)?;
    let mut values = array.values(1)?;
    if channels > 1 {
        channels_first(shape, &mut values);
    }
    Ok((shape, values))
}

fn read_labels(array: Array<'_>) -> Result<Vec<u16>> {
    let (name, shown) = (array.name.clone(), array.shown_shape());
    let labels = match array.shape[..] {
        [labels] | [labels, 1] => labels,
        [_, _] => bail!(
            "{name} has shape {shown}, several labels for each image — multi-label datasets cannot be \
             trained on; of one-hot labels save .argmax(axis=1)"
        ),
        _ => bail!("{name} has shape {shown}; (images,) or (images, 1) was expected"),
    };
    let dtype = Dtype::parse(&array.descr).filter(Dtype::is_integer);
    let dtype = dtype.with_context(|| {
        let descr = one_line(&array.descr, SHOWN);
        format!(
            "{name} is of type {descr} — save labels as whole numbers from 0 on: by .astype('int64'), or \
             of names numpy.unique(labels, return_inverse=True)[1]"
        )
    })?;
    check_count(&name, labels, "label")?;
    let values = array.values(dtype.bytes)?;
    let label = |(at, bytes)| -> Result<u16> {
        let value = dtype.integer(bytes);
        let label = u16::try_from(value).ok();
        let label = label.filter(|&label| usize::from(label) < MAX_CLASSES);
        Ok(label.with_context(|| {
            format!(
                "{name} has label {value} at position {at}; labels from 0 to {} were expected",
                MAX_CLASSES - 1
            )
        })?)
    };
    let values = values.chunks_exact(dtype.bytes).enumerate();
    values.map(label).collect()
}

fn check_count(name: &str, items: usize, item: &str) -> Result<()> {
    ensure!(items > 0, "{name} holds no {item}s");
    ensure!(
        items <= MAX_ITEMS,
        "{name} declares {}; at most {} were expected",
        count(items, item),
        thousands(MAX_ITEMS as u64)
    );
    Ok(())
}

/// Makes planes of the channels of each pixel.
fn channels_first(shape: ImageShape, images: &mut [u8]) {
    let (channels, pixels) = (shape.channels, shape.pixels());
    images.par_chunks_exact_mut(shape.values()).for_each_init(
        || vec![0; shape.values()],
        |source, image| {
            source.copy_from_slice(image);
            for (channel, plane) in image.chunks_exact_mut(pixels).enumerate() {
                for (value, pixel) in plane.iter_mut().zip(source.chunks_exact(channels)) {
                    *value = pixel[channel];
                }
            }
        },
    );
}
