//! Which dataset is loaded from where, and under what name.
//!
//! The tests on real data read Fashion-MNIST from the folder in `FMNIST_DATA_DIR`.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::common::idx_files::{fingerprint, gzip, images_file, labels_file};
use flate2::{Compression, GzBuilder};
use fmnist::dataset::manifest::{Manifest, ManifestFile, State, verify};
use fmnist::dataset::{
    Dataset, DatasetChoice, Event, FASHION_MNIST_CLASSES, FASHION_MNIST_SPEC, Preparation,
    SearchPaths, Split, load_from,
};
use tempfile::TempDir;

const NAMES: [&str; 4] = [
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
];

/// The four files, unpacked, of a dataset of 30 and 10 images.
fn files(seed: u8) -> [Vec<u8>; 4] {
    let pixels = |n: usize| {
        (0..n * 784)
            .map(|i| (i as u8).wrapping_mul(7).wrapping_add(seed))
            .collect::<Vec<u8>>()
    };
    let labels = |n: u8| {
        (0..n)
            .map(|i| i.wrapping_add(seed) % 10)
            .collect::<Vec<u8>>()
    };
    [
        images_file(&pixels(30)),
        labels_file(&labels(30)),
        images_file(&pixels(10)),
        labels_file(&labels(10)),
    ]
}

fn write_packed(dir: &Path, files: &[Vec<u8>; 4]) {
    fs::create_dir_all(dir).unwrap();
    for (name, file) in NAMES.iter().zip(files) {
        fs::write(dir.join(format!("{name}.gz")), gzip(file)).unwrap();
    }
}

/// A world in which the small dataset of `files(0)` is what Fashion-MNIST is in ours, with no way
/// to download it.
struct World {
    root: TempDir,
    places: SearchPaths,
}

impl World {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        // A port that nobody listens on.
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let files = NAMES.iter().zip(files(0)).map(|(name, file)| ManifestFile {
            name: (*name).to_owned(),
            gz: fingerprint(&gzip(&file)),
            raw: fingerprint(&file),
        });
        let places = SearchPaths {
            env_dir: None,
            project_dir: root.path().join("project"),
            cache_dir: Some(root.path().join("cache")),
            pictures_dir: None,
            manifest: Manifest {
                name: "Fashion-MNIST".to_owned(),
                mirrors: vec![format!("http://127.0.0.1:{port}/")],
                files: files.collect(),
            },
        };
        Self { root, places }
    }

    fn dir(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn load(&self, choice: DatasetChoice, data_dir: Option<&Path>) -> Result<Dataset, String> {
        self.load_as(choice, data_dir, &Preparation::default())
    }

    fn load_as(
        &self,
        choice: DatasetChoice,
        data_dir: Option<&Path>,
        preparation: &Preparation,
    ) -> Result<Dataset, String> {
        load_from(choice, data_dir, preparation, &self.places, &mut |_| {})
            .map_err(|error| format!("{error:#}"))
    }

    #[track_caller]
    fn assert_fashion_mnist(&self, choice: DatasetChoice, data_dir: Option<&Path>) {
        let dataset = self.load(choice, data_dir).unwrap();
        assert_eq!(dataset.name, "Fashion-MNIST");
        assert_eq!(dataset.class_names, FASHION_MNIST_CLASSES);
        assert_eq!((dataset.train.len(), dataset.test.len()), (30, 10));
        assert_eq!(*dataset.train.packed(), files(0)[0][16..]);
        assert_eq!(bytes(&dataset.test.labels), files(0)[3][8..]);
    }

    #[track_caller]
    fn assert_error(&self, choice: DatasetChoice, data_dir: Option<&Path>, expected: &[&str]) {
        let message = self.load(choice, data_dir).unwrap_err();
        for part in expected {
            assert!(message.contains(part), "`{part}` is not in: {message}");
        }
    }
}

const BOTH: [DatasetChoice; 2] = [DatasetChoice::Auto, DatasetChoice::FashionMnist];

