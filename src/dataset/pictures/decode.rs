//! From the files of a folder to images of one size.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::xxh3_64;

use super::cache::{ImageFile, Info, Record, Stat, Writer, path_hash};
use crate::dataset::folder::{Entry, Listing};
use crate::dataset::{Event, ImageShape, Preparation, Resize};
use crate::picture::{self, Background, Picture};
use crate::util::in_order::in_order;
use crate::util::text::line;

/// Pictures that are looked at together to find the size of all.
const AT_ONCE: usize = 128;
/// Pictures after which progress is told.
const TELL_EVERY: usize = 32;
/// Images that wait for one before them to be written take so many bytes at most, unless they are these few.
const AHEAD_BYTES: usize = 64 << 20;
const LEAST_AHEAD: usize = 64;
/// Side of the images if nobody says it.
const USUAL_SIDE: usize = 64;
/// The sides that pictures keep.
const SIDES: RangeInclusive<usize> = 8..=USUAL_SIDE;
/// What is made of pictures changes with it.
const VERSION: u32 = 1;

/// Makes an image of each picture of a folder, unless the cache has it; the records are in the order
/// of the listing.
///
/// # Errors
///
/// If the cache cannot be written.
pub fn decode(
    listing: &Listing,
    preparation: &Preparation,
    cache: &Path,
    notify: &mut dyn FnMut(Event<'_>),
) -> Result<ImageFile> {
    let path = cache.join(file_name(&listing.root, preparation));
    let mut earlier = ImageFile::open(&path).ok();
    let is_all = |images: &mut ImageFile| {
        Work::new(listing, preparation, Some(images)).is_all_known() && images.is_whole()
    };
    if let Some(images) = earlier.take_if(is_all) {
        return Ok(images);
    }
    let work = Work::new(listing, preparation, earlier.as_ref());
    let shape = work.shape();
    let mut writer = Writer::new(&path, shape)?;
    let total = listing.files.len();
    let at_most_ahead = (AHEAD_BYTES / shape.values()).max(LEAST_AHEAD);
    notify(Event::Decoding { done: 0, total });
    in_order(
        total,
        at_most_ahead,
        |index| work.image(index, shape),
        |index, (record, image)| {
            writer.push(record, &image)?;
            let done = index + 1;
            if done.is_multiple_of(TELL_EVERY) {
                notify(Event::Decoding { done, total });
            }
            Ok(())
        },
    )?;
    notify(Event::Decoding { done: total, total });
    writer.finish()
}

/// The file of the cache for a folder and what decides how its images look.
fn file_name(root: &Path, preparation: &Preparation) -> PathBuf {
    let root = root.canonicalize().unwrap_or_else(|_| root.to_path_buf());
    let image_size = preparation.image_size;
    let resize = preparation.resize.unwrap_or_default();
    let sum = Sha256::new()
        .chain_update(root.as_os_str().as_encoded_bytes())
        .chain_update(format!(
            "\0{VERSION} {image_size:?} {resize:?} {:?}",
            preparation.labels
        ));
    let name = format!("{:x}", sum.finalize());
    PathBuf::from(&name[..32]).with_extension("images")
}

/// What is to be done.
struct Work<'a> {
    listing: &'a Listing,
    side: Option<usize>,
    resize: Resize,
    earlier: Option<Earlier<'a>>,
    /// Of each picture its file, and the record of it among the earlier images.
    known: Vec<(Option<Stat>, Option<usize>)>,
}

/// ImageFile of the cache, which may be those of other pictures.
struct Earlier<'a> {
    images: &'a ImageFile,
    by_path: HashMap<u64, usize>,
    by_file: HashMap<u64, usize>,
}

impl<'a> Work<'a> {
    fn new(
        listing: &'a Listing,
        preparation: &Preparation,
        earlier: Option<&'a ImageFile>,
    ) -> Self {
        let earlier = earlier.map(|images| {
            let (by_path, by_file) = images.known();
            Earlier {
                images,
                by_path,
                by_file,
            }
        });
        let known = |entry: &Entry| {
            let stat = Stat::of(&listing.root.join(&entry.path)).ok();
            let record = earlier.as_ref().and_then(|earlier| {
                let record = *earlier.by_path.get(&path_hash(&entry.path))?;
                let known = &earlier.images.records[record];
                // What could not be read is tried again.
                (known.file.is_some() && Some(known.stat) == stat).then_some(record)
            });
            (stat, record)
        };
        Self {
            side: preparation.image_size,
            resize: preparation.resize.unwrap_or_default(),
            known: listing.files.par_iter().map(known).collect(),
            earlier,
            listing,
        }
    }

