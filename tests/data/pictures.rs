//! Folders of pictures as datasets: decoded, checked, split and brought to one size.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use fmnist::dataset::manifest::Manifest;
use fmnist::dataset::parts::Part;
use fmnist::dataset::{
    Dataset, DatasetChoice, Event, ImageShape, Preparation, Resize, SearchPaths, Split, load_from,
};

use crate::common::pictures::{grey_png, png};

/// A folder for pictures, and one for the cache.
struct World {
    root: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("photos")).unwrap();
        Self { root }
    }

    fn photos(&self) -> std::path::PathBuf {
        self.root.path().join("photos")
    }

    fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let path = self.photos().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// The dataset, and what was said.
    fn load(&self, preparation: &Preparation) -> Result<(Dataset, Vec<String>), String> {
        let places = SearchPaths {
            env_dir: None,
            project_dir: self.root.path().join("nowhere"),
            cache_dir: None,
            pictures_dir: Some(self.root.path().join("cache")),
            manifest: Manifest::fashion_mnist(),
        };
        let mut said = Vec::new();
        let mut notify = |event: Event<'_>| match event {
            Event::Note(text) | Event::Warning(text) => said.push(text.to_owned()),
            Event::Decoding { done, total } => said.push(format!("{done}/{total}")),
            Event::Download { .. } => {}
        };
        let photos = self.photos();
        load_from(
            DatasetChoice::Auto,
            Some(&photos),
            preparation,
            &places,
            &mut notify,
        )
        .map(|dataset| (dataset, said))
        .map_err(|error| format!("{error:#}"))
    }

    fn dataset(&self) -> Dataset {
        self.load(&Preparation::default()).unwrap().0
    }
}

/// A picture in one colour, with one pixel that makes it differ from others.
fn colored(width: usize, height: usize, rgb: [u8; 3], nth: u8) -> Vec<u8> {
    let mut samples = rgb.repeat(width * height);
    samples[0] = nth;
    png(
        width,
        height,
        png::ColorType::Rgb,
        png::BitDepth::Eight,
        &samples,
    )
}

/// Two classes of so many pictures each, in red and in blue.
fn two_classes(world: &World, count: u8) {
    for nth in 0..count {
        world.write(
            &format!("red/{nth}.png"),
            colored(20, 20, [200, 10, 10], nth),
        );
        world.write(
            &format!("blue/{nth}.png"),
            colored(20, 20, [10, 10, 200], nth),
        );
    }
}

fn sizes(dataset: &Dataset) -> [usize; 3] {
    let validation = dataset.validation.as_ref().map_or(0, Split::len);
    [dataset.train.len(), validation, dataset.test.len()]
}

/// The part of each picture, by its path.
fn parts(dataset: &Dataset) -> BTreeMap<String, Part> {
    let inventory = dataset.inventory.as_ref().unwrap();
    let pictures = inventory.pictures.iter();
    pictures
        .map(|picture| (picture.path.to_string_lossy().into_owned(), picture.part))
        .collect()
}