#[test]
fn fashion_mnist_is_found_in_each_place() {
    for choice in BOTH {
        for place in ["given", "project", "cache"] {
            let world = World::new();
            let dir = world.dir(place);
            write_packed(&dir, &files(0));
            world.assert_fashion_mnist(choice, (place == "given").then_some(&*dir));
        }
        let mut world = World::new();
        write_packed(&world.dir("env"), &files(0));
        world.places.env_dir = Some(world.dir("env"));
        world.assert_fashion_mnist(choice, None);
    }
}

#[test]
fn the_places_are_looked_at_in_order() {
    // A wrong dataset in one place is an error naming its files: so it shows which place was read.
    let mut world = World::new();
    for place in ["given", "env", "project", "cache"] {
        write_packed(&world.dir(place), &files(1));
    }
    world.places.env_dir = Some(world.dir("env"));
    let given = world.dir("given");
    world.assert_error(
        DatasetChoice::FashionMnist,
        Some(&given),
        &[given.to_str().unwrap()],
    );
    world.assert_error(
        DatasetChoice::Auto,
        None,
        &[world.dir("env").to_str().unwrap()],
    );
    world.places.env_dir = None;
    world.assert_error(
        DatasetChoice::Auto,
        None,
        &[world.dir("project").to_str().unwrap()],
    );
    fs::remove_file(world.dir("project").join(format!("{}.gz", NAMES[2]))).unwrap();
    world.assert_error(
        DatasetChoice::Auto,
        None,
        &[world.dir("cache").to_str().unwrap()],
    );
}

#[test]
fn unpacked_files_are_as_good() {
    let world = World::new();
    let dir = world.dir("given");
    write_packed(&dir, &files(0));
    for (name, file) in NAMES.iter().zip(files(0)).take(3) {
        fs::remove_file(dir.join(format!("{name}.gz"))).unwrap();
        fs::write(dir.join(name), file).unwrap();
    }
    world.assert_fashion_mnist(DatasetChoice::FashionMnist, Some(&dir));
}

#[test]
fn a_folder_that_was_named_must_have_all_files() {
    for missing in NAMES {
        let mut world = World::new();
        write_packed(&world.dir("project"), &files(0));
        write_packed(&world.dir("named"), &files(0));
        fs::remove_file(world.dir("named").join(format!("{missing}.gz"))).unwrap();
        let named = world.dir("named");
        world.assert_error(
            DatasetChoice::Auto,
            Some(&named),
            &[named.to_str().unwrap(), missing],
        );
        world.places.env_dir = Some(named.clone());
        world.assert_error(
            DatasetChoice::Auto,
            None,
            &["FMNIST_DATA_DIR", named.to_str().unwrap(), missing],
        );
    }
    let world = World::new();
    world.assert_error(
        DatasetChoice::Auto,
        Some(Path::new("/no/such/folder")),
        &["/no/such/folder", "--data-dir"],
    );
}

#[test]
fn another_dataset_is_taken_from_data_dir_only_and_under_its_own_name() {
    let mut world = World::new();
    let dir = world.dir("digits\u{1b}[31m");
    write_packed(&dir, &files(5));
    let dataset = world.load(DatasetChoice::Auto, Some(&dir)).unwrap();
    assert_eq!(dataset.name, "digits\u{fffd}[31m");
    assert_eq!(dataset.class_names[0], "class 0");
    assert_eq!(dataset.class_names[9], "class 9");
    let validation = dataset.validation.expect("some are taken for it");
    assert_eq!(dataset.train.len() + validation.len(), 30);

    let refusal = [
        "is not Fashion-MNIST's file",
        "another dataset under the same name?",
        NAMES[0],
    ];
    world.assert_error(DatasetChoice::FashionMnist, Some(&dir), &refusal);
    for choice in BOTH {
        write_packed(&world.dir("cache"), &files(5));
        world.assert_error(choice, None, &refusal);
        write_packed(&world.dir("project"), &files(5));
        world.assert_error(choice, None, &refusal);
        world.places.env_dir = Some(dir.clone());
        world.assert_error(choice, None, &refusal);
        world.places.env_dir = None;
    }
}