    /// Whether the earlier images are those of the same pictures in the same order.
    fn is_all_known(&self) -> bool {
        let known = self.known.iter().map(|(_, record)| *record);
        let records = |earlier: &Earlier<'_>| earlier.images.records.len();
        known.eq((0..self.earlier.as_ref().map_or(0, records)).map(Some))
    }

    fn path(&self, index: usize) -> PathBuf {
        self.listing.root.join(&self.listing.files[index].path)
    }

    /// The size of the images, in colour.
    fn shape(&self) -> ImageShape {
        let side = self.side.unwrap_or(USUAL_SIDE);
        let common = match self.side {
            Some(_) => None,
            None => self.common_size(),
        };
        let [width, height] = common.unwrap_or([side, side]);
        ImageShape {
            channels: 3,
            height,
            width,
        }
    }

    /// Width and height of all pictures that can be read, if they are the same and small.
    fn common_size(&self) -> Option<[usize; 2]> {
        let mut common = None;
        let mut first = 0;
        // Most folders are decided by the first picture.
        let mut len = 1;
        while first < self.known.len() {
            let chunk = first..(first + len).min(self.known.len());
            (first, len) = (chunk.end, AT_ONCE);
            let sizes: Vec<_> = chunk
                .into_par_iter()
                .filter_map(|index| self.size(index))
                .collect();
            for size in sizes {
                let is_usable = size.iter().all(|side| SIDES.contains(side));
                if !is_usable || *common.get_or_insert(size) != size {
                    return None;
                }
            }
        }
        common
    }

    /// Width and height of picture number `index`, if it can be read.
    fn size(&self, index: usize) -> Option<[usize; 2]> {
        if let (Some(earlier), Some(record)) = (&self.earlier, self.known[index].1) {
            let outcome = &earlier.images.records[record].outcome;
            return outcome.as_ref().ok().map(|info| info.size);
        }
        let (picture, _) = picture::load(&self.path(index), Background::White).ok()?;
        Some([picture.width, picture.height])
    }

    /// The record and the image of picture number `index`.
    fn image(&self, index: usize, shape: ImageShape) -> (Record, Vec<u8>) {
        let (stat, known) = self.known[index];
        if let Some(again) = known.and_then(|record| self.again(record, shape)) {
            return again;
        }
        let path = self.path(index);
        let name = line(&self.listing.files[index].path.to_string_lossy());
        let bytes = picture::read(&path, &name);
        let file = bytes.as_ref().ok().map(|bytes| xxh3_64(bytes));
        let record = |outcome| Record {
            path: path_hash(&self.listing.files[index].path),
            stat: stat.unwrap_or_default(),
            file,
            outcome,
        };
        // Under another name, or touched.
        let same = self
            .earlier
            .as_ref()
            .and_then(|earlier| earlier.by_file.get(&file?));
        if let Some((known, image)) = same.and_then(|same| self.again(*same, shape))
            && known.outcome.is_ok()
        {
            return (record(known.outcome), image);
        }
        let decoded = bytes.and_then(|bytes| picture::decode(&bytes, &name, Background::White));
        match decoded {
            Ok((picture, format)) => {
                let image = picture.to_image(shape, self.resize);
                let info = info(&picture, format, &image);
                (record(Ok(info)), image)
            }
            Err(error) => (record(Err(format!("{error:#}"))), Vec::new()),
        }
    }

    /// An earlier record and its image, if that has the right size.
    fn again(&self, record: usize, shape: ImageShape) -> Option<(Record, Vec<u8>)> {
        let images = self.earlier.as_ref()?.images;
        let mut image = Vec::new();
        if images.records[record].outcome.is_ok() {
            if images.shape != shape {
                return None;
            }
            images.read(record, &mut image).ok()?;
        }
        Some((images.records[record].clone(), image))
    }
}

fn info(picture: &Picture, format: picture::Format, image: &[u8]) -> Info {
    let content = picture.content_hash();
    Info {
        content: [(content >> 64) as u64, content as u64],
        size: [picture.width, picture.height],
        format,
        is_grey: picture.is_grey(),
        image: xxh3_64(image),
    }
}
