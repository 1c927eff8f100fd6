//! The images of a part: in memory, or mapped from the cache's file where they are too many for it.

use anyhow::Result;

use super::Pictures;
use super::cache::ImageFile;
use crate::dataset::pictures::resize::grey_of;
use crate::dataset::{Images, Spec, Split};

/// The most bytes that a part's images may take in memory.
pub const MAX_IN_MEMORY: usize = 1 << 30;

impl Pictures {
    /// The images of these pictures: in memory if they take at most `most_in_memory` bytes, else mapped.
    pub fn split(&self, spec: Spec, pictures: &[usize], most_in_memory: usize) -> Result<Split> {
        let file = &self.images;
        let is_grey = |&index: &usize| self.info(index).is_some_and(|info| info.is_grey);
        // The first of a grey picture's three channels is the grey one.
        let is_in_file = spec.shape.channels == file.shape.channels || pictures.iter().all(is_grey);
        let is_large = pictures.len().saturating_mul(spec.shape.values()) > most_in_memory;
        let label = |&index: &usize| self.listing.files[index].label;
        Ok(Split {
            spec,
            images: match is_large && is_in_file {
                true => Images::Scattered {
                    bytes: file.map()?,
                    starts: pictures.iter().map(|&index| file.start(index)).collect(),
                },
                false => read(file, spec, pictures)?.into(),
            },
            labels: pictures.iter().map(label).collect(),
        })
    }
}

/// The images of these pictures, one after the other.
fn read(file: &ImageFile, spec: Spec, pictures: &[usize]) -> Result<Vec<u8>> {
    let mut images = Vec::with_capacity(pictures.len() * spec.shape.values());
    let mut image = Vec::new();
    for &index in pictures {
        match spec.shape.channels {
            1 => {
                image.clear();
                file.read(index, &mut image)?;
                grey_of(&image, &mut images);
            }
            _ => file.read(index, &mut images)?,
        }
    }
    Ok(images)
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::path::Path;

    use super::*;
    use crate::dataset::pictures::decode::decode;
    use crate::dataset::{ImageShape, Preparation, folder};

    const SIDE: usize = 9;

    /// A picture whose pixels all differ.
    fn write_png(path: &Path, first: u8, step: [u8; 3]) {
        let mut png = png::Encoder::new(File::create(path).unwrap(), SIDE as u32, SIDE as u32);
        png.set_color(png::ColorType::Rgb);
        let pixels = (0..(SIDE * SIDE) as u8)
            .flat_map(|pixel| step.map(|step| first.wrapping_add(pixel.wrapping_mul(step))));
        let pixels: Vec<u8> = pixels.collect();
        png.write_header()
            .unwrap()
            .write_image_data(&pixels)
            .unwrap();
    }

    #[test]
    fn images_in_the_file_are_those_in_memory() {
        for (channels, steps, is_in_file) in [
            (3, [1, 3, 7], true),
            (1, [3, 3, 3], true),
            // These become grey only when they are read.
            (1, [1, 3, 7], false),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let pictures = folder.path().join("pictures");
            for (class, first) in [("a", 10), ("b", 60)] {
                fs::create_dir_all(pictures.join(class)).unwrap();
                for index in 0..3 {
                    let path = pictures.join(class).join(format!("{index}.png"));
                    write_png(&path, first + 11 * index, steps);
                }
            }
            let listing = folder::scan(&pictures).unwrap();
            let preparation = Preparation::default();
            let file = decode(&listing, &preparation, folder.path(), &mut |_| {}).unwrap();
            let shape = ImageShape {
                channels,
                ..file.shape
            };
            let pictures = Pictures::new(listing, file);
            let chosen = [4, 0, 5, 1];
            let split = |most| pictures.split(Spec::new(shape, 2), &chosen, most).unwrap();
            let (large, small) = (split(0), split(MAX_IN_MEMORY));
            assert_eq!(large.images.are_scattered(), is_in_file);
            assert!(!small.images.are_scattered());
            assert_eq!(large.packed(), small.packed());
            assert_eq!(small.packed().len(), chosen.len() * channels * SIDE * SIDE);
            assert_eq!((&large.labels, large.sums()), (&small.labels, small.sums()));
            assert_eq!(large.labels, [1, 0, 1, 0]);
        }
    }
}