#[test]
fn another_dataset_cannot_take_a_name_that_is_not_its_own() {
    let world = World::new();
    for name in ["Fashion-MNIST", "fashion_mnist", "synthetic (stand-in)"] {
        let dir = world.dir(name);
        write_packed(&dir, &files(5));
        assert_eq!(
            world.load(DatasetChoice::Auto, Some(&dir)).unwrap().name,
            format!("{name} (another dataset)")
        );
    }
}

/// Labels that somebody corrected, say.
#[test]
fn a_changed_fashion_mnist_is_taken_from_data_dir_only_and_named_so() {
    const STEMS: [&str; 4] = ["train-images", "train-labels", "t10k-images", "t10k-labels"];
    for changed in 1..15_usize {
        let is_changed = |file: &usize| changed >> file & 1 == 1;
        let mut world = World::new();
        let mut mixed = files(0);
        for file in (0..4).filter(is_changed) {
            mixed[file] = files(3)[file].clone();
        }
        let dir = world.dir("mixed");
        write_packed(&dir, &mixed);
        let mut warnings = Vec::new();
        let dataset = load_from(
            DatasetChoice::Auto,
            Some(&dir),
            &Preparation::default(),
            &world.places,
            &mut |event| {
                if let Event::Warning(text) = event {
                    warnings.push(text.to_owned());
                }
            },
        );
        let dataset = dataset.unwrap();
        let stems: Vec<&str> = (0..4).filter(is_changed).map(|file| STEMS[file]).collect();
        let name = format!("Fashion-MNIST (changed: {})", stems.join(", "));
        assert_eq!(dataset.name, name);
        assert_eq!(dataset.class_names, FASHION_MNIST_CLASSES);
        assert_eq!(*dataset.train.packed(), mixed[0][16..]);
        assert_eq!(bytes(&dataset.test.labels), mixed[3][8..]);
        assert!(
            warnings.len() == 1 && warnings[0].contains(&name),
            "{warnings:?}"
        );

        let first = (0..4).find(is_changed).unwrap();
        let advice = format!("--data-dir {}, without --dataset", dir.display());
        let refusal = ["is not Fashion-MNIST's file", NAMES[first], &advice];
        world.assert_error(DatasetChoice::FashionMnist, Some(&dir), &refusal);
        world.places.env_dir = Some(dir);
        for choice in BOTH {
            world.assert_error(choice, None, &refusal);
        }
        world.places.env_dir = None;
        for place in ["cache", "project"] {
            write_packed(&world.dir(place), &mixed);
            for choice in BOTH {
                world.assert_error(choice, None, &[refusal[0], refusal[1]]);
            }
        }
    }
}

#[test]
fn two_files_of_one_name_hold_the_same_or_are_refused() {
    let world = World::new();
    let dir = world.dir("both");
    write_packed(&dir, &files(0));
    let unpacked = dir.join(NAMES[1]);
    fs::write(&unpacked, &files(0)[1]).unwrap();
    assert_eq!(
        world.load(DatasetChoice::Auto, Some(&dir)).unwrap().name,
        "Fashion-MNIST"
    );
    let states = verify(&dir, &world.places.manifest).unwrap();
    assert!(states.iter().all(|state| matches!(state, State::Good(_))));
    // Labels that were unpacked and corrected.
    fs::write(&unpacked, &files(3)[1]).unwrap();
    let refusal = [NAMES[1], "do not hold the same", "move the one away"];
    for choice in BOTH {
        world.assert_error(choice, Some(&dir), &refusal);
    }
    let states = verify(&dir, &world.places.manifest).unwrap();
    assert_eq!(states[1], State::Wrong(unpacked));
}

