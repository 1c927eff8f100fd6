//! From the arrays of files to a dataset: with the parts that the files lack.

use anyhow::{Result, ensure};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::assign::{self, Item, Shares};
use super::duplicates::{self, Duplicates};
use super::parts::{self, Arrays, Labelled, Part};
use super::{
    Dataset, DatasetDigest, Event, FASHION_MNIST_SHAPE, ImageShape, Preparation, SIDES, Spec, Split,
};
use crate::util::text::{count, first_five};

/// A dataset of arrays. Where there are no images to validate or to test with, some of those to train
/// on are taken for it; to validate with only if `with_validation`, else that is left to training.
///
/// # Errors
///
/// If flags ask for what only pictures have, or for more images than there are.
pub fn assemble(
    name: String,
    arrays: Arrays,
    with_validation: bool,
    preparation: &Preparation,
    notify: &mut dyn FnMut(Event<'_>),
) -> Result<Dataset> {
    refuse_for_arrays(&name, preparation)?;
    let Arrays {
        shape,
        class_names,
        parts,
    } = arrays;
    let spec = Spec::new(shape, class_names.len());
    let split = |part: Labelled| Split {
        spec,
        images: part.images.into(),
        labels: part.labels,
    };
    let mut train = split(parts.train);
    let [mut validation, mut test] = [parts.validation, parts.test].map(|part| part.map(split));
    let mut given = vec![Part::Train];
    // Else training holds some out by itself.
    given.extend((validation.is_some() || !with_validation).then_some(Part::Validation));
    given.extend(test.is_some().then_some(Part::Test));
    let asked = match with_validation {
        true => preparation.clone(),
        false => Preparation::default(),
    };
    let shares = Shares::wanted(&name, &given, train.len(), &asked)?;
    let is_complete = shares.are_none();
    let mut warnings = Vec::new();
    // Fashion-MNIST's parts and classes are known.
    if with_validation {
        let splits = [Some(&train), validation.as_ref(), test.as_ref()];
        let contents = splits.map(|split| split.map(contents).unwrap_or_default());
        let parts = match is_complete {
            true => vec![Part::Train; train.len()],
            false => assigned(&train, &contents[0], preparation.seed, shares),
        };
        warnings = repeated(&class_names, splits, contents, &parts);
        for (split, part, verb) in [
            (&mut validation, Part::Validation, "validate"),
            (&mut test, Part::Test, "test"),
        ] {
            if parts.contains(&part) {
                let made = taken(&train, &parts, part);
                notify(Event::Note(&format!(
                    "{name} has no images to {verb} with: {} of those to train on are taken",
                    count(made.len(), "image")
                )));
                *split = Some(made);
            }
        }
        if !is_complete {
            train = taken(&train, &parts, Part::Train);
        }
    }
    let spec = spec.measured(&train);
    let with_spec = |split: Split| Split { spec, ..split };
    let train = with_spec(train);
    let validation = validation.map(with_spec);
    let test = with_spec(test.unwrap_or_else(|| Split::empty(spec)));
    if with_validation {
        parts::check_held_out(&name, validation.as_ref().map_or(0, Split::len), test.len())?;
    }
    check_spec(&name, spec)?;
    check_classes(
        &name,
        &class_names,
        &train,
        [validation.as_ref(), Some(&test)],
    )?;
    let is_like_fashion_mnist = is_light_on_black(&train);
    let sums = validation.as_ref().map(Split::sums);
    Ok(Dataset {
        name,
        class_names,
        digest: DatasetDigest::new(&train.sums(), sums.as_ref(), &test.sums()),
        preparation: (!is_complete || !is_like_fashion_mnist).then(|| Preparation {
            resize: (!is_like_fashion_mnist).then(|| preparation.resize.unwrap_or_default()),
            ..preparation.clone().without_parts_if(is_complete)
        }),
        inventory: None,
        warnings,
        train,
        validation,
        test,
    })
}

/// Refuses images that no model is trained on.
fn check_spec(name: &str, spec: Spec) -> Result<()> {
    let Spec { shape, classes, .. } = spec;
    ensure!(
        classes >= 2,
        "{name} has images of one class only — add those of others"
    );
    ensure!(
        SIDES.contains(&shape.height) && SIDES.contains(&shape.width),
        "{name} has images of {shape}; sides of {} to {} are trained on — bring them to such a size",
        SIDES.start(),
        SIDES.end()
    );
    Ok(())
}

/// Refuses classes that nothing teaches.
fn check_classes(
    name: &str,
    class_names: &[String],
    train: &Split,
    held_out: [Option<&Split>; 2],
) -> Result<()> {
    let taught = train.class_counts();
    let mut asked = vec![0; taught.len()];
    for split in held_out.into_iter().flatten() {
        (asked.iter_mut().zip(split.class_counts())).for_each(|(sum, count)| *sum += count);
    }
    let classes = class_names.iter().zip(taught.iter().zip(asked));
    let untaught = classes.filter(|(_, (taught, asked))| **taught == 0 && *asked > 0);
    let untaught = first_five(
        untaught.map(|(class, (_, asked))| format!("“{}” ({})", class, count(asked, "image"))),
    );
    ensure!(
        untaught.is_empty(),
        "{name} has images to validate or to test with but none to train on of {untaught} — add some, or \
         leave the class out"
    );
    Ok(())
}

/// Refuses flags that are for pictures.
pub fn refuse_for_arrays(name: &str, preparation: &Preparation) -> Result<()> {
    let flags = [
        ("--image-size", preparation.image_size.is_some()),
        ("--channels", preparation.channels.is_some()),
        ("--labels", preparation.labels.is_some()),
        ("--group-by", preparation.group_by.is_some()),
    ];
    for (flag, given) in flags {
        ensure!(
            !given,
            "{flag} is for folders of pictures, and {name} holds images of one size — name such a folder, or \
             leave {flag} out"
        );
    }
    Ok(())
}

/// A hash of each image.
fn contents(images: &Split) -> Vec<u128> {
    let content = |index: usize| {
        let hash = Sha256::digest(images.image(index));
        let bytes = hash.first_chunk().copied().unwrap_or_default();
        u128::from_le_bytes(bytes)
    };
    (0..images.len()).into_par_iter().map(content).collect()
}

/// The part of each image.
fn assigned(images: &Split, contents: &[u128], seed: u64, shares: Shares) -> Vec<Part> {
    let item = |(&label, &content)| Item {
        label,
        content,
        group: None,
    };
    let items: Vec<Item<'_>> = images.labels.iter().zip(contents).map(item).collect();
    assign::assign(&items, seed, shares)
}

/// What there is to say of images that are there more than once, in these parts of the files, of which those to
/// train on get others. They are named by the part that files have them in, and by their place there, from 0 on.
fn repeated(
    class_names: &[String],
    splits: [Option<&Split>; 3],
    contents: [Vec<u128>; 3],
    parts: &[Part],
) -> Vec<String> {
    let mut names = Vec::new();
    let mut items = Vec::new();
    for ((given, split), contents) in Part::ALL.into_iter().zip(splits).zip(contents) {
        let labels = split.iter().flat_map(|split| &split.labels);
        for (nth, (&label, content)) in labels.zip(contents).enumerate() {
            items.push(duplicates::Item {
                content,
                index: names.len(),
                label,
                part: match given {
                    Part::Train => parts[nth],
                    _ => given,
                },
            });
            names.push((given, nth, label));
        }
    }
    Duplicates::of(items).warnings("image", false, |index| {
        let (given, nth, label) = names[index];
        let class = &class_names[usize::from(label)];
        format!("{} image {nth} (“{class}”)", given.name())
    })
}

/// The images of a part.
fn taken(images: &Split, parts: &[Part], part: Part) -> Split {
    let (mut bytes, mut labels) = (Vec::new(), Vec::new());
    for (index, of) in parts.iter().enumerate() {
        if *of == part {
            bytes.extend_from_slice(images.image(index));
            labels.push(images.labels[index]);
        }
    }
    Split {
        spec: images.spec,
        images: bytes.into(),
        labels,
    }
}

/// Whether these are images like Fashion-MNIST's: small and grey, of light things on black, as their
/// outermost pixels tell.
fn is_light_on_black(images: &Split) -> bool {
    let ImageShape { height, width, .. } = images.spec.shape;
    if images.spec.shape != FASHION_MNIST_SHAPE {
        return false;
    }
    let is_outermost = |index: &usize| {
        let (x, y) = (index % width, index / width);
        x == 0 || y == 0 || x + 1 == width || y + 1 == height
    };
    let outermost: Vec<usize> = (0..width * height).filter(is_outermost).collect();
    let black = (0..images.len())
        .map(|image| {
            let image = images.image(image);
            outermost.iter().filter(|&&index| image[index] == 0).count()
        })
        .sum::<usize>();
    2 * black > outermost.len() * images.len()
}