fn cache_files(world: &World) -> BTreeSet<String> {
    fs::read_dir(world.root.path().join("cache"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn pictures_become_images_of_their_classes() {
    let world = World::new();
    two_classes(&world, 30);
    let dataset = world.dataset();
    assert_eq!(dataset.name, "photos");
    assert_eq!(dataset.class_names, ["blue", "red"]);
    let shape = ImageShape {
        channels: 3,
        height: 20,
        width: 20,
    };
    assert_eq!(dataset.train.spec.shape, shape);
    assert_eq!(sizes(&dataset).iter().sum::<usize>(), 60);
    assert!(
        sizes(&dataset).iter().all(|size| *size >= 2),
        "{:?}",
        sizes(&dataset)
    );
    for split in [
        &dataset.train,
        dataset.validation.as_ref().unwrap(),
        &dataset.test,
    ] {
        for index in 0..split.len() {
            let image = split.image(index);
            let expected = match split.labels[index] {
                0 => [10, 10, 200],
                _ => [200, 10, 10],
            };
            // The last pixel of each channel.
            assert_eq!([image[399], image[799], image[1199]], expected);
        }
    }
    // As many of both: the mean is in the middle, and the deviation half of the distance.
    let [red, green, _] = dataset.train.spec.channels;
    assert!(
        (90..120).contains(&red.mean) && (90..97).contains(&red.std),
        "{red:?}"
    );
    assert_eq!((green.mean, green.std), (10, 1));
}

#[test]
fn a_second_run_decodes_nothing_and_is_the_same() {
    let world = World::new();
    two_classes(&world, 10);
    let (first, said) = world.load(&Preparation::default()).unwrap();
    assert_eq!(said, ["0/20", "20/20"]);
    let (second, said) = world.load(&Preparation::default()).unwrap();
    assert!(said.is_empty(), "{said:?}");
    assert_eq!(first.digest, second.digest);
    assert_eq!(first.train, second.train);
    assert_eq!(cache_files(&world).len(), 1);

    // Another size has another file; a picture that is added changes the one of its rule.
    let small = Preparation {
        image_size: Some(8),
        ..Preparation::default()
    };
    assert_eq!(world.load(&small).unwrap().0.train.spec.shape.width, 8);
    assert_eq!(cache_files(&world).len(), 2);
    world.write("red/new.png", colored(20, 20, [200, 10, 10], 99));
    let (third, said) = world.load(&Preparation::default()).unwrap();
    assert_eq!(said, ["0/21", "21/21"]);
    assert_eq!(sizes(&third).iter().sum::<usize>(), 21);
    assert_eq!(cache_files(&world).len(), 2);
}

/// Whatever is in a file of the cache, the result is that of the pictures.
#[test]
fn a_damaged_cache_is_made_anew() {
    let world = World::new();
    two_classes(&world, 10);
    let good = world.dataset();
    let name = cache_files(&world).into_iter().next().unwrap();
    let path = world.root.path().join("cache").join(name);
    let whole = fs::read(&path).unwrap();
    let index = whole.len() - 200;
    for (what, bytes) in [
        ("empty", Vec::new()),
        ("cut off", whole[..whole.len() / 2].to_vec()),
        ("without its end", whole[..whole.len() - 1].to_vec()),
        (
            "another index",
            [&whole[..index], b"x", &whole[index + 1..]].concat(),
        ),
        ("other bytes", vec![7; whole.len()]),
    ] {
        fs::write(&path, bytes).unwrap();
        assert_eq!(world.dataset().train, good.train, "{what}");
        assert_eq!(fs::read(&path).unwrap().len(), whole.len(), "{what}");
    }
    // One byte of one image.
    let mut changed = whole.clone();
    changed[1000] ^= 1;
    fs::write(&path, changed).unwrap();
    assert_eq!(world.dataset().train, good.train);
    assert_eq!(fs::read(&path).unwrap()[..2000], whole[..2000]);
}

/// As when two files are put right that had each other's class.
#[cfg(unix)]
#[test]
fn files_that_change_places_are_seen_though_size_and_time_stay() {
    let world = World::new();
    for nth in 0..10 {
        for (class, tint) in [("a", 10), ("b", 200)] {
            let path = format!("{class}/{nth}.bmp");
            world.write(&path, bmp(20, 20, [tint, nth, 5]));
            let file = fs::File::options()
                .write(true)
                .open(world.photos().join(path))
                .unwrap();
            file.set_modified(std::time::SystemTime::UNIX_EPOCH)
                .unwrap();
        }
    }
    let before = world.dataset();
    let [a, b] = ["a/3.bmp", "b/3.bmp"].map(|path| world.photos().join(path));
    let between = world.root.path().join("between");
    for (from, to) in [(&a, &between), (&b, &a), (&between, &b)] {
        fs::rename(from, to).unwrap();
    }
    let after = world.dataset();
    assert_ne!(before.digest, after.digest);
}

/// A BMP file of 24 bits per pixel in one colour; all of a size are of one length.
#[cfg(unix)]
fn bmp(width: usize, height: usize, bgr: [u8; 3]) -> Vec<u8> {
    let row = (3 * width).next_multiple_of(4);
    let mut file = b"BM".to_vec();
    for value in [54 + row * height, 0, 54, 40, width, height] {
        file.extend((value as u32).to_le_bytes());
    }
    file.extend([1, 0, 24, 0]);
    file.extend([0; 24]);
    for _ in 0..height {
        let mut line = bgr.repeat(width);
        line.resize(row, 0);
        file.extend(line);
    }
    file
}

#[test]
fn parts_without_pictures_are_an_error_before_training() {
    let world = World::new();
    two_classes(&world, 2);
    let error = world.load(&Preparation::default()).map(drop).unwrap_err();
    assert!(error.contains("has nothing to validate with"), "{error}");
    let world = World::new();
    two_classes(&world, 30);
    let one_group = Preparation {
        group_by: Some("[a-z]".to_owned()),
        ..Preparation::default()
    };
    let error = world.load(&one_group).map(drop).unwrap_err();
    assert!(error.contains("all of one group"), "{error}");
    let no_group = Preparation {
        group_by: Some("person".to_owned()),
        ..Preparation::default()
    };
    let error = world.load(&no_group).map(drop).unwrap_err();
    assert!(
        error.contains("--group-by person: it is found in no path of"),
        "{error}"
    );
}

#[test]
fn a_changed_picture_is_seen_by_its_time_or_size() {
    let world = World::new();
    two_classes(&world, 10);
    let before = world.dataset();
    world.write("red/3.png", colored(20, 20, [0, 255, 0], 77));
    let after = world.dataset();
    assert_ne!(before.digest, after.digest);
    let (before, after) = (before.inventory.unwrap(), after.inventory.unwrap());
    let contents = |pictures: &[fmnist::dataset::inventory::Picture]| -> BTreeSet<u128> {
        pictures.iter().map(|picture| picture.content).collect()
    };
    let (before, after) = (contents(&before.pictures), contents(&after.pictures));
    assert_eq!(before.difference(&after).count(), 1);
}

#[test]
fn sizes_follow_the_pictures_or_the_flag() {
    let shape = |world: &World, preparation: &Preparation| {
        let shape = world.load(preparation).unwrap().0.train.spec.shape;
        (shape.channels, shape.height, shape.width)
    };
    let auto = Preparation::default();
    // All of one size: theirs, square or not.
    let world = World::new();
    for nth in 0..10 {
        for class in ["a", "b"] {
            world.write(
                &format!("{class}/{nth}.png"),
                colored(30, 12, [1, 2, 3], nth * 2 + class.as_bytes()[0]),
            );
        }
    }
    assert_eq!(shape(&world, &auto), (3, 12, 30));
    let fixed = Preparation {
        image_size: Some(16),
        channels: Some(1),
        ..auto.clone()
    };
    assert_eq!(shape(&world, &fixed), (1, 16, 16));
    // One that differs, or is large: 64.
    world.write("a/other.png", colored(31, 12, [1, 2, 3], 0));
    assert_eq!(shape(&world, &auto), (3, 64, 64));
    // All are grey: one channel.
    let world = World::new();
    for nth in 0..10 {
        world.write(&format!("a/{nth}.png"), grey_png(65, 65, &[nth; 65 * 65]));
        world.write(
            &format!("b/{nth}.png"),
            colored(65, 65, [90 + nth; 3], 90 + nth),
        );
    }
    assert_eq!(shape(&world, &auto), (1, 64, 64));
}

#[test]
fn padding_cropping_and_stretching_differ() {
    let world = World::new();
    for nth in 0..4 {
        // White above, black below.
        let mut samples = vec![255; 80 * 40];
        samples[40 * 40 + usize::from(nth)..].fill(0);
        world.write(&format!("a/{nth}.png"), grey_png(40, 80, &samples));
        world.write(
            &format!("b/{nth}.png"),
            grey_png(40, 80, &[100 + nth; 80 * 40]),
        );
    }
    let image = |resize| {
        let preparation = Preparation {
            image_size: Some(8),
            resize: Some(resize),
            ..Preparation::default()
        };
        let train = world.load(&preparation).unwrap().0.train;
        let index = train.labels.iter().position(|label| *label == 0).unwrap();
        train.image(index).to_vec()
    };
    let rows = |image: &[u8], column: usize| -> Vec<u8> {
        image.chunks(8).map(|row| row[column]).collect()
    };
    let padded = image(Resize::Pad);
    assert_eq!(rows(&padded, 0), [0; 8]);
    assert_eq!(rows(&padded, 3)[..4], [255; 4]);
    let cropped = image(Resize::Crop);
    assert_eq!(rows(&cropped, 0)[..4], [255; 4]);
    assert_eq!(rows(&cropped, 0)[5..], [0; 3]);
    let stretched = image(Resize::Stretch);
    assert_eq!(rows(&stretched, 0)[..4], [255; 4]);
}

#[test]
fn parts_that_folders_tell_are_kept_and_missing_ones_made() {
    let world = World::new();
    for nth in 0..40 {
        for class in ["a", "b"] {
            let color = if class == "a" { [9, 0, 0] } else { [0, 9, 0] };
            world.write(
                &format!("Train/{class}/{nth}.png"),
                colored(20, 20, color, nth),
            );
        }
    }
    for nth in 40..50 {
        world.write(
            &format!("test/a/{nth}.png"),
            colored(20, 20, [9, 0, 0], nth),
        );
        world.write(
            &format!("test/b/{nth}.png"),
            colored(20, 20, [0, 9, 0], nth),
        );
    }
    let dataset = world.dataset();
    let [train, validation, test] = sizes(&dataset);
    assert_eq!((train + validation, test), (80, 20));
    assert!((2..20).contains(&validation), "{validation}");
    for (path, part) in parts(&dataset) {
        assert_eq!(path.starts_with("test"), part == Part::Test, "{path}");
    }
    // What is asked for.
    let preparation = Preparation {
        validation: Some(30),
        ..Preparation::default()
    };
    let asked = sizes(&world.load(&preparation).unwrap().0)[1];
    assert!((18..43).contains(&asked), "{asked}");
    let none_left = Preparation {
        validation: Some(80),
        ..Preparation::default()
    };
    let error = world.load(&none_left).map(drop).unwrap_err();
    assert!(error.contains("none would be left to train on"), "{error}");
}

#[test]
fn a_picture_in_two_parts_is_taken_out_of_training() {
    let world = World::new();
    for nth in 0..20 {
        world.write(
            &format!("train/a/{nth}.png"),
            colored(20, 20, [9, 0, 0], nth),
        );
        world.write(
            &format!("train/b/{nth}.png"),
            colored(20, 20, [0, 9, 0], nth),
        );
    }
    for (nth, class) in [(0, "a"), (1, "b")] {
        for part in ["valid", "test"] {
            let name = format!("{part}/{class}/{part}.png");
            world.write(&name, colored(20, 20, [1, 1, 1 + nth], part.as_bytes()[0]));
        }
    }
    // The same pixels in another file.
    let mut pixels = [9, 0, 0].repeat(400);
    pixels[0] = 7;
    let rgba: Vec<u8> = pixels
        .chunks(3)
        .flat_map(|rgb| [rgb[0], rgb[1], rgb[2], 255])
        .collect();
    world.write(
        "test/a/again.png",
        png(20, 20, png::ColorType::Rgba, png::BitDepth::Eight, &rgba),
    );
    // One to validate with and to test with.
    for part in ["valid", "test"] {
        world.write(&format!("{part}/b/same.png"), colored(20, 20, [3, 3, 3], 0));
    }
    // And one under two labels.
    world.write("train/b/odd.png", colored(20, 20, [9, 0, 0], 8));
    let dataset = world.dataset();
    assert_eq!(sizes(&dataset), [40, 3, 4]);
    let inventory = dataset.inventory.unwrap();
    assert_eq!(inventory.skipped.len(), 1);
    assert_eq!(inventory.skipped[0].path, Path::new("train/a/7.png"));
    assert_eq!(
        inventory.skipped[0].reason,
        "it is the same picture as test/a/again.png in test"
    );
    assert_eq!(
        dataset.warnings,
        [
            "1 picture to train on is also in another part, and taken out of training:\n   \
             train/a/7.png and test/a/again.png",
            "1 picture to validate with is also to test with, and left in both parts:\n   \
             valid/b/same.png and test/b/same.png",
            "1 pair of the same picture has different classes, of which one must be wrong:\n   \
             train/a/8.png and train/b/odd.png",
        ]
    );
}

#[test]
fn what_cannot_be_read_is_left_out_up_to_a_share() {
    let world = World::new();
    two_classes(&world, 30);
    let whole = colored(20, 20, [200, 10, 10], 200);
    world.write("red/cut.png", &whole[..whole.len() / 2]);
    world.write("red/empty.png", b"");
    world.write("blue/photo.heic", b"\0\0\0\x18ftypheic\0\0\0\0");
    let (dataset, _) = world.load(&Preparation::default()).unwrap();
    let inventory = dataset.inventory.as_ref().unwrap();
    let skipped: Vec<String> = inventory
        .skipped
        .iter()
        .map(|skipped| skipped.reason.clone())
        .collect();
    assert_eq!(skipped.len(), 3);
    assert!(
        skipped[0].contains("blue/photo.heic is a HEIC picture"),
        "{skipped:?}"
    );
    assert!(skipped[1].contains("red/cut.png is cut off"), "{skipped:?}");
    assert!(skipped[2].contains("red/empty.png is empty"), "{skipped:?}");
    assert!(dataset.warnings[0].starts_with("3 pictures cannot be read and are left out:"));
    assert_eq!(sizes(&dataset).iter().sum::<usize>(), 60);

    let strict = Preparation {
        strict: true,
        ..Preparation::default()
    };
    let error = world.load(&strict).map(drop).unwrap_err();
    assert!(error.starts_with("3 of 63 pictures in "), "{error}");
    world.write("red/more.png", b"no picture");
    let error = world.load(&Preparation::default()).map(drop).unwrap_err();
    assert!(
        error.contains("more than 5.00 % — mend or remove them"),
        "{error}"
    );
}

#[test]
fn a_class_of_which_nothing_can_be_read_is_an_error() {
    let world = World::new();
    two_classes(&world, 40);
    world.write("green/1.png", b"no picture");
    world.write("green/2.png", b"none either");
    let error = world.load(&Preparation::default()).map(drop).unwrap_err();
    assert!(
        error.starts_with("of “green” no picture to train on is left in "),
        "{error}"
    );
}

#[test]
fn groups_stay_in_one_part() {
    let world = World::new();
    for person in 0..30 {
        for class in ["left", "right"] {
            for shot in 0..3 {
                let nth = person * 6 + shot * 2 + u8::from(class == "left");
                let name = format!("{class}/p{person:02}_{shot}.png");
                world.write(&name, colored(20, 20, [50, 60, 70], nth));
            }
        }
    }
    let preparation = Preparation {
        group_by: Some("(p[0-9]+)_".to_owned()),
        seed: 3,
        ..Preparation::default()
    };
    let dataset = world.load(&preparation).unwrap().0;
    let mut of_person: BTreeMap<String, BTreeSet<Part>> = BTreeMap::new();
    for (path, part) in parts(&dataset) {
        let person = path.split('/').nth(1).unwrap()[..3].to_owned();
        of_person.entry(person).or_default().insert(part);
    }
    assert_eq!(of_person.len(), 30);
    assert!(of_person.values().all(|parts| parts.len() == 1));
    assert!(sizes(&dataset).iter().all(|size| *size > 0));
    let bad = Preparation {
        group_by: Some("(".to_owned()),
        ..Preparation::default()
    };
    let error = world.load(&bad).map(drop).unwrap_err();
    assert!(
        error.starts_with("--group-by (: this is no regular expression"),
        "{error}"
    );
}

#[test]
fn adding_a_picture_moves_no_other() {
    let world = World::new();
    two_classes(&world, 60);
    let before = parts(&world.dataset());
    for nth in 0..5 {
        world.write(
            &format!("red/new{nth}.png"),
            colored(20, 20, [1, 2, 3], nth),
        );
    }
    let after = parts(&world.dataset());
    assert_eq!(after.len(), before.len() + 5);
    for (path, part) in before {
        assert_eq!(after[&path], part, "{path}");
    }
}

#[test]
fn the_folder_is_never_written_to() {
    let world = World::new();
    two_classes(&world, 10);
    let listed = || -> BTreeSet<String> {
        let mut paths = BTreeSet::new();
        for class in ["red", "blue"] {
            for entry in fs::read_dir(world.photos().join(class)).unwrap() {
                paths.insert(entry.unwrap().path().display().to_string());
            }
        }
        for entry in fs::read_dir(world.photos()).unwrap() {
            paths.insert(entry.unwrap().path().display().to_string());
        }
        paths
    };
    let before = listed();
    world.dataset();
    assert_eq!(listed(), before);
}