#[test]
fn files_are_known_by_what_they_hold() {
    let twice = |file: &[u8]| gzip(&gzip(file));
    let thrice = |file: &[u8]| gzip(&gzip(&gzip(file)));
    let otherwise = |file: &[u8]| {
        let mut encoder = GzBuilder::new()
            .filename("a name")
            .comment("and a comment")
            .write(Vec::new(), Compression::best());
        encoder.write_all(file).unwrap();
        encoder.finish().unwrap()
    };
    type Pack<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;
    let forms: [(&str, Pack); 7] = [
        (".gz", &|file| file.to_vec()),
        (".gz", &twice),
        (".gz", &thrice),
        (".gz", &otherwise),
        ("", &|file| gzip(file)),
        ("", &twice),
        (".gz.gz", &twice),
    ];
    for (form, (extension, pack)) in forms.iter().enumerate() {
        let mut world = World::new();
        for place in ["given", "cache"] {
            fs::create_dir(world.dir(place)).unwrap();
            for (name, file) in NAMES.iter().zip(files(0)) {
                let path = world.dir(place).join(format!("{name}{extension}"));
                fs::write(path, pack(&file)).unwrap();
            }
        }
        let given = world.dir("given");
        for choice in BOTH {
            world.assert_fashion_mnist(choice, Some(&given));
            // Nothing is downloaded, which would fail here.
            world.assert_fashion_mnist(choice, None);
        }
        let good = NAMES.map(|name| State::Good(given.join(format!("{name}{extension}"))));
        let states = verify(&given, &world.places.manifest).unwrap();
        assert_eq!(states, good, "form {form}");
        world.places.env_dir = Some(given);
        world.assert_fashion_mnist(DatasetChoice::Auto, None);
    }
    // Four times is no accident.
    let world = World::new();
    let dir = world.dir("given");
    write_packed(&dir, &files(0).map(|file| thrice(&file)));
    world.assert_error(
        DatasetChoice::Auto,
        Some(&dir),
        &["is not an IDX file", NAMES[0]],
    );
    let states = verify(&dir, &world.places.manifest).unwrap();
    assert!(states.iter().all(|state| matches!(state, State::Wrong(_))));
}

#[test]
fn names_as_unpacking_leaves_them_are_found() {
    let world = World::new();
    let spellings: [&dyn Fn(&str) -> String; 8] = [
        &|name| name.replace("-idx", ".idx"),
        &|name| name.replace("-idx", ".idx") + ".gz",
        &str::to_uppercase,
        &|name| format!("{}.GZ", name.to_uppercase()),
        &|name| name.replace('-', "_"),
        &|name| format!("{name}/{name}"),
        &|name| format!("{name}/{}", name.replace("-idx", ".idx")),
        &|name| format!("{}.gz/{name}.gz", name.replace("-idx", ".idx")),
    ];
    for (place, spelling) in spellings.iter().enumerate() {
        let dir = world.dir(&format!("spelling {place}"));
        for (name, file) in NAMES.iter().zip(files(0)) {
            let path = dir.join(spelling(name));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, gzip(&file)).unwrap();
            let manifest = &world.places.manifest.files;
            let found = manifest
                .iter()
                .find(|file| file.name == *name)
                .unwrap()
                .find(&dir);
            assert_eq!(found, Some(path));
        }
        world.assert_fashion_mnist(DatasetChoice::Auto, Some(&dir));

        // As published comes first, then unpacked, if there is another that holds the same.
        let found = || world.places.manifest.files[0].find(&dir);
        if !dir.join(NAMES[0]).is_dir() {
            fs::write(dir.join(NAMES[0]), &files(0)[0]).unwrap();
            assert_eq!(found(), Some(dir.join(NAMES[0])));
        }
        write_packed(&dir, &files(0));
        assert_eq!(found(), Some(dir.join(format!("{}.gz", NAMES[0]))));
        world.assert_fashion_mnist(DatasetChoice::Auto, Some(&dir));
    }
}

