//! The test images of a run and what its models say of them, and their files.
//!
//! ```text
//! test-images.gz  test-labels.gz     IDX files
//! {dense,cnn}/probabilities.npy      [images, classes], f32
//! ```

use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::dataset::{Spec, Split, idx};
use crate::export::npy;
use crate::report::evaluation::{Probabilities, argmax, confidence};
use crate::util::whole_file;

/// Bytes of a packed file of images, or of one of probabilities: forty thousand of the largest images in
/// colour, packed badly.
const FILE_LIMIT: u64 = 8 << 30;

/// All that an evaluation is made from, and the images for a report.
pub struct TestSet {
    /// Images and labels.
    pub split: Split,
    /// Each model's probabilities of each image, in the order in which the models are shown.
    pub probabilities: Vec<Probabilities>,
}

impl TestSet {
    /// Writes the files of `models` into a run's folder.
    ///
    /// # Errors
    ///
    /// If a file cannot be written.
    pub fn write(&self, folder: &Path, models: &[&str]) -> Result<()> {
        let images = idx::pack_images(self.split.spec.shape, &self.split.packed())?;
        whole_file::write(&folder.join("test-images.gz"), &images)?;
        let labels = idx::pack_labels(&self.split.labels)?;
        whole_file::write(&folder.join("test-labels.gz"), &labels)?;
        for (model, rows) in models.iter().zip(&self.probabilities) {
            let path = folder.join(model).join("probabilities.npy");
            whole_file::write(&path, &npy::encode(rows))?;
        }
        Ok(())
    }

    /// Reads what [`write`](Self::write) wrote of `models`, with images as `spec` says.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, is damaged, or is of other images or classes.
    pub fn read(folder: &Path, models: &[&str], spec: Spec) -> Result<Self> {
        let packed = |name: &str| -> Result<(String, Vec<u8>)> {
            let path = folder.join(name);
            Ok((
                path.display().to_string(),
                whole_file::read(&path, FILE_LIMIT)?,
            ))
        };
        let (file, images) = packed("test-images.gz")?;
        let images = idx::read_images(&mut &images[..], &file, spec.shape)?;
        let (file, labels) = packed("test-labels.gz")?;
        let labels = idx::read_labels(&mut &labels[..], &file, spec.classes)?;
        let fits = |len: usize| len == labels.len();
        ensure!(
            fits(images.len() / spec.shape.values()),
            "{file} and test-images.gz are of different images — write its results anew with `fmnist train --resume`"
        );
        let probabilities = models.iter().map(|model| {
            let path = folder.join(model).join("probabilities.npy");
            let bytes = whole_file::read(&path, FILE_LIMIT)?;
            let rows = npy::decode(&bytes, spec.classes)
                .with_context(|| format!("{} is damaged", path.display()))?;
            ensure!(
                fits(rows.len()),
                "{} is of other images than test-images.gz — write its results anew with `fmnist train --resume`",
                path.display()
            );
            Ok(rows)
        });
        Ok(Self {
            probabilities: probabilities.collect::<Result<_>>()?,
            split: Split {
                spec,
                images: images.into(),
                labels,
            },
        })
    }

    /// Orders images by how sure a model is of its prediction, the surest first; of equals, the first
    /// in the test set.
    pub fn sort_by_confidence(&self, model: usize, images: &mut [usize]) {
        let of = |image: usize| confidence(self.probabilities[model].row(image));
        let mut ranked: Vec<_> = images.iter().map(|image| (of(*image), *image)).collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        for (place, (_, image)) in images.iter_mut().zip(ranked) {
            *place = image;
        }
    }

    /// The images that `model` gets right and `other` wrong, the most striking first: those where
    /// the other is surest of its mistake.
    pub fn only_right(&self, model: usize, other: usize) -> Vec<usize> {
        let right = |model: usize, image: usize| {
            argmax(self.probabilities[model].row(image)) == usize::from(self.split.labels[image])
        };
        let mut images: Vec<usize> = (0..self.split.len())
            .filter(|&image| right(model, image) && !right(other, image))
            .collect();
        self.sort_by_confidence(other, &mut images);
        images
    }
}