#[test]
fn the_digest_is_that_of_the_content() {
    let world = World::new();
    let digest = |name: &str, files: &[Vec<u8>; 4], packed: bool| {
        let dir = world.dir(name);
        fs::create_dir_all(&dir).unwrap();
        for (name, file) in NAMES.iter().zip(files) {
            match packed {
                true => fs::write(dir.join(format!("{name}.gz")), gzip(file)).unwrap(),
                false => fs::write(dir.join(name), file).unwrap(),
            }
        }
        // Else images to validate with would be a part of their own.
        let whole = Preparation::of_earlier();
        let dataset = world.load_as(DatasetChoice::Auto, Some(&dir), &whole);
        dataset.unwrap().digest
    };
    let own = digest("a/raw", &files(5), true);
    assert_eq!(digest("b/unpacked", &files(5), false), own);
    for changed in 0..4 {
        let mut others = files(5);
        *others[changed].last_mut().unwrap() ^= 1;
        let other = digest(&format!("changed {changed}"), &others, true);
        assert_ne!(other.all, own.all);
        assert_eq!(other.test == own.test, changed < 2);
    }
    // The same images with other borders between the files.
    let [images, labels, test_images, test_labels] = files(5);
    let swapped = [test_images, test_labels, images, labels];
    assert_ne!(digest("swapped", &swapped, true).all, own.all);
}

#[test]
fn damaged_files_are_refused_and_named() {
    let world = World::new();
    let dir = world.dir("given");
    let [images, labels, test_images, test_labels] = files(5);
    write_packed(
        &dir,
        &[
            images.clone(),
            labels_file(&[1; 29]),
            test_images,
            test_labels,
        ],
    );
    world.assert_error(
        DatasetChoice::Auto,
        Some(&dir),
        &["has 30 images but", "has 29 labels", NAMES[0], NAMES[1]],
    );
    write_packed(&dir, &files(5));
    fs::write(dir.join(format!("{}.gz", NAMES[2])), labels).unwrap();
    world.assert_error(
        DatasetChoice::Auto,
        Some(&dir),
        &["is not an IDX file of images", NAMES[2]],
    );
}

#[test]
fn the_stand_in_comes_with_a_warning_and_only_if_nothing_was_insisted_on() {
    let mut world = World::new();
    world.assert_error(
        DatasetChoice::FashionMnist,
        None,
        &["could not be downloaded", "fmnist data fetch"],
    );
    let mut warnings = Vec::new();
    let dataset = load_from(
        DatasetChoice::Auto,
        None,
        &Preparation::default(),
        &world.places,
        &mut |event| {
            if let Event::Warning(text) = event {
                warnings.push(text.to_owned());
            }
        },
    );
    assert_eq!(dataset.unwrap().name, "synthetic (stand-in)");
    assert_eq!(warnings.len(), 1);
    assert!(
        warnings[0].contains("NO REAL DATA") && warnings[0].contains("synthetic (stand-in)"),
        "{warnings:?}"
    );

    world.places.cache_dir = None;
    assert_eq!(
        world.load(DatasetChoice::Auto, None).unwrap().name,
        "synthetic (stand-in)"
    );
    world.assert_error(DatasetChoice::FashionMnist, None, &["no cache folder"]);
}

#[test]
fn the_stand_in_needs_no_files_and_takes_no_folder() {
    let mut world = World::new();
    world.places.env_dir = Some(world.dir("missing"));
    assert_eq!(
        world.load(DatasetChoice::Synthetic, None).unwrap().name,
        "synthetic (stand-in)"
    );
    let dir = world.dir("given");
    world.assert_error(
        DatasetChoice::Synthetic,
        Some(&dir),
        &["--data-dir", "--dataset synthetic"],
    );
}

#[test]
fn a_network_that_answers_nothing_costs_less_than_ten_seconds() {
    let mut world = World::new();
    // The system accepts these connections, and nobody ever answers on them.
    let silent = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    world.places.manifest.mirrors = silent
        .iter()
        .map(|listener| format!("http://{}/", listener.local_addr().unwrap()))
        .collect();
    let start = Instant::now();
    world.load(DatasetChoice::FashionMnist, None).unwrap_err();
    let elapsed = start.elapsed();
    assert!(elapsed < Duration::from_secs(10), "{elapsed:?}");
}

#[test]
fn splits_are_cut_where_they_should_be() {
    let labels: Vec<u16> = (0..10).collect();
    let images: Vec<u8> = (0..10).flat_map(|label| [label; 784]).collect();
    let whole = Split::new(FASHION_MNIST_SPEC, images, labels).unwrap();
    for n in [0, 1, 9, 10, 11, usize::MAX] {
        let kept = n.min(10);
        let (mut first, mut rest) = (whole.clone(), whole.clone());
        first.truncate(n);
        assert_eq!(first.labels, whole.labels[..kept]);
        assert_eq!(first.packed().len(), kept * 784);
        let last = rest.split_off_last(n);
        assert_eq!(last.labels, whole.labels[10 - kept..]);
        assert_eq!(rest.labels, whole.labels[..10 - kept]);
        for split in [&first, &rest, &last] {
            for index in 0..split.len() {
                assert_eq!(split.image(index), [split.labels[index] as u8; 784]);
            }
        }
    }
}

/// The folder with the real data: these tests are worth nothing without it.
fn real_dir() -> PathBuf {
    let dir = std::env::var_os("FMNIST_DATA_DIR");
    PathBuf::from(
        dir.expect("FMNIST_DATA_DIR must name a folder with the four files of Fashion-MNIST"),
    )
}

#[test]
fn the_real_data_is_fashion_mnist() {
    let places = SearchPaths {
        env_dir: Some(real_dir()),
        ..SearchPaths::of_user()
    };
    let dataset = load_from(
        DatasetChoice::FashionMnist,
        None,
        &Preparation::default(),
        &places,
        &mut |_| {},
    )
    .unwrap();
    assert_eq!(dataset.name, "Fashion-MNIST");
    assert_eq!(dataset.class_names, FASHION_MNIST_CLASSES);
    let raw = places.manifest.files.iter().map(|file| &*file.raw.sha256);
    let published = raw.collect::<Vec<_>>().concat();
    assert_eq!(dataset.digest.all, fingerprint(published.as_bytes()).sha256);
    // The published facts: balanced classes, and the first labels of both parts.
    for (split, n) in [(&dataset.train, 60_000), (&dataset.test, 10_000)] {
        assert_eq!((split.len(), split.packed().len()), (n, n * 784));
        for class in 0..10 {
            assert_eq!(
                split.labels.iter().filter(|&&label| label == class).count(),
                n / 10
            );
        }
    }
    assert_eq!(dataset.train.labels[..5], [9, 0, 0, 3, 0]);
    assert_eq!(dataset.test.labels[..5], [9, 2, 1, 1, 6]);
    // The mean pixel of the training images, known to be 0.2860.
    let pixels = dataset.train.packed();
    let sum: u64 = pixels.iter().map(|&pixel| u64::from(pixel)).sum();
    let mean = sum as f64 / pixels.len() as f64 / 255.0;
    assert!((mean - 0.2860).abs() < 5e-5, "{mean}");
}

#[test]
fn real_data_with_foreign_files_is_not_fashion_mnist() {
    let root = tempfile::tempdir().unwrap();
    let real = real_dir();
    for (name, digits) in NAMES.iter().zip(files(1)) {
        let packed = format!("{name}.gz");
        if *name == NAMES[3] || *name == NAMES[2] {
            fs::write(root.path().join(packed), gzip(&digits)).unwrap();
        } else {
            let file = [&packed, *name]
                .map(|name| real.join(name))
                .into_iter()
                .find(|path| path.is_file());
            let file = file.expect("FMNIST_DATA_DIR must have all four files");
            fs::copy(&file, root.path().join(file.file_name().unwrap())).unwrap();
        }
    }
    let load = |choice| {
        load_from(
            choice,
            Some(root.path()),
            &Preparation::default(),
            &SearchPaths::of_user(),
            &mut |_| {},
        )
    };
    let error = load(DatasetChoice::FashionMnist).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("t10k-images-idx3-ubyte.gz is not Fashion-MNIST's"),
        "{error}"
    );
    let dataset = load(DatasetChoice::Auto).unwrap();
    assert_eq!(
        dataset.name,
        "Fashion-MNIST (changed: t10k-images, t10k-labels)"
    );
}

/// Labels below 256 as bytes.
fn bytes(labels: &[u16]) -> Vec<u8> {
    labels.iter().map(|&label| label as u8).collect()
}
